"""The unfinished jobs of those who have limits: read once, and followed from then on."""

from __future__ import annotations

import asyncio

from unstill.domain.access_errors import OverLimit
from unstill.domain.job import Job, State
from unstill.domain.limits import Limits, Party
from unstill.store.ports.backlog import Backlog

RETRY_AFTER_S = 5  # nobody can tell when a job begins or ends; a poll's pause, as SDKs have it
WAITING = frozenset({State.QUEUED, State.READY})


class JobTally:
    """A party's jobs that have not ended, those that are being stored included."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.waiting = 0
        self._has_begun: dict[str, bool] = {}
        self._reserved: set[str] = set()
        self._told: set[str] | None = set()  # while what was there before is being read
        self.loading: asyncio.Task[None] | None = None
        self.beginning: set[str] = set()  # a step may begin them

    @property
    def is_known(self) -> bool:
        return self._told is None

    @property
    def begun(self) -> int:
        return len(self._has_begun) - self.waiting

    @property
    def taken(self) -> int:
        """How many of those that may be in flight are: begun, or about to be."""
        return self.begun + len(self.beginning)

    @property
    def job_ids(self) -> tuple[str, ...]:
        return tuple(self._has_begun)

    def room(self, limits: Limits) -> int:
        """How many more of its jobs may be begun now; none before all of them are known."""
        if limits.in_flight is None:
            return len(self._has_begun)
        if not self.is_known:
            return 0
        return max(limits.in_flight - self.taken, 0)

    def check(self, limits: Limits) -> None:
        """Raises OverLimit if it may have no more job."""
        if limits.queue is not None and self.waiting >= limits.queue:
            raise self._over("queue", "jobs wait for an engine", limits.queue, self.waiting)
        if limits.in_flight is not None and self.begun >= limits.in_flight:
            what = "jobs have begun and not ended"
            raise self._over("in-flight", what, limits.in_flight, self.begun)

    async def load(self, backlog: Backlog) -> None:
        """Read what was there; what is told meanwhile is newer. Raises StorageFailed."""
        async for places in backlog.unfinished():
            for place in places:
                is_its = self.party.made(place.owner, place.key_id)
                if is_its and place.job_id not in (self._told or ()):
                    self._put(place.job_id, has_begun=place.state not in WAITING)
        self._told = None

    def reserve(self, job_id: str) -> None:
        self._reserved.add(job_id)
        self._put(job_id, has_begun=False)

    def give_back(self, job_id: str) -> bool:
        """Unless its row is there after all; whether it was given back."""
        is_reserved = job_id in self._reserved
        if is_reserved:
            self._reserved.discard(job_id)
            self._drop(job_id)
        return is_reserved

    def changed(self, job: Job) -> None:
        self._reserved.discard(job.id)
        if job.state not in WAITING:
            self.beginning.discard(job.id)
        if self._told is not None:
            self._told.add(job.id)
        if job.state.is_final:
            self._drop(job.id)
        else:
            self._put(job.id, has_begun=job.state not in WAITING)

    def _put(self, job_id: str, *, has_begun: bool) -> None:
        self._drop(job_id)
        self._has_begun[job_id] = has_begun
        self.waiting += not has_begun

    def _drop(self, job_id: str) -> None:
        self.waiting -= self._has_begun.pop(job_id, None) is False

    def _over(self, limit: str, what: str, most: int, used: int) -> OverLimit:
        return OverLimit(
            limit,
            what,
            most=most,
            used=used,
            retry_after_s=RETRY_AFTER_S,
            of_key=bool(self.party.key_id),
        )
