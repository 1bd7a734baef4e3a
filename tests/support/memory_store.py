"""A whole job store in memory: what it is over outlives it, as a folder does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from time import perf_counter

import msgspec
import structlog

from support.memory_activities import MemoryActivities
from support.memory_charges import MemoryCharges, MemoryDoubts, end_reserve, keep_reserve
from support.memory_ports import (
    Memory,
    MemoryAttempts,
    MemoryBacklog,
    MemoryJobLists,
    MemoryKeys,
    MemoryLinkSecrets,
    MemoryOutbox,
    MemoryOwners,
    MemoryUptimeNotes,
    NoHeldJobs,
    Noun,
    Write,
)
from support.memory_retention import MemoryRetention
from unstill.domain.attempts import Outcome, Settlement
from unstill.domain.commit_counts import CommitCounts
from unstill.domain.delivery import owed_for
from unstill.domain.errors import (
    DataFolderBusy,
    KeyReused,
    ShuttingDown,
    StorageFailed,
    TicketTaken,
)
from unstill.domain.job import MOVES, Change, ChangedFields, IdempotencyMark, Job, apply
from unstill.domain.money import ChargeReserve
from unstill.domain.moves import JobMove
from unstill.domain.owner import Owner
from unstill.store.lanes import Lanes
from unstill.store.local_duties import LocalDuties, LocalSignals
from unstill.store.move_texts import at_ms_of
from unstill.store.ports.queue import Listener
from unstill.system.clock import clock_ms as system_clock_ms

log = structlog.get_logger()


class MemoryJobs(Noun):
    """Each write is done in its turn, and whole or not at all."""

    def __init__(
        self, opened: Callable[[], Memory], write: Write, clock_ms: Callable[[], int]
    ) -> None:
        super().__init__(opened)
        self._write = write
        self._clock_ms = clock_ms

    async def find(self, job_id: str) -> Job | None:
        return self.look(job_id)

    def look(self, job_id: str) -> Job | None:
        return self._memory.jobs.get(job_id)

    async def moves(self, job: Job) -> Sequence[JobMove]:
        return tuple(self._memory.moves.get(job.id, ()))

    async def marked(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        return _marked(self._memory, owner, mark)

    async def add(
        self,
        job: Job,
        *,
        mark: IdempotencyMark | None = None,
        reserve: ChargeReserve | None = None,
    ) -> Job:
        memory = self._memory
        earlier: list[Job] = []

        def add() -> Job | None:
            known = None if mark is None else _marked(memory, job.owner, mark)
            if known is not None:
                earlier.append(known)
                return None
            if job.id in memory.jobs:
                raise StorageFailed(f"{job.id} is there")
            if reserve is not None:
                keep_reserve(memory, reserve)
            if mark is not None:
                memory.marks[job.id] = (job, mark)
            memory.jobs[job.id] = job
            return job

        added = await self._write(add)
        return earlier[-1] if added is None else added

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        memory = self._memory
        _check(change)
        now_ms = self._clock_ms()
        if change.lease is not None:
            memory.hold(change.lease)

        def move() -> Job | None:
            job = memory.jobs.get(job_id)
            is_other = job is None or attempt not in {None, job.attempt}
            is_other |= change.held_by not in {None, memory.begun_by.get(job_id)}
            after = None if job is None or is_other else apply(job, change)
            if change.closes is not None:
                _settle(memory, job_id, change.closes)
            if after is not None:
                if change.opens is not None and (job_id, change.opens.n) in memory.attempts:
                    raise StorageFailed(f"{job_id} has an attempt {change.opens.n}")
                memory.jobs[job_id] = after
                if change.to is not None:
                    move = JobMove(change.to, at_ms_of(change, now_ms))
                    memory.moves.setdefault(job_id, []).append(move)
                if change.starts or change.lease is not None:
                    memory.begun_by[job_id] = change.lease.server if change.lease else None
                if change.opens is not None:
                    memory.attempts[job_id, change.opens.n] = change.opens
                if after.state.is_final and change.to is not None:
                    end_reserve(memory, after, change.bill)
                _owe(memory, after, change)
            return after

        return await self._write(move)


class MemoryStore:
    """A `Store` of one process, over `memory`."""

    def __init__(self, memory: Memory, clock_ms: Callable[[], int] = system_clock_ms) -> None:
        self.memory = memory
        self.is_open = False
        self.jobs = MemoryJobs(self._opened, self._write, clock_ms)
        self.job_lists = MemoryJobLists(self._opened)
        self.server_id = token_hex(8)
        self.attempts = MemoryAttempts(self._opened)
        self.outbox = MemoryOutbox(self._opened)
        self.commits = CommitCounts()
        self.queue = Lanes(self.jobs.look, clock_ms)
        self.backlog = MemoryBacklog(self._opened)
        self.held_jobs = NoHeldJobs()
        self.uptime_notes = MemoryUptimeNotes(self._opened)
        self.activities = MemoryActivities(self._opened)
        self.retention = MemoryRetention(self._opened)
        self.keys = MemoryKeys(self._opened)
        self.owners = MemoryOwners(self._opened)
        self.charges = MemoryCharges(self._opened)
        self.doubts = MemoryDoubts(self._opened, self._write)
        self.duties = LocalDuties()
        self.signals = LocalSignals()
        self.link_secrets = MemoryLinkSecrets(self._opened)
        self._told: Sequence[Listener] = ()

    @property
    def store_id(self) -> str:
        return self.memory.store_id

    async def agree(self, settings: Mapping[str, str]) -> None:
        """No other server can be up beside this one."""

    def check(self) -> None:
        """It is there for as long as its process is."""

    async def open(
        self, listeners: Sequence[Listener] = (), own_listeners: Sequence[Listener] = ()
    ) -> None:
        if self.memory.is_held:
            raise DataFolderBusy("another store is over it")
        self.memory.is_held = self.is_open = True
        self.memory.until_ms.clear()  # whoever was over it before has ended
        self._told = (self.queue.offer, *listeners, *own_listeners)
        for job in list(self.memory.unfinished()):
            self.queue.offer(job)

    async def close(self) -> None:
        await self.duties.rest()
        await self.queue.rest(0)
        if self.is_open:
            self.is_open = self.memory.is_held = False

    async def _write(self, work: Callable[[], Job | None]) -> Job | None:
        """Do it in its turn, whatever becomes of who waits for it; then tell, then answer."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Job | None] = loop.create_future()
        loop.call_soon(self._do, work, answer)
        return await answer

    def _opened(self) -> Memory:
        if not self.is_open:
            raise ShuttingDown("the job store is not open")
        return self.memory

    def _do(self, work: Callable[[], Job | None], answer: asyncio.Future[Job | None]) -> None:
        begun_s = perf_counter()
        try:
            job = work()
            self.commits.times.note(perf_counter() - begun_s)
        except Exception as error:  # noqa: BLE001  - it is who waits for it that hears it
            if not answer.done():
                answer.set_exception(error)
            return
        if job is not None:
            self._tell(job)
        if not answer.done():
            answer.set_result(job)

    def _tell(self, job: Job) -> None:
        for listener in self._told:
            try:
                listener(job)
            except Exception:
                log.exception("listener_failed", job_id=job.id)


