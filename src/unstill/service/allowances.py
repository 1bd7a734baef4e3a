"""Whether an owner may have one more job, or store more: counted exactly, before anything is kept.

Only parties with a limit are counted: owners, and their keys. What they have is read from the store
when it is first asked for, and followed by what the store tells of each commit; a job that is being
stored counts from the moment in which it was allowed. All of it runs on the event loop, so that
calls at once never pass a limit together at one server. Of what other servers take, it is told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from unstill.domain.errors import UnstillError
from unstill.domain.job import Job
from unstill.domain.limits import Limits, Party
from unstill.domain.owner import Owner
from unstill.files.storage import Storage
from unstill.service.fleet_counts import FleetCounts
from unstill.service.job_tallies import JobTally
from unstill.service.owner_limits import OwnerLimits
from unstill.service.paces import Paces
from unstill.service.stored_bytes import StoredBytes
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.store import Store

READ_AGAIN_S = 1.0
ANY = 2**31  # jobs: more than there are

log = structlog.get_logger()

LimitsOf = Callable[[Party], Limits]


class Reservation:
    """One new job that was allowed; it counts until its row does, or it is given back."""

    __slots__ = ("job_id", "moment_s", "owner", "paced", "parties", "settled")

    def __init__(self, job_id: str, parties: tuple[Party, ...], moment_s: float) -> None:
        self.job_id = job_id
        self.parties = parties  # that count
        self.owner = parties[0].owner
        self.moment_s = moment_s
        self.paced: list[Party] = []  # those whose submits are counted by the minute
        self.settled = asyncio.Event()


class Allowances:
    """What is left to those who have limits."""

    def __init__(
        self,
        limits_of: LimitsOf,
        *,
        backlog: Backlog,
        stored: StoredBytes,
        monotonic_s: Callable[[], float] = time.monotonic,
        fleet: FleetCounts | None = None,
    ) -> None:
        """`fleet`: of the other servers; None: there are none."""
        self._limits_of = limits_of
        self._backlog = backlog
        self._stored = stored
        self._monotonic_s = monotonic_s
        self._jobs: dict[Party, JobTally] = {}
        self._makers: dict[str, Party] = {}  # unfinished jobs of keys that are counted
        self._submits = Paces("submits-per-minute", "submits", monotonic_s=monotonic_s, fleet=fleet)
        self._pending: dict[Owner, set[Reservation]] = {}
        self._freed: Callable[[], None] = _nobody
        self._readings: dict[Party, asyncio.Task[None]] = {}

    # --- what waits ----------------------------------------------------------------------------

    def tell(self, freed: Callable[[], None]) -> None:
        """Tell it when somebody who might begin no job may again."""
        self._freed = freed

    def watch(self, keys: tuple[Party, ...]) -> None:
        """Know the jobs of these keys, which have limits; some limits are other ones than before.

        Until they are known, no job of their owners is begun.
        """
        for party in keys:
            if self._limits_of(party).in_flight is not None:
                self._read_unless_known(party)
        self._freed()

    def may_begin(self, owner: Owner) -> bool:
        """Whether one more of the owner's jobs may be begun; not before all of them are known."""
        if self._readings and any(party.owner == owner for party in self._readings):
            return False
        party = Party(owner)
        limits = self._limits_of(party)
        if limits.in_flight is None:
            return True
        jobs = self._jobs.get(party)
        if jobs is None or not jobs.is_known:
            self._read_unless_known(party)
            return False
        return jobs.room(limits) > 0

    def holder_of(self, job_id: str) -> Party | None:
        """Whose limit holds a job that its owner might begin: its key's; None where it may be."""
        party = self._makers.get(job_id)
        return None if party is None or self.room_of(party) > 0 else party

    def room_of(self, holder: Party) -> int:
        """How many more jobs of that key may be begun."""
        limits, jobs = self._limits_of(holder), self._jobs.get(holder)
        if limits.in_flight is None:
            return ANY
        return 1 if jobs is None else jobs.room(limits)

    def begin(self, owner: Owner, job_id: str) -> None:
        """A step that may begin the job is under way."""
        for party in (Party(owner), self._makers.get(job_id)):
            if party is not None and (jobs := self._jobs.get(party)) is not None:
                jobs.beginning.add(job_id)

    def end(self, owner: Owner, job_id: str) -> None:
        """That step has ended, whatever it came to."""
        was_beginning = False
        for party in (Party(owner), self._makers.get(job_id)):
            jobs = None if party is None else self._jobs.get(party)
            if jobs is not None and job_id in jobs.beginning:
                jobs.beginning.discard(job_id)
                was_beginning = True
        if was_beginning:
            self._freed()

    def _read_unless_known(self, party: Party) -> None:
        jobs = self._jobs.get(party)
        if party not in self._readings and (jobs is None or not jobs.is_known):
            self._readings[party] = asyncio.create_task(self._know(party))

    async def _know(self, party: Party) -> None:
        """Read what somebody has whose jobs wait for that."""
        try:
            await self._unfinished(party)
        except UnstillError as error:
            log.warning("jobs_not_counted", owner=party.owner, why=error.message)
            await asyncio.sleep(READ_AGAIN_S)
        finally:
            del self._readings[party]
        if party.key_id and not self._jobs_known(party):
            self._read_unless_known(party)
        self._freed()

    def _jobs_known(self, party: Party) -> bool:
        jobs = self._jobs.get(party)
        return jobs is not None and jobs.is_known

    # --- what is asked for ---------------------------------------------------------------------

    async def take(self, caller: Party, job_id: str, *, size_bytes: int) -> Reservation | None:
        """Let a caller have a new job with pictures of so many bytes; None where nothing counts.

        Raises OverLimit, OverBytes, StorageFailed. `settle` follows it.
        """
        counted = [(party, self._limits_of(party)) for party in caller.whole]
        counted = [(party, limits) for party, limits in counted if not limits.is_unlimited]
        if not counted:
            return None
        for party, limits in counted:
            if limits.counts_jobs:
                await self._unfinished(party)
            if limits.stored_bytes is not None:
                await self._stored.count(party, limits.stored_bytes, size_bytes)
        # From here to the end nothing is waited for: whatever is asked at once is told apart.
        now_s = self._monotonic_s()
        for party, limits in counted:
            self._check(party, limits, now_s, size_bytes)
        reservation = Reservation(job_id, tuple(party for party, _ in counted), now_s)
        for party, limits in counted:
            self._reserve(party, limits, reservation, size_bytes)
        self._pending.setdefault(caller.owner, set()).add(reservation)
        return reservation

    def _check(self, party: Party, limits: Limits, now_s: float, size_bytes: int) -> None:
        if limits.submits_per_minute is not None:
            self._submits.check(party, limits.submits_per_minute, now_s)
        if limits.counts_jobs and (jobs := self._jobs.get(party)) is not None:
            jobs.check(limits)
        if limits.stored_bytes is not None:
            self._stored.check(party, size_bytes, most=limits.stored_bytes)

    def _reserve(
        self, party: Party, limits: Limits, reservation: Reservation, size_bytes: int
    ) -> None:
        if limits.stored_bytes is not None:
            self._stored.reserve(party, reservation.job_id, size_bytes)
        if limits.counts_jobs and (jobs := self._jobs.get(party)) is not None:
            jobs.reserve(reservation.job_id)
            if party.key_id:
                self._makers[reservation.job_id] = party
        if limits.submits_per_minute is not None:
            self._submits.add(party, reservation.moment_s)
            reservation.paced.append(party)

    def settle(self, reservation: Reservation, *, is_stored: bool) -> None:
        """The job was stored, or was not and counts no more."""
        owner, job_id = reservation.owner, reservation.job_id
        pending = self._pending[owner]
        pending.discard(reservation)
        if not pending:
            del self._pending[owner]
        for party in reservation.parties:
            self._stored.settle(party, job_id, is_stored=is_stored)
            jobs = None if is_stored else self._jobs.get(party)
            if jobs is not None and jobs.give_back(job_id) and party.key_id:
                self._makers.pop(job_id, None)
        for party in reservation.paced:
            if is_stored:
                self._submits.stands(party)
            else:
                self._submits.take_back(party, reservation.moment_s)
        reservation.settled.set()

    @asynccontextmanager
    async def upload(self, owner: Owner, size_bytes: int) -> AsyncIterator[None]:
        """Store an upload of so many bytes in the block. Raises OverBytes, StorageFailed."""
        party = Party(owner)
        most = self._limits_of(party).stored_bytes
        if most is None:
            yield
            return
        await self._stored.count(party, most, size_bytes)
        self._stored.reserve_upload(party, size_bytes, most=most)
        is_stored = False
        try:
            yield
            is_stored = True
        finally:
            self._stored.settle_upload(party, size_bytes, is_stored=is_stored)

    async def nothing_pending(self, owner: Owner) -> None:
        """Wait until what the owner has asked for before is stored, or is not.

        A call that is refused may be one of these, sent again.
        """
        for each in tuple(self._pending.get(owner, ())):
            await each.settled.wait()

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        if self._jobs:
            self._follow(job)
        self._stored.changed(job)

    def _follow(self, job: Job) -> None:
        is_freed = False
        for party in Party(job.owner, job.key_id).whole:
            jobs = self._jobs.get(party)
            if jobs is None:
                continue
            taken = jobs.taken
            jobs.changed(job)
            is_freed = is_freed or jobs.taken < taken
            if party.key_id and not job.state.is_final:
                self._makers[job.id] = party
        if job.state.is_final:
            self._makers.pop(job.id, None)
        if is_freed:
            self._freed()

    async def _unfinished(self, party: Party) -> JobTally:
        jobs = self._jobs.get(party)
        if jobs is None:
            jobs = self._jobs[party] = JobTally(party)
            jobs.loading = asyncio.create_task(jobs.load(self._backlog))
        if jobs.loading is not None:
            try:
                await asyncio.shield(jobs.loading)
            except Exception:
                if self._jobs.get(party) is jobs:
                    del self._jobs[party]  # the next call reads anew
                raise
            jobs.loading = None
            if party.key_id:
                self._makers |= dict.fromkeys(jobs.job_ids, party)
        return jobs


def _nobody() -> None:
    """Nobody waits."""


def allowances_in(
    store: Store, storage: Storage, limits: OwnerLimits, fleet: FleetCounts | None = None
) -> Allowances:
    """What the limits allow; the store's queue goes by both, and looks again when they change.

    fleet: of the other servers; None: there are none.
    """
    stored = StoredBytes(
        owners=store.owners, files=storage.files, uploads=storage.uploads, fleet=fleet
    )
    allowances = Allowances(limits.of, backlog=store.backlog, stored=stored, fleet=fleet)
    store.queue.weigh(limits.weight_of)
    store.queue.hold_by(allowances)
    allowances.tell(store.queue.look_again)
    limits.tell(lambda: allowances.watch(limits.keys))
    return allowances
