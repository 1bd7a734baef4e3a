"""The port of the job store: rows and the lanes that work on them, made together.

One contract suite (tests/contract/test_backend*.py) holds every backend to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from unstill.domain.attempts import Attempt
from unstill.domain.delivery import Delivery
from unstill.domain.job import Change, IdempotencyMark, Job, State
from unstill.domain.owner import Owner
from unstill.domain.request import Size


class PutOff(msgspec.Struct, frozen=True):
    """A step's word that its job waits where it is until then; nothing is stored of that."""

    until_ms: int


# Does the one step that a job asks for; the job is given as its row is when the step begins. None:
# the row says where the job waits next, and one that was not moved waits for a pause that doubles.
# It is cancelled when its job is, and when the store comes to rest.
Step = Callable[[Job], Awaitable[PutOff | None]]
Listener = Callable[[Job], None]  # told on the event loop, after the commit


class Lane(msgspec.Struct, frozen=True):
    """Jobs whose `Job.lane` is `name` are given to `step`, at most `slots` at once.

    The owners of those that are due take turns; of an owner's jobs the oldest is first.
    """

    name: str
    slots: int
    step: Step
    # An owner has no more steps under way than slots are free, so that whoever comes finds one: for
    # steps that wait for a stranger's server. One owner alone has half of the slots.
    keeps_room: bool = False
    # An owner's job that has been due for longest is first: for steps that mostly fail, and would
    # else be the oldest jobs' alone.
    is_in_turn: bool = False
    # Done at the end of each step, however it ended, with the job as it is then.
    ended: Callable[[Job], Awaitable[None]] | None = None


class TicketRow(msgspec.Struct, frozen=True, gc=False):
    """What a poller needs to know of a job that runs at an upstream."""

    job_id: str
    attempt: int
    engine: str
    ticket: str
    upstream_model: str
    started_ms: int
    deadline_ms: int
    wants_cancel: bool


class UnfinishedJob(msgspec.Struct, frozen=True, gc=False):
    """Says where an unfinished job is."""

    job_id: str
    owner: Owner
    state: State
    engine: str
    due_ms: int


class RenderTime(msgspec.Struct, frozen=True):
    """How long a job that succeeded took, from its start to its end."""

    engine: str
    model: str  # canonical id
    work: int  # pixels times seconds of the video that was asked for
    took_ms: int


class CursorPage(msgspec.Struct, frozen=True):
    jobs: tuple[Job, ...]
    has_more: bool


class Where(msgspec.Struct, frozen=True):
    """Which of an owner's jobs, by when they were made, their state and the name asked for."""

    since_ms: int
    until_ms: int  # inclusive, as `since_ms`
    states: frozenset[State] | None = None  # None: any
    model: str | None = None  # None: any


class OffsetPage(msgspec.Struct, frozen=True):
    """Some of the jobs that were asked for, and how many there are in all."""

    jobs: tuple[Job, ...]
    total: int


