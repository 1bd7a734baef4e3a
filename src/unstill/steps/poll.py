"""The poller of one upstream account: what has become of all its tickets.

A job that waits on an upstream is a row, and here a small record and a heap entry. Due tickets are
asked for together, the longest due first, as fast as the account's pace allows; nobody's poll of
ours causes one. What cannot be learnt in a round is asked again in a later one; a poll's trouble
fails no job before its deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import aclosing

import msgspec
import structlog

from unstill.domain.backoff import POLL
from unstill.domain.errors import OwnError, StorageFailed, UnstillError
from unstill.domain.job import Change, Failure, Job, Result, State, arrived, failed, lost
from unstill.domain.log_fields import row_fields
from unstill.domain.money import Bill
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.cancel_upstream import CancelSender, ticket_of
from unstill.steps.due_tickets import DueTickets, now_s
from unstill.steps.poll_schedule import PolledTicket, row_of
from unstill.store.local_duties import ALWAYS
from unstill.store.ports.backlog import TicketRow
from unstill.store.ports.duties import Term
from unstill.store.ports.jobs import Jobs
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.client import Unreachable
from unstill.upstreams.port import (
    Account,
    Cancellation,
    Done,
    Failed,
    Gone,
    Remote,
    Running,
    Unclear,
    Verdict,
    Waiting,
)

log = structlog.get_logger()

FIRST_LOOK_S = 2.0  # after an accepted submit, and at most so long after a start
LEAST_LATE_LOOKS = 20  # at what is past its deadline, in each life: over some minutes of silence
REMOVED = ("engine_removed", "the engine that had taken the task is not configured any more")


class Poller:
    """All tickets of one account; `engines` are those that use it, by name.

    Tickets of an engine that is not among them are asked of nobody, and fail at their deadline.
    """

    def __init__(
        self,
        account: Account,
        engines: Mapping[str, Remote],
        *,
        jobs: Jobs,
        board: Board,
        stalls: Stalls,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        bills: Bills = WITHOUT_COSTS,
        traces: Traces = NO_TRACES,
    ) -> None:
        self.account = account
        self._engines = engines
        self._jobs = jobs
        self._board = board
        self._stalls = stalls
        self._clock_ms = clock_ms
        self._uptime_ms = uptime_ms
        self._bills = bills
        self._tickets = DueTickets(account)
        self._is_ours = False  # the account's tickets are this server's to ask for
        # Jobs that changes told of while tickets are taken up: what is read of them may be older.
        self._told: set[str] | None = None
        self._failures = 0  # rounds in a row that learnt nothing
        self._cancels = CancelSender(
            engines, self._goes_on, jobs=jobs, clock_ms=clock_ms, traces=traces
        )

    def __len__(self) -> int:
        return len(self._tickets)

    def begin(self) -> None:
        """Heed each change from now on: rows that are read after this one are taken up."""
        self._is_ours, self._told = True, set()

    @property
    def is_ours(self) -> bool:
        """Whether the account's tickets are this server's to ask for."""
        return self._is_ours

    def take_up(self, row: TicketRow) -> None:
        """Watch a ticket that was read from its row."""
        if self._told is not None and row.job_id in self._told:
            return
        # In the order of the submits: a list shows neighbours, and the account's pace spreads them.
        self._tickets.add(row, 0.0)
        self._board.expect(row.job_id)
        self._cancels.heed(row)

    def changed(self, job: Job) -> PolledTicket | None:
        """Follow a job of this account: told of every change after its commit.

        The ticket that is watched no more, if there was one.
        """
        if not self._is_ours:
            return None
        if self._told is not None:
            self._told.add(job.id)
        if job.state is not State.RUNNING or job.ticket is None:
            return self._tickets.drop(job.id)
        row = row_of(job)
        watched = self._tickets.of(job.id)
        if watched is None:
            self._tickets.add(row, self._first_look_s)
        else:
            watched.row = row
        self._cancels.heed(row)
        return None

    def hint(self, job_id: str) -> None:
        """Somebody says that there is news: look now."""
        self._tickets.hasten(job_id)

    async def run(self, term: Term = ALWAYS) -> None:
        """Ask for as long as the term goes on."""
        self._told = None  # all are taken up
        while True:
            due = await self._tickets.due()
            begun_s = now_s()
            try:
                if not await term.goes_on():
                    return
            except StorageFailed as error:  # whose the account is, nobody knows: it is not asked
                log.warning("duty_not_known", account=self.account.id, why=error.message)
                answered = False
            else:
                answered = await self._round(due)
                self._tickets.measure(len(due), now_s() - begun_s)
            self._failures = 0 if answered else self._failures + 1
            self._tickets.plan_again(due, self._pause_s)
            if self._failures:
                await asyncio.sleep(self._pause_s)

    async def cancel(self, row: TicketRow) -> Cancellation:
        """Ask the upstream to stop; what it cannot stop goes on, and is paid for.

        Raises UpstreamError if it does not say, StorageFull or StorageFailed.
        """
        return await self._cancels.cancel(row)

    async def let_go(self) -> None:
        """Watch nothing any more, and end the cancels under way: all stands in the rows."""
        self._is_ours, self._told, self._failures = False, None, 0
        self._tickets.clear()
        await self._cancels.stop()

    @property
    def _first_look_s(self) -> float:
        return min(FIRST_LOOK_S, self.account.interval_s)

    @property
    def _pause_s(self) -> float:
        """How long the whole account pauses, which has answered nothing; 0 if it has answered."""
        return POLL.after_ms(self._failures) / 1000 if self._failures else 0.0

    # --- a round -------------------------------------------------------------------------------

    async def _round(self, due: Sequence[TicketRow]) -> bool:
        """Ask for these; whether anything was learnt, or nothing asked."""
        by_engine: dict[str, list[TicketRow]] = {}
        for row in due:
            by_engine.setdefault(row.engine, []).append(row)
        for name in by_engine.keys() - self._engines.keys():
            self._stalls.engine(name, "polls", *REMOVED)
        go_on: set[str] = set()  # jobs of which the upstream says that they have not ended
        heard = [
            await self._ask(self._engines[name], rows, go_on)
            for name, rows in by_engine.items()
            if name in self._engines
        ]
        await self._end_the_late(due, go_on)
        return any(heard) or not heard

    async def _ask(self, engine: Remote, rows: Sequence[TicketRow], go_on: set[str]) -> bool:
        """Whether the engine answered, or had nothing to say but no trouble either."""
        by_job = {row.job_id: row for row in rows}
        writes: list[asyncio.Task[OwnError | None]] = []
        answers = 0
        trouble: Exception | None = None
        try:
            async with aclosing(engine.poll([ticket_of(row) for row in rows])) as verdicts:
                async for ticket, answer in verdicts:
                    row = by_job[ticket.job_id]
                    watched = self._tickets.of(row.job_id)
                    verdict = answer if watched is None else watched.believed(answer)
                    answers += not isinstance(verdict, Unclear)
                    self._note(row, verdict)
                    change = self._consequence(engine, row, verdict)
                    if change is not None:
                        # Side by side: they share commits.
                        writes.append(asyncio.create_task(self._write(row, change, verdict)))
                    elif not isinstance(verdict, Unclear):
                        go_on.add(row.job_id)
        except Exception as error:  # noqa: BLE001  - whatever an upstream does, the poller goes on
            trouble = error
        finally:
            await self._stored(writes)
        if trouble is not None:
            self._tell(engine, trouble, answers)
        elif answers:
            self._stalls.engine_moves(engine.name, "polls")
        for row in rows:
            # An upstream that did not say is asked again with the next look at the ticket.
            if watched := self._tickets.of(row.job_id):
                self._cancels.heed(watched.row)
        return answers > 0 or trouble is None

    def _note(self, row: TicketRow, verdict: Verdict) -> None:
        watched = self._tickets.of(row.job_id)
        if watched is None:
            return
        if not isinstance(verdict, Unclear):
            # With the first look, what was said of it by who asked before is over.
            if watched.unclear or watched.looks <= 1:
                self._stalls.job_moves(row.job_id)
            watched.unclear = 0
            return
        watched.unclear += 1
        if self._stalls.job(row.job_id, State.RUNNING, verdict.code, verdict.message):
            log.warning(
                "odd_answer",
                **row_fields(row),
                engine=row.engine,
                ticket=row.ticket,
                why=verdict.message,
                times=watched.unclear,
                exc_info=verdict.fault,
            )

    def _consequence(self, engine: Remote, row: TicketRow, verdict: Verdict) -> Change | None:
        now_ms = self._clock_ms()
        match verdict:
            case Waiting() | Unclear():
                return None
            case Running(progress):
                if progress is not None:
                    self._board.report(row.job_id, progress)
                return None
            case Done(url, usage):
                return arrived(Result(url, usage))
            case Failed(code, message):
                return failed(Failure(code, message), now_ms)
            case Gone() if engine.is_free_to_repeat:
                return lost(now_ms)
            case Gone(message):
                return failed(Failure("upstream_lost", message), now_ms)

    async def _end_the_late(self, due: Sequence[TicketRow], go_on: Container[str]) -> None:
        """Fail what is past its deadline and has not ended by what was just learnt."""
        uptime_ms, now_ms = self._uptime_ms(), self._clock_ms()
        late = [row for row in due if 0 < row.deadline_ms <= uptime_ms]
        writes = [
            asyncio.create_task(self._write(row, failed(self._lateness(row), now_ms)))
            for row in late
            if self._is_given_up(row, go_on)
        ]
        await self._stored(writes)

    def _is_given_up(self, row: TicketRow, go_on: Container[str]) -> bool:
        """Whether a late one is given up: its upstream goes on, or did not say for many looks."""
        watched = self._tickets.of(row.job_id)
        if watched is None:
            return False
        watched.late_looks += 1
        is_asked = row.engine in self._engines
        return not is_asked or row.job_id in go_on or watched.late_looks >= LEAST_LATE_LOOKS

    def _lateness(self, row: TicketRow) -> Failure:
        if row.engine in self._engines:
            return Failure("deadline_exceeded", "the upstream did not finish before the deadline")
        return Failure(*REMOVED)

    async def _write(
        self, row: TicketRow, change: Change, verdict: Verdict | None = None
    ) -> OwnError | None:
        """The trouble with it, if any; then the ticket is asked for again."""
        try:
            if change.to is State.FAILED:
                change = msgspec.structs.replace(change, bill=await self._bill(row, verdict))
            now = await self._jobs.change(row.job_id, change, attempt=row.attempt)
        except OwnError as error:
            return error
        watched = self._tickets.of(row.job_id)
        if now is None and watched is not None and watched.row.attempt == row.attempt:
            self._tickets.drop(row.job_id)  # somebody else moved it, and this poller did not hear
        return None

    async def _bill(self, row: TicketRow, verdict: Verdict | None) -> Bill | None:
        job = await self._jobs.find(row.job_id)
        told = verdict.usage if isinstance(verdict, Failed) else None
        return None if job is None else self._bills.failed(job, told)

    async def _stored(self, writes: Sequence[asyncio.Task[OwnError | None]]) -> None:
        troubles = [error for error in await asyncio.gather(*writes) if error is not None]
        if troubles:
            why = troubles[0].message
            log.warning("verdicts_not_stored", count=len(troubles), why=why)

    def _tell(self, engine: Remote, trouble: Exception, answers: int) -> None:
        is_ours = not isinstance(trouble, UnstillError)
        why = str(trouble) or type(trouble).__name__
        # A fault of ours is in the log alone: its words are not meant for callers.
        message = "a poll failed in unstill itself" if is_ours else why
        if self._stalls.engine(engine.name, "polls", _code(trouble), message):
            log.warning(
                "poll_failed",
                engine=engine.name,
                why=why,
                answers=answers,
                exc_info=trouble if is_ours else None,
            )

    def _goes_on(self, row: TicketRow) -> None:
        """It has said that it goes on: to ask it to stop each time would change nothing."""
        watched = self._tickets.of(row.job_id)
        if watched is not None and watched.row.attempt == row.attempt:
            watched.row = msgspec.structs.replace(watched.row, wants_cancel=False)


def _code(trouble: Exception) -> str:
    match trouble:
        case Unreachable():
            return "connection_failed"
        case UnstillError():
            return "no_answer"
        case _:
            return "internal_error"
