"""Whether an owner may have one more job, or store more: counted exactly, before anything is kept.

Only owners with a limit are counted. What they have is read from the store when it is first asked
for, and followed by what the store tells of each commit; a job that is being stored counts from
the moment in which it was allowed. All of it runs on the event loop, so that calls at once never
pass a limit together. How often an owner has submitted is known to this process alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from unstill.domain.access_errors import OverLimit
from unstill.domain.errors import UnstillError
from unstill.domain.job import Job, State
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.files.storage import Storage
from unstill.service.owner_limits import OwnerLimits
from unstill.service.stored_bytes import StoredBytes
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.store import Store

MINUTE_S = 60.0
READ_AGAIN_S = 1.0
RETRY_AFTER_S = 5  # nobody can tell when a job begins or ends; a poll's pause, as SDKs have it
WAITING = frozenset({State.QUEUED, State.READY})

log = structlog.get_logger()

LimitsOf = Callable[[Owner], Limits]


class Reservation:
    """One new job that was allowed; it counts until its row does, or it is given back."""

    __slots__ = ("job_id", "moment_s", "owner", "settled")

    def __init__(self, owner: Owner, job_id: str, moment_s: float | None) -> None:
        self.owner = owner
        self.job_id = job_id
        self.moment_s = moment_s  # where submits are counted by the minute
        self.settled = asyncio.Event()


class _UnfinishedJobs:
    """An owner's jobs that have not ended, those that are being stored included."""

    def __init__(self) -> None:
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

    async def load(self, owner: Owner, backlog: Backlog) -> None:
        """Read what was there; what is told meanwhile is newer. Raises StorageFailed."""
        async for places in backlog.unfinished():
            for place in places:
                if place.owner == owner and place.job_id not in (self._told or ()):
                    self._put(place.job_id, has_begun=place.state not in WAITING)
        self._told = None

    def reserve(self, job_id: str) -> None:
        self._reserved.add(job_id)
        self._put(job_id, has_begun=False)

    def give_back(self, job_id: str) -> None:
        """Unless its row is there after all."""
        if job_id in self._reserved:
            self._reserved.discard(job_id)
            self._drop(job_id)

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