class Backend(Protocol):
    async def open(self, listeners: Sequence[Listener] = ()) -> None:
        """Take the data, bring its schema up to date, read what is unfinished.

        From then on each of `listeners`, in their order, is told of each added or changed job, in
        the order of the commits.

        Raises DataFolderBusy if another server holds it, StoreRefused if the store is not the one
        that the data had before, OperatorError if its schema is newer.
        """

    @property
    def store_id(self) -> str:
        """The open store's own name; it has another one after a copy was recovered."""

    async def add(self, job: Job, *, mark: IdempotencyMark | None = None) -> Job:
        """Store a new job, and its mark with it, if no earlier call of its owner is known by that.

        The stored job, durable when it returns, or the earlier call's; of any number of equal
        calls at once, one is stored. Raises KeyReused if the key is known with another
        fingerprint; StorageFull or StorageFailed.
        """

    async def marked(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        """The job of an earlier call of the owner that is known by `mark`, as `add` has it.

        Raises KeyReused.
        """

    async def find(self, job_id: str) -> Job | None:
        """The job, hidden or not, whoever owns it."""

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        """Apply `change` if the row's state, and its attempt if given, allow it.

        The new job after the commit; None if there is no such row or somebody else moved it. With
        a move to a final state, what is then owed to the job's receiver is stored; with a deletion
        it is dropped, also when it has been sent. Raises TicketTaken if it settles an attempt with
        the ticket of another job of the account.
        """

    async def note_ahead(self, attempt: Attempt, size: Size | None, *, lasts: bool = False) -> None:
        """Note a call beside the store: before it, and what it has come to before the commit.

        It outlives a kill, and a store that is put back. lasts: a power cut too, as far as the
        disk will. size: of the job's video. Never raises.
        """

    def noted_ahead(self, job_id: str, n: int) -> Attempt | None:
        """The attempt with what a server before had heard of it, if anything.

        Asked at a start only.
        """

    def forget_ahead(self) -> None:
        """The start has asked: what the servers before had under way has been judged."""

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        """One page of the owner's jobs that are not hidden, by id; `after` need not exist."""

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        """The owner's jobs that are not hidden, newest first, without the first `offset`."""

    def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        """All jobs that are not final, oldest first, by the thousand: small, however many."""

    async def times(self, limit: int) -> Sequence[RenderTime]:
        """How long the newest jobs that succeeded took, newest first."""

    async def interrupted(self) -> Sequence[Job]:
        """What a server that died had under way: jobs `submitting`, and those it rendered itself.

        Asked at a start only, before anything is begun.
        """

    async def waited_for(self) -> Sequence[str]:
        """The engines that jobs wait for, will once their frames are there, or had; each once."""

    def tickets(self) -> AsyncIterator[Sequence[TicketRow]]:
        """What is running at an upstream, by the thousand: small, however many there are."""

    async def attempts(self, job_id: str) -> Sequence[Attempt]:
        """The job's ledger, oldest first."""

    async def recent_attempts(self, account: str, limit: int) -> Sequence[Attempt]:
        """The account's settled attempts, newest first."""

    def check(self) -> None:
        """Raises StorageFailed if what is written would be lost, as the data has been removed."""

    def is_held(self, job_id: str) -> bool:
        """Whether the job may cost nothing yet: its store was recovered from an older copy."""

    @property
    def held(self) -> int:
        """How many jobs are held so."""

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        """Deleted jobs that are final and were made before then: their ids behind `after`, in
        order, by the thousand; none at the end.
        """

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        """Whether the files of each of these jobs that has a row are needed."""

    async def forget(self, job_id: str) -> None:
        """Drop the row of a hidden, final job, its mark, ledger and delivery, and of no other."""

    async def last_up_ms(self) -> int:
        """When a server last noted that it was up; 0 if none ever did."""

    async def count_from(self, now_ms: int) -> int:
        """Move the deadlines of unfinished jobs by the time since a server was last noted up.

        By how much, in milliseconds; nothing where it is under a minute. Asked at a start only,
        before any deadline is read. `now_ms` is noted.
        """

    async def note_up(self, now_ms: int) -> None:
        """A server is up, by the clock of its deadlines."""

    async def due_deliveries(
        self,
        by_ms: int,
        *,
        limit: int,
        without: Collection[str] = (),
        without_owners: Collection[Owner] = (),
    ) -> Sequence[Delivery]:
        """What is owed and due by then, soonest first, but to the receivers `without`."""

    async def settle_delivery(self, delivery: Delivery) -> None:
        """Store what has become of a delivery by one more try, unless it was replayed meanwhile."""

    async def owe_at_once(self, now_ms: int, *, until_ms: int) -> None:
        """Make all that is owed due, with its first pauses, and give up none before `until_ms`."""

    def serve(self, lanes: Sequence[Lane]) -> None:
        """Begin to give due jobs to their lanes, what was left unfinished included."""

    async def rest(self, timeout_s: float) -> None:
        """Start no more steps, wait for those under way, cancel them after `timeout_s`."""

    async def close(self) -> None:
        """Write what is queued, close the data, give up the lock."""
