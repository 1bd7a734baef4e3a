"""The embedded store, full or slow where a test wants it so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from unstill.domain.errors import OwnError, StorageFull
from unstill.domain.job import Change, IdempotencyMark, Job, State
from unstill.domain.lease import Lease
from unstill.domain.money import ChargeReserve
from unstill.store.embedded.jobs import EmbeddedJobs
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.embedded.uptime_notes import EmbeddedUptimeNotes
from unstill.store.lanes import Lanes
from unstill.system.clock import clock_ms


class SlowStore(EmbeddedStore):
    """The embedded store on a disk that may be full, among writers that may be quicker."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.is_refused: Callable[[Change], bool] = lambda _: False
        self.refused = 0
        self.up_troubles: list[OwnError] = []  # the next notes that a server is up have them
        self.has_room = True  # for new rows
        self.overtaken: dict[State, Change] = {}  # the next change to it comes after that one
        self.late: State | None = None  # changes to it are answered when `answers` is set
        self.answers = asyncio.Event()
        self.reads: Counter[str] = Counter()  # how often rows were read, by job
        self.jobs = SlowJobs(self, clock_ms)
        self.queue = Lanes(self.jobs.look, clock_ms)
        self.uptime_notes = TroubledNotes(self)


class SlowJobs(EmbeddedJobs):
    def __init__(self, store: SlowStore, clock_ms: Callable[[], int]) -> None:
        super().__init__(store.handle, clock_ms)
        self._store = store

    def look(self, job_id: str) -> Job | None:
        self._store.reads[job_id] += 1
        return super().look(job_id)

    async def add(
        self,
        job: Job,
        *,
        mark: IdempotencyMark | None = None,
        reserve: ChargeReserve | None = None,
    ) -> Job:
        if not self._store.has_room:
            raise StorageFull("the disk of the data folder is full")
        return await super().add(job, mark=mark, reserve=reserve)

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        store = self._store
        if store.is_refused(change):
            store.refused += 1
            raise StorageFull("the disk of the data folder is full")
        if change.to in store.overtaken:
            await super().change(job_id, store.overtaken.pop(change.to))
        changed = await super().change(job_id, change, attempt=attempt)
        if change.to is not None and change.to is store.late:
            await store.answers.wait()
        return changed


class TroubledNotes(EmbeddedUptimeNotes):
    def __init__(self, store: SlowStore) -> None:
        super().__init__(store.handle)
        self._store = store

    async def note_up(self, now_ms: int, lease: Lease) -> None:
        if self._store.up_troubles:
            raise self._store.up_troubles.pop(0)
        await super().note_up(now_ms, lease)
