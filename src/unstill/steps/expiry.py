"""What an operator keeps for a while only: videos, pictures and rows of jobs that have ended.

Files go first and the row says so after: a kill in between leaves a row that says too much, and the
next round finds it again. The pictures of a job that failed are of no use to anybody; they go after
a day in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import msgspec
import structlog

from unstill.domain.delivery import DAY_MS
from unstill.domain.errors import ShuttingDown, StorageFailed, StorageFull
from unstill.domain.job import Job
from unstill.domain.log_fields import job_fields
from unstill.domain.removals import Removals
from unstill.files.port import Files
from unstill.store.local_duties import ALWAYS
from unstill.store.ports.duties import Term
from unstill.store.ports.retention import Kept, Retention

log = structlog.get_logger()

FAILED_PICTURES_MS = 24 * 3600 * 1000
LONGEST_INTERVAL_MS = 600_000
SHORTEST_INTERVAL_MS = 1_000
LOOKS_IN_A_TERM = 20  # a video goes by a twentieth too late, at most
AT_ONCE = 16  # they share their commits, and hold up nobody's


class KeepTimes(msgspec.Struct, frozen=True):
    """For how long from a job's end each thing of it is kept, in milliseconds; 0: for ever."""

    videos_ms: int = 0
    pictures_ms: int = 0
    rows_ms: int = 0

    @classmethod
    def in_days(cls, *, videos: float, pictures: float, rows: float) -> Self:
        return cls(*(round(days * DAY_MS) for days in (videos, pictures, rows)))

    def each(self) -> Iterator[tuple[Kept, int]]:
        """What goes, and when; a row goes with all that its job has."""
        if self.rows_ms:
            yield Kept.ROW, self.rows_ms
        if self.videos_ms:
            yield Kept.VIDEO, self.videos_ms
        if self.pictures_ms:
            yield Kept.PICTURES, self.pictures_ms
        if not 0 < self.pictures_ms <= FAILED_PICTURES_MS:
            yield Kept.FAILED_PICTURES, FAILED_PICTURES_MS

    @property
    def interval_ms(self) -> int:
        shortest_ms = min(term_ms for _, term_ms in self.each())
        return min(max(shortest_ms // LOOKS_IN_A_TERM, SHORTEST_INTERVAL_MS), LONGEST_INTERVAL_MS)


class Expiry:
    """Comes round now and then; each round may be ended at any point."""

    def __init__(
        self, *, terms: KeepTimes, retention: Retention, files: Files, clock_ms: Callable[[], int]
    ) -> None:
        self._terms = terms
        self._retention = retention
        self._files = files
        self._clock_ms = clock_ms
        self.removals = Removals(kept.value for kept, _ in terms.each())

    async def run(self, term: Term = ALWAYS) -> None:
        """Look at once and then again and again, for as long as the term goes on."""
        while True:
            try:
                if not await term.goes_on():
                    return
                await self.look()
            except (StorageFull, StorageFailed, ShuttingDown) as error:
                log.warning("expiry_failed", why=error.message)
            await asyncio.sleep(self._terms.interval_ms / 1000)

    async def look(self) -> None:
        """One round. Raises OwnError if the rows cannot be read or written."""
        for kept, term_ms in self._terms.each():
            count = await self._remove(kept, self._clock_ms() - term_ms)
            if count:
                log.info("expired", what=kept.value, count=count)

    async def _remove(self, kept: Kept, before_ms: int) -> int:
        count, after = 0, None
        while jobs := await self._retention.ended(
            kept, before_ms, now_ms=self._clock_ms(), after=after
        ):
            for first in range(0, len(jobs), AT_ONCE):
                some = jobs[first : first + AT_ONCE]
                before = await self._size_of(some)
                gone = await asyncio.gather(*(self._remove_one(job, kept) for job in some))
                freed_bytes = before - await self._size_of(some)
                self.removals.note(kept.value, jobs=sum(gone), freed_bytes=max(0, freed_bytes))
                count += sum(gone)
            after = jobs[-1]
        return count

    async def _size_of(self, jobs: Sequence[Job]) -> int:
        try:
            return sum(await self._files.sizes([job.id for job in jobs]))
        except (StorageFull, StorageFailed):  # a figure less, and nothing is kept for it
            return 0

    async def _remove_one(self, job: Job, kept: Kept) -> bool:
        """Whether it is gone. A file that cannot be removed holds up no other job's."""
        try:
            await self._remove_files(job, kept)
        except (StorageFull, StorageFailed) as error:
            log.warning("files_not_removed", **job_fields(job), why=error.message)
            return False
        await self._retention.note_removed(job.id, kept, self._clock_ms())
        return True

    async def _remove_files(self, job: Job, kept: Kept) -> None:
        pictures = [frame.file_name for frame in job.request.frames]
        if kept is Kept.VIDEO and not 0 < self._terms.pictures_ms <= self._terms.videos_ms:
            await self._files.discard_others(job.id, pictures)  # pictures of the video go with it
        elif kept is Kept.PICTURES and job.video is not None and job.video.removed_ms is None:
            for name in pictures:
                await self._files.discard(job.id, name)
        else:  # nothing is left, the folder neither
            await self._files.remove(job.id)