class Allowances:
    """What is left to owners that have limits."""

    def __init__(
        self,
        limits_of: LimitsOf,
        *,
        backlog: Backlog,
        stored: StoredBytes,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits_of = limits_of
        self._backlog = backlog
        self._stored = stored
        self._monotonic_s = monotonic_s
        self._jobs: dict[Owner, _UnfinishedJobs] = {}
        self._submits: dict[Owner, deque[float]] = {}  # of the last minute
        self._pending: dict[Owner, set[Reservation]] = {}
        self._freed: Callable[[], None] = _nobody
        self._readings: set[asyncio.Task[None]] = set()

    # --- what waits ----------------------------------------------------------------------------

    def tell(self, freed: Callable[[], None]) -> None:
        """Tell it when an owner that might begin no job may again."""
        self._freed = freed

    def may_begin(self, owner: Owner) -> bool:
        """Whether one more of the owner's jobs may be begun; not before all of them are known."""
        most = self._limits_of(owner).in_flight
        if most is None:
            return True
        jobs = self._jobs.get(owner)
        if jobs is None or not jobs.is_known:
            if jobs is None:
                reading = asyncio.create_task(self._know(owner))
                self._readings.add(reading)
                reading.add_done_callback(self._readings.discard)
            return False
        return jobs.begun + len(jobs.beginning) < most

    def begin(self, owner: Owner, job_id: str) -> None:
        """A step that may begin the job is under way."""
        jobs = self._jobs.get(owner)
        if jobs is not None:
            jobs.beginning.add(job_id)

    def end(self, owner: Owner, job_id: str) -> None:
        """That step has ended, whatever it came to."""
        jobs = self._jobs.get(owner)
        if jobs is not None and job_id in jobs.beginning:
            jobs.beginning.discard(job_id)
            self._freed()

    async def _know(self, owner: Owner) -> None:
        """Read what an owner has whose jobs wait for that."""
        try:
            await self._unfinished(owner)
        except UnstillError as error:
            log.warning("jobs_not_counted", owner=owner, why=error.message)
            await asyncio.sleep(READ_AGAIN_S)
        self._freed()

    # --- what is asked for ---------------------------------------------------------------------

    async def take(self, owner: Owner, job_id: str, *, size_bytes: int) -> Reservation | None:
        """Let an owner have a new job with pictures of so many bytes; None where nothing counts.

        Raises OverLimit, OverBytes, StorageFailed. `settle` follows it.
        """
        limits = self._limits_of(owner)
        if limits.is_unlimited:
            return None
        jobs = await self._unfinished(owner) if limits.counts_jobs else None
        if limits.stored_bytes is not None:
            await self._stored.count(owner, limits.stored_bytes, size_bytes)
        # From here to the end nothing is waited for: whatever is asked at once is told apart.
        now_s = self._monotonic_s()
        if limits.submits_per_minute is not None:
            self._check_pace(owner, limits.submits_per_minute, now_s)
        if jobs is not None:
            _check_jobs(jobs, limits)
        if limits.stored_bytes is not None:
            self._stored.reserve(owner, job_id, size_bytes, most=limits.stored_bytes)
        if jobs is not None:
            jobs.reserve(job_id)
        moment_s = None
        if limits.submits_per_minute is not None:
            moment_s = now_s
            self._submits.setdefault(owner, deque()).append(now_s)
        reservation = Reservation(owner, job_id, moment_s)
        self._pending.setdefault(owner, set()).add(reservation)
        return reservation

    def settle(self, reservation: Reservation, *, is_stored: bool) -> None:
        """The job was stored, or was not and counts no more."""
        owner, job_id = reservation.owner, reservation.job_id
        pending = self._pending[owner]
        pending.discard(reservation)
        if not pending:
            del self._pending[owner]
        self._stored.settle(owner, job_id, is_stored=is_stored)
        if not is_stored:
            if (jobs := self._jobs.get(owner)) is not None:
                jobs.give_back(job_id)
            submits = self._submits.get(owner, deque())
            if reservation.moment_s is not None and reservation.moment_s in submits:
                submits.remove(reservation.moment_s)
        reservation.settled.set()

    @asynccontextmanager
    async def upload(self, owner: Owner, size_bytes: int) -> AsyncIterator[None]:
        """Store an upload of so many bytes in the block. Raises OverBytes, StorageFailed."""
        most = self._limits_of(owner).stored_bytes
        if most is None:
            yield
            return
        await self._stored.count(owner, most, size_bytes)
        self._stored.reserve_upload(owner, size_bytes, most=most)
        is_stored = False
        try:
            yield
            is_stored = True
        finally:
            self._stored.settle_upload(owner, size_bytes, is_stored=is_stored)

    async def nothing_pending(self, owner: Owner) -> None:
        """Wait until what the owner has asked for before is stored, or is not.

        A call that is refused may be one of these, sent again.
        """
        for each in tuple(self._pending.get(owner, ())):
            await each.settled.wait()

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        jobs = self._jobs.get(job.owner)
        if jobs is not None:
            begun = jobs.begun
            jobs.changed(job)
            if jobs.begun < begun:
                self._freed()
        self._stored.changed(job)

    async def _unfinished(self, owner: Owner) -> _UnfinishedJobs:
        jobs = self._jobs.get(owner)
        if jobs is None:
            jobs = self._jobs[owner] = _UnfinishedJobs()
            jobs.loading = asyncio.create_task(jobs.load(owner, self._backlog))
        if jobs.loading is not None:
            try:
                await asyncio.shield(jobs.loading)
            except Exception:
                if self._jobs.get(owner) is jobs:
                    del self._jobs[owner]  # the next call reads anew
                raise
            jobs.loading = None
        return jobs

    def _check_pace(self, owner: Owner, most: int, now_s: float) -> None:
        submits = self._submits.get(owner, deque())
        while submits and submits[0] <= now_s - MINUTE_S:
            submits.popleft()
        if len(submits) >= most:
            # Lowered meanwhile, it may take more than the first of them.
            free_s = submits[len(submits) - most] + MINUTE_S if most else now_s + MINUTE_S
            raise OverLimit(
                "submits-per-minute",
                "submits in the last minute",
                most=most,
                used=len(submits),
                retry_after_s=max(1, -int(-(free_s - now_s) // 1)),
            )


def _nobody() -> None:
    """Nobody waits."""


def _check_jobs(jobs: _UnfinishedJobs, limits: Limits) -> None:
    if limits.queue is not None and jobs.waiting >= limits.queue:
        raise OverLimit(
            "queue",
            "jobs wait for an engine",
            most=limits.queue,
            used=jobs.waiting,
            retry_after_s=RETRY_AFTER_S,
        )
    if limits.in_flight is not None and jobs.begun >= limits.in_flight:
        raise OverLimit(
            "in-flight",
            "jobs have begun and not ended",
            most=limits.in_flight,
            used=jobs.begun,
            retry_after_s=RETRY_AFTER_S,
        )


def allowances_in(store: Store, storage: Storage, limits: OwnerLimits) -> Allowances:
    """What the limits allow; the store's queue goes by both, and looks again when they change."""
    stored = StoredBytes(owners=store.owners, files=storage.files, uploads=storage.uploads)
    allowances = Allowances(limits.of, backlog=store.backlog, stored=stored)
    store.queue.weigh(limits.weight_of)
    store.queue.hold_by(allowances)
    allowances.tell(store.queue.look_again)
    limits.tell(store.queue.look_again)
    return allowances
