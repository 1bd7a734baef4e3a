"""The ports of a job store in memory, but the one that writes jobs: plain reads of one value."""

from __future__ import annotations

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from itertools import islice
from secrets import token_bytes
from uuid import uuid4

import msgspec

from unstill.domain.api_key import ApiKey
from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.continuation import Continuation
from unstill.domain.delivery import Delivery, DeliveryState
from unstill.domain.errors import StorageFailed
from unstill.domain.job import IdempotencyMark, Job, State
from unstill.domain.job_ids import first_id
from unstill.domain.lease import Lease
from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.money import Charge
from unstill.domain.moves import JobMove
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.domain.resolution import Resolution
from unstill.store.ports.backlog import (
    InterruptedJob,
    RenderTime,
    TicketRow,
    UnfinishedJob,
    UnfinishedJobs,
)
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.job_lists import (
    Among,
    CursorPage,
    FoundPage,
    OffsetPage,
    Where,
    folded,
)
from unstill.store.ports.keys import Decide
from unstill.store.ports.outbox import OutboxStanding

Write = Callable[[Callable[[], Job | None]], Awaitable[Job | None]]

CHUNK = 1_000
LEAST_AWAY_MS = 60_000


class Memory:
    """What a store was over, and the next one is."""

    def __init__(self) -> None:
        self.store_id = uuid4().hex
        self.jobs: dict[str, Job] = {}
        self.marks: dict[str, tuple[Job, IdempotencyMark]] = {}  # by job, as it was then
        self.moves: dict[str, list[JobMove]] = {}  # by job
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self.deliveries: dict[str, Delivery] = {}  # by job
        self.ahead: dict[tuple[str, int], Attempt] = {}
        self.begun_by: dict[str, str | None] = {}  # the server that began a job's attempt
        self.until_ms: dict[str, int] = {}  # leases of servers since it was opened
        self.keys: dict[str, ApiKey] = {}
        self.key_changes = 0
        self.up_ms = 0
        self.limits: dict[Owner, Limits] = {}
        self.charges: list[Charge] = []
        self.resolutions: dict[str, Resolution] = {}  # by job
        self.continuations: dict[str, Continuation] = {}  # by the job whose call it was
        self.link_secrets: list[bytes] = []
        self.is_held = False
        self.without_pictures: set[str] = set()  # jobs that have lost theirs

    def of_state(self, *states: State) -> Iterator[Job]:
        """In the order of their ids."""
        return (job for _, job in sorted(self.jobs.items()) if job.state in states)

    def unfinished(self) -> Iterator[Job]:
        return (job for _, job in sorted(self.jobs.items()) if not job.state.is_final)

    def hold(self, lease: Lease) -> None:
        self.until_ms[lease.server] = max(lease.until_ms, self.until_ms.get(lease.server, 0))


class Noun:
    """One port of a store; `opened` raises ShuttingDown while it is not open."""

    def __init__(self, opened: Callable[[], Memory]) -> None:
        self._opened = opened

    @property
    def _memory(self) -> Memory:
        return self._opened()


class MemoryJobLists(Noun):
    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        jobs = sorted(self._shown(owner), key=lambda job: job.id, reverse=newest_first)
        if after is not None:
            jobs = [job for job in jobs if (job.id < after if newest_first else job.id > after)]
        return CursorPage(tuple(jobs[:limit]), has_more=len(jobs) > limit)

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        since, until = first_id(where.since_ms), first_id(where.until_ms + 1)
        jobs = [
            job
            for job in sorted(self._shown(owner), key=lambda job: job.id, reverse=True)
            if since <= job.id < until
            and (where.states is None or job.state in where.states)
            and where.model in {None, job.model}
        ]
        return OffsetPage(tuple(jobs[offset : offset + limit]), total=len(jobs))

    async def of_all(self, among: Among, *, limit: int, after: str | None = None) -> FoundPage:
        jobs = [
            job
            for job in sorted(self._memory.jobs.values(), key=lambda job: job.id, reverse=True)
            if not job.is_hidden
            and (after is None or job.id < after)
            and among.owner in {None, job.owner}
            and (among.states is None or job.state in among.states)
            and among.model in {None, job.model}
            and among.engine in {None, job.engine}
            and (among.prompt is None or folded(among.prompt) in folded(job.request.prompt))
            and (among.since_ms is None or job.id >= first_id(among.since_ms))
            and (among.until_ms is None or job.id < first_id(among.until_ms))
        ]
        page = tuple(jobs[:limit])
        return FoundPage(page, page[-1].id if len(jobs) > limit else None)

    async def of_owner(
        self, owner: Owner, among: Among, *, limit: int, after: str | None = None
    ) -> FoundPage:
        among = msgspec.structs.replace(among, owner=owner)
        return await self.of_all(among, limit=limit, after=after)

    def _shown(self, owner: Owner) -> Iterable[Job]:
        jobs = self._memory.jobs.values()
        return (job for job in jobs if job.owner == owner and not job.is_hidden)


