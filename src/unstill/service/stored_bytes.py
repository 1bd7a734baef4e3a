"""How many bytes an owner's jobs and uploads take up: measured, and followed from then on.

Counted are the files of its jobs that are not deleted, and its uploads; of a key, the files of the
jobs that it made. The pictures of a job that is being stored count from the moment in which it was
allowed, what is fetched and made for a job once it is there: a job that was taken brings its video
home, however large. Where there is too little left, it is measured anew before anybody is refused:
files also go by the sweep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from unstill.domain.access_errors import OverBytes
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job, State
from unstill.domain.limits import Party
from unstill.files.port import Files
from unstill.files.uploads import Uploads
from unstill.service.fleet_counts import FleetCounts
from unstill.store.ports.owners import Owners

MEASURED_AGAIN_S = 10.0  # a caller that is refused time and again costs no more than that
AT_ONCE = 1_000  # jobs that are measured in one go
_HAS_MORE = frozenset({State.READY, State.SUCCEEDED, State.FAILED, State.CANCELLED})

log = structlog.get_logger()


class _OfParty:
    def __init__(self) -> None:
        self.jobs: dict[str, int] = {}
        self.of_jobs = 0
        self.uploads = 0
        self.coming = 0  # uploads that are being stored
        self.pending: set[str] = set()  # jobs that are being stored
        self.measured_s: float | None = None  # None: never yet
        self.measuring: asyncio.Task[None] | None = None
        # Since it began: what it sees of these may be older than what is known.
        self.fresh: set[str] = set()  # jobs that were heard of
        self.fresh_uploads = 0  # bytes of uploads that were stored

    @property
    def total(self) -> int:
        return self.of_jobs + self.uploads + self.coming

    def put(self, job_id: str, size_bytes: int) -> None:
        self.of_jobs += size_bytes - self.jobs.pop(job_id, 0)
        if self.measuring is not None:
            self.fresh.add(job_id)
        if size_bytes:
            self.jobs[job_id] = size_bytes


class StoredBytes:
    """How much is stored for owners and keys that have a limit of bytes."""

    def __init__(
        self,
        *,
        owners: Owners,
        files: Files,
        uploads: Uploads,
        monotonic_s: Callable[[], float] = time.monotonic,
        fleet: FleetCounts | None = None,
    ) -> None:
        """`fleet`: of the other servers; None: there are none."""
        self._owners = owners
        self._files = files
        self._uploads = uploads
        self._monotonic_s = monotonic_s
        self._of: dict[Party, _OfParty] = {}
        self._changed: dict[str, Party] = {}  # jobs whose files are to be measured
        self._measuring: asyncio.Task[None] | None = None
        self._tell = None if fleet is None else fleet.share("uploads", self._heard)

    async def count(self, party: Party, most: int, wanted: int) -> None:
        """Know what is stored, and know it anew if there is too little left."""
        stored = self._of.setdefault(party, _OfParty())
        if stored.measuring is None and self._is_due(stored, most, wanted):
            stored.measuring = asyncio.create_task(self._measure(party, stored))
        if stored.measuring is not None:
            await asyncio.shield(stored.measuring)

    def _is_due(self, stored: _OfParty, most: int, wanted: int) -> bool:
        if stored.measured_s is None:
            return True
        is_old = self._monotonic_s() - stored.measured_s >= MEASURED_AGAIN_S
        return is_old and stored.total + wanted > most

    def check(self, party: Party, wanted: int, *, most: int) -> None:
        """Raises OverBytes if so many more would be too many; `count` came before."""
        stored = self._of[party]
        if stored.total + wanted > most:
            raise OverBytes(most=most, used=stored.total, wanted=wanted, of_key=bool(party.key_id))

    def reserve(self, party: Party, job_id: str, wanted: int) -> None:
        """Let a job's pictures be stored; `check` came before."""
        stored = self._of[party]
        stored.pending.add(job_id)
        stored.put(job_id, wanted)

    def settle(self, party: Party, job_id: str, *, is_stored: bool) -> None:
        stored = self._of.get(party)
        if stored is not None and job_id in stored.pending:
            stored.pending.discard(job_id)
            if not is_stored:
                stored.put(job_id, 0)

    def reserve_upload(self, party: Party, wanted: int, *, most: int) -> None:
        """Let an upload be stored; `count` came before. Raises OverBytes."""
        self.check(party, wanted, most=most)
        self._of[party].coming += wanted

    def settle_upload(self, party: Party, wanted: int, *, is_stored: bool) -> None:
        """An upload that was let be stored is, or is not."""
        stored = self._of[party]
        stored.coming -= wanted
        if is_stored:
            self._heard(party, wanted)
            if self._tell is not None:
                self._tell(party, wanted)

    def _heard(self, party: Party, size_bytes: int) -> None:
        """An upload was stored, here or at another server."""
        stored = self._of.get(party)
        if stored is not None:
            stored.uploads += size_bytes
            stored.fresh_uploads += size_bytes

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        if not self._of:
            return
        maker = Party(job.owner, job.key_id)
        counted = [self._of[party] for party in maker.whole if party in self._of]
        if not counted:
            return
        if job.is_hidden and job.state.is_final:
            for stored in counted:
                stored.put(job.id, 0)
        elif job.state in _HAS_MORE:
            self._changed[job.id] = maker
            if self._measuring is None:
                self._measuring = asyncio.create_task(self._measure_changed())

    async def _measure(self, party: Party, stored: _OfParty) -> None:
        """Where it fails, all is as it was, and the next call measures anew."""
        stored.fresh, stored.fresh_uploads = set(stored.pending), 0
        try:
            uploads = 0 if party.key_id else await self._uploads.size_bytes(party.owner)
            measured = await self._sizes(await self._owners.with_files(party))
            measured |= {each: stored.jobs.get(each, 0) for each in stored.fresh}
            stored.jobs = {each: size for each, size in measured.items() if size}
            stored.of_jobs = sum(stored.jobs.values())
            # One that ended as they were looked at counts twice, until they are the next time.
            stored.uploads = uploads + stored.fresh_uploads
            stored.measured_s = self._monotonic_s()
        finally:
            stored.measuring = None
            stored.fresh = set()

    async def _sizes(self, job_ids: Sequence[str]) -> dict[str, int]:
        measured: dict[str, int] = {}
        for first in range(0, len(job_ids), AT_ONCE):
            some = job_ids[first : first + AT_ONCE]
            measured |= zip(some, await self._files.sizes(some), strict=True)
        return measured

    async def _measure_changed(self) -> None:
        """Until all that changed meanwhile is known too."""
        changed: dict[str, Party] = {}
        try:
            while self._changed:
                changed, self._changed = self._changed, {}
                await self._note(tuple(changed), changed)
        except UnstillError as error:
            self._changed = changed | self._changed  # looked at with the next that changes
            log.warning("files_not_measured", why=error.message)
        finally:
            self._measuring = None

    async def _note(self, job_ids: Sequence[str], makers: dict[str, Party]) -> None:
        for job_id, size_bytes in zip(job_ids, await self._files.sizes(job_ids), strict=True):
            for party in makers[job_id].whole:
                stored = self._of.get(party)
                if stored is not None:
                    stored.put(job_id, size_bytes)