# --- rules -------------------------------------------------------------------------------------


def _check(change: Change) -> None:
    """Raises ValueError for a change that no job may make, whatever its state."""
    if unknown := set(change.sets) - ChangedFields.__optional_keys__:
        raise ValueError(f"a change may not set {unknown}")
    for state in change.of:
        if change.to is not None and change.to not in MOVES[state]:
            raise ValueError(f"no job moves from {state} to {change.to}")


def _marked(memory: Memory, owner: Owner, mark: IdempotencyMark) -> Job | None:
    known = [(job, other) for job, other in memory.marks.values() if job.owner == owner]
    if mark.key is not None:
        for job, other in known:
            if other.key == mark.key:
                if other.fingerprint != mark.fingerprint:
                    raise KeyReused(mark.key)
                return memory.jobs[job.id]
        return None
    if mark.since_ms is None:
        return None
    tried = [
        (job.created_ms, job.id)
        for job, other in known
        if other.key is None
        and other.fingerprint == mark.fingerprint
        and job.created_ms >= mark.since_ms
        and not memory.jobs[job.id].is_hidden
    ]
    return memory.jobs[max(tried)[1]] if tried else None


def _settle(memory: Memory, job_id: str, settlement: Settlement) -> None:
    """Raises TicketTaken."""
    own = memory.attempts.get((job_id, settlement.n))
    if own is None:
        return
    if settlement.outcome is Outcome.ACCEPTED:
        for other in memory.attempts.values():
            is_same = (other.account, other.ticket) == (own.account, settlement.ticket)
            following = memory.continuations.get(job_id)
            by_right = following is not None and following.continued_by == other.job_id
            if is_same and other.job_id != job_id and not by_right:
                raise TicketTaken(f"{settlement.ticket}")
    if own.outcome in {Outcome.OPEN, Outcome.UNKNOWN}:
        memory.attempts[job_id, settlement.n] = msgspec.structs.replace(
            own, **msgspec.structs.asdict(settlement)
        )


def _owe(memory: Memory, job: Job, change: Change) -> None:
    if job.is_hidden:
        memory.deliveries.pop(job.id, None)
    elif change.to is not None and change.to.is_final:
        delivery = owed_for(job)
        if delivery is not None:
            memory.deliveries[job.id] = delivery
