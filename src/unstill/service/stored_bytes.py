"""How many bytes an owner's jobs and uploads take up: measured, and followed from then on.

Counted are the files of its jobs that are not deleted, and its uploads. The pictures of a job that
is being stored count from the moment in which it was allowed, what is fetched and made for a job
once it is there: a job that was taken brings its video home, however large. Where there is too
little left, it is measured anew before anybody is refused: files also go by the sweep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from unstill.domain.access_errors import OverBytes
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job, State
from unstill.domain.owner import Owner
from unstill.files.port import Files
from unstill.files.uploads import Uploads
from unstill.store.ports.owners import Owners

MEASURED_AGAIN_S = 10.0  # a caller that is refused time and again costs no more than that
AT_ONCE = 1_000  # jobs that are measured in one go
_HAS_MORE = frozenset({State.READY, State.SUCCEEDED, State.FAILED, State.CANCELLED})

log = structlog.get_logger()


class _OfOwner:
    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        self.of_jobs = 0
        self.uploads = 0
        self.coming = 0  # of uploads that are being stored
        self.pending: set[str] = set()  # jobs that are being stored
        self.fresh: set[str] = set()  # jobs heard of since a measurement began
        self.measured_s = 0.0
        self.measuring: asyncio.Task[None] | None = None

    @property
    def total(self) -> int:
        return self.of_jobs + self.uploads + self.coming

    def put(self, job_id: str, size_bytes: int) -> None:
        self.of_jobs += size_bytes - self.jobs.pop(job_id, 0)
        self.fresh.add(job_id)
        if size_bytes:
            self.jobs[job_id] = size_bytes


class StoredBytes:
    """Of owners that have a limit of bytes."""

    def __init__(
        self,
        *,
        owners: Owners,
        files: Files,
        uploads: Uploads,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owners = owners
        self._files = files
        self._uploads = uploads
        self._monotonic_s = monotonic_s
        self._of: dict[Owner, _OfOwner] = {}
        self._changed: dict[str, Owner] = {}  # jobs whose files are to be measured
        self._measuring: asyncio.Task[None] | None = None

    async def count(self, owner: Owner, most: int, wanted: int) -> None:
        """Know what is stored, and know it anew if there is too little left."""
        stored = self._of.get(owner)
        if stored is None:
            stored = self._of[owner] = _OfOwner()
            stored.measuring = asyncio.create_task(self._measure(owner, stored))
        elif (
            stored.measuring is None
            and stored.total + wanted > most
            and self._monotonic_s() - stored.measured_s >= MEASURED_AGAIN_S
        ):
            stored.measuring = asyncio.create_task(self._measure(owner, stored))
        if stored.measuring is not None:
            try:
                await asyncio.shield(stored.measuring)
            except Exception:
                if self._of.get(owner) is stored:
                    del self._of[owner]  # the next call measures anew
                raise
            stored.measuring = None

    def reserve(self, owner: Owner, job_id: str, wanted: int, *, most: int) -> None:
        """Let a job's pictures be stored; `count` came before. Raises OverBytes."""
        stored = self._checked(owner, wanted, most)
        stored.pending.add(job_id)
        stored.put(job_id, wanted)

    def settle(self, owner: Owner, job_id: str, *, is_stored: bool) -> None:
        stored = self._of.get(owner)
        if stored is not None and job_id in stored.pending:
            stored.pending.discard(job_id)
            if not is_stored:
                stored.put(job_id, 0)

    def reserve_upload(self, owner: Owner, wanted: int, *, most: int) -> None:
        """Let an upload be stored; `count` came before. Raises OverBytes."""
        self._checked(owner, wanted, most).coming += wanted

    def settle_upload(self, owner: Owner, wanted: int, *, is_stored: bool) -> None:
        """An upload that was let be stored is, or is not."""
        stored = self._of[owner]
        stored.coming -= wanted
        if is_stored:
            stored.uploads += wanted

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        stored = self._of.get(job.owner)
        if stored is None:
            return
        if job.is_hidden and job.state.is_final:
            stored.put(job.id, 0)
        elif job.state in _HAS_MORE:
            self._changed[job.id] = job.owner
            if self._measuring is None:
                self._measuring = asyncio.create_task(self._measure_changed())

    def _checked(self, owner: Owner, wanted: int, most: int) -> _OfOwner:
        stored = self._of[owner]
        if stored.total + wanted > most:
            raise OverBytes(most=most, used=stored.total, wanted=wanted)
        return stored

    async def _measure(self, owner: Owner, stored: _OfOwner) -> None:
        stored.fresh = set(stored.pending)
        uploads = await self._uploads.size_bytes(owner)
        job_ids = await self._owners.with_files(owner)
        measured: dict[str, int] = {}
        for first in range(0, len(job_ids), AT_ONCE):
            some = job_ids[first : first + AT_ONCE]
            measured |= zip(some, await self._files.sizes(some), strict=True)
        measured |= {each: stored.jobs.get(each, 0) for each in stored.fresh}
        stored.jobs = {each: size for each, size in measured.items() if size}
        stored.of_jobs = sum(stored.jobs.values())
        stored.uploads = uploads
        stored.measured_s = self._monotonic_s()

    async def _measure_changed(self) -> None:
        """Until all that changed meanwhile is known too."""
        try:
            while self._changed:
                changed, self._changed = self._changed, {}
                await self._note(tuple(changed), changed)
        except UnstillError as error:
            log.warning("files_not_measured", why=error.message)
        finally:
            self._measuring = None

    async def _note(self, job_ids: Sequence[str], owners: dict[str, Owner]) -> None:
        for job_id, size_bytes in zip(job_ids, await self._files.sizes(job_ids), strict=True):
            stored = self._of.get(owners[job_id])
            if stored is not None:
                stored.put(job_id, size_bytes)