class MemoryOwners(Noun):
    async def limits(self) -> Mapping[Owner, Limits]:
        return dict(self._memory.limits)

    async def change(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        limits = self._memory.limits.get(owner, UNLIMITED)
        self._memory.limits[owner] = limits = change(limits)
        self._memory.key_changes += 1
        return limits

    async def with_files(self, party: Party) -> Sequence[str]:
        return [
            job.id
            for job in self._memory.jobs.values()
            if party.made(job.owner, job.key_id) and not (job.is_hidden and job.state.is_final)
        ]


class MemoryAttempts(Noun):
    async def of(self, job_id: str) -> Sequence[Attempt]:
        return [each for key, each in sorted(self._memory.attempts.items()) if key[0] == job_id]

    async def recent(self, account: str, limit: int) -> Sequence[Attempt]:
        settled = [
            (each.settled_ms, each.job_id, each)
            for each in self._memory.attempts.values()
            if each.account == account and each.settled_ms is not None
        ]
        newest = sorted(settled, key=lambda found: found[:2], reverse=True)
        return [attempt for _, _, attempt in newest[:limit]]

    async def note_ahead(self, attempt: Attempt, size: Size | None, *, lasts: bool = False) -> None:
        del size, lasts
        self._memory.ahead[attempt.job_id, attempt.n] = attempt

    def noted_ahead(self, job_id: str, n: int) -> Attempt | None:
        noted = self._memory.ahead.get((job_id, n))
        return None if noted is None or noted.outcome is Outcome.OPEN else noted

    def forget_ahead(self) -> None:
        self._memory.ahead.clear()


class MemoryOutbox(Noun):
    async def due(
        self,
        by_ms: int,
        *,
        limit: int,
        without: Collection[str] = (),
        without_owners: Collection[Owner] = (),
    ) -> Sequence[Delivery]:
        owed = [
            each
            for each in self._memory.deliveries.values()
            if each.state is DeliveryState.OWED
            and each.due_ms <= by_ms
            and each.receiver not in without
            and each.owner not in without_owners
        ]
        return sorted(owed, key=lambda each: each.due_ms)[:limit]

    async def of(self, job_id: str) -> Delivery | None:
        return self._memory.deliveries.get(job_id)

    async def owed(self) -> int:
        deliveries = self._memory.deliveries.values()
        return sum(each.state is DeliveryState.OWED for each in deliveries)

    async def standing(self, *, given_up_since_ms: int) -> OutboxStanding:
        deliveries = self._memory.deliveries.values()
        owed = [each for each in deliveries if each.state is DeliveryState.OWED]
        return OutboxStanding(
            len(owed),
            min((each.created_ms for each in owed), default=None),
            failing=sum(each.tries > 0 for each in owed),
            given_up=sum(
                each.state is DeliveryState.GIVEN_UP and (each.ended_ms or 0) >= given_up_since_ms
                for each in deliveries
            ),
        )

    async def newest(self, limit: int) -> Sequence[Delivery]:
        deliveries = self._memory.deliveries.values()
        return sorted(deliveries, key=lambda each: each.job_id, reverse=True)[:limit]

    async def settle(self, delivery: Delivery) -> None:
        memory = self._memory
        now = memory.deliveries.get(delivery.job_id)
        if (
            now is not None
            and now.state is DeliveryState.OWED
            and (now.tries, now.until_ms) == (delivery.tries - 1, delivery.until_ms)
        ):
            memory.deliveries[delivery.job_id] = delivery

    async def owe_at_once(self, now_ms: int, *, until_ms: int) -> None:
        memory = self._memory
        for job_id, each in memory.deliveries.items():
            if each.state is DeliveryState.OWED:
                memory.deliveries[job_id] = msgspec.structs.replace(
                    each, tries=0, due_ms=now_ms, until_ms=max(each.until_ms, until_ms)
                )


class MemoryBacklog(Noun):
    async def interrupted(self, *, server: str, now_ms: int) -> Sequence[InterruptedJob]:
        memory, until_ms = self._memory, self._memory.until_ms
        return [
            InterruptedJob(job, by)
            for job in memory.of_state(State.SUBMITTING, State.RUNNING)
            if (job.state is State.SUBMITTING or job.ticket is None)
            and (by := memory.begun_by.get(job.id)) != server
            and (by is None or until_ms.get(by, 0) <= now_ms)
        ]

    async def waited_for(self) -> Sequence[str]:
        waiting = self._memory.of_state(State.QUEUED, State.READY, State.SAVING)
        return sorted({job.engine for job in waiting})

    async def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        places = [
            UnfinishedJob(job.id, job.owner, job.state, job.engine, job.due_ms, job.key_id)
            for job in self._memory.unfinished()
        ]
        for first in range(0, len(places), CHUNK):
            yield places[first : first + CHUNK]

    async def counted(self) -> Sequence[UnfinishedJobs]:
        places: dict[tuple[State, str, str | None, Owner], list[str]] = {}
        for job in self._memory.unfinished():
            places.setdefault((job.state, job.engine, job.lane, job.owner), []).append(job.id)
        return [UnfinishedJobs(*place, len(ids), ids[0]) for place, ids in places.items()]

    async def tickets(
        self, engines: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[TicketRow]]:
        rows = [
            TicketRow(
                job.id,
                job.attempt,
                job.engine,
                job.ticket,
                job.upstream_model or "",
                job.started_ms or 0,
                job.deadline_ms,
                job.wants_cancel,
                job.owner,
                job.request_id,
                job.trace,
            )
            for job in self._memory.of_state(State.RUNNING)
            if job.ticket is not None and (engines is None or job.engine in engines)
        ]
        for first in range(0, len(rows), CHUNK):
            yield rows[first : first + CHUNK]

    async def times(self, limit: int) -> Sequence[RenderTime]:
        newest = reversed(list(self._memory.of_state(State.SUCCEEDED)))
        return list(islice(filter(None, map(time_of, newest)), limit))


class MemoryKeys(Noun):
    async def changes(self) -> int:
        return self._memory.key_changes

    async def all(self) -> Sequence[ApiKey]:
        return sorted(self._memory.keys.values(), key=lambda key: (key.created_ms, key.id))

    async def had_any(self) -> bool:
        return bool(self._memory.keys)

    async def change(self, decide: Decide) -> ApiKey:
        standing = await self.all()
        key = decide(standing)
        if any(key.digest == other.digest and key.id != other.id for other in standing):
            raise StorageFailed(f"the digest of {key.id} is there")
        if key not in standing:
            self._memory.keys[key.id] = key
            self._memory.key_changes += 1
        return key

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        keys = self._memory.keys
        for key_id, moment_ms in used_ms.items():
            key = keys[key_id]
            last_ms = max(key.used_ms or 0, moment_ms)
            keys[key_id] = msgspec.structs.replace(key, used_ms=last_ms)


class MemoryLinkSecrets(Noun):
    async def all(self) -> Sequence[bytes]:
        secrets = self._memory.link_secrets
        if not secrets:
            secrets.append(token_bytes(32))
        return list(secrets)


class MemoryUptimeNotes(Noun):
    async def last_up_ms(self) -> int:
        return self._memory.up_ms

    async def count_from(self, now_ms: int) -> int:
        memory = self._memory
        away_ms = now_ms - memory.up_ms if memory.up_ms else 0
        memory.up_ms = now_ms
        if abs(away_ms) < LEAST_AWAY_MS:
            return 0
        for job in list(memory.unfinished()):
            if job.deadline_ms:
                moved_ms = job.deadline_ms + away_ms
                memory.jobs[job.id] = msgspec.structs.replace(job, deadline_ms=moved_ms)
        return away_ms

    async def note_up(self, now_ms: int, lease: Lease) -> None:
        self._memory.up_ms = now_ms
        self._memory.hold(lease)


class NoHeldJobs:
    """No copy of it is ever put back."""

    waiting = 0

    def __contains__(self, job_id: str) -> bool:
        return False

    async def ids(self) -> Sequence[str]:
        return []

    async def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        del job_ids, now_ms, within_ms
        return Released([], {})


def time_of(job: Job) -> RenderTime | None:
    if job.started_ms is None or job.ended_ms is None or job.size is None:
        return None
    work = job.size.width * job.size.height * job.request.duration_s
    return RenderTime(job.engine, job.request.model, work, job.ended_ms - job.started_ms)
