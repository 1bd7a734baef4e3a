"""The poller of one upstream account: what has become of all its tickets.

A job that waits on an upstream is a row, and here a small record and a heap entry. Due tickets are
asked for together, the longest due first, as fast as the account's pace allows; nobody's poll of
ours causes one. What cannot be learnt in a round is asked again in a later one; a poll's trouble
fails no job before its deadline.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import aclosing
from heapq import heappop, heappush
from math import inf

import msgspec
import structlog

from unstill.domain.backoff import POLL
from unstill.domain.errors import OwnError, UnstillError
from unstill.domain.job import Change, Failure, Job, Result, State, arrived, failed, lost
from unstill.domain.log_fields import row_fields
from unstill.domain.money import Bill
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.cancel_upstream import CancelSender, ticket_of
from unstill.steps.poll_schedule import PolledTicket, row_of
from unstill.store.ports.backlog import TicketRow
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
# Tickets asked for together: many, since a list shows the account's other tasks beside them.
LEAST_ROUND, MOST_ROUND = 100, 10_000
LONG_ROUND_S = 10.0  # then fewer are, so that a hint need not wait for long
LEAST_LATE_LOOKS = 20  # at what is past its deadline, in each life: over some minutes of silence
JITTER = 0.2  # an interval is at most so much longer
SLACK = 0.1  # a ticket goes with a round that is so much of an interval early


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
        self._watched: dict[str, PolledTicket] = {}
        # (due, job id); an entry whose time is not the ticket's own any more is skipped when met.
        self._heap: list[tuple[float, str]] = []
        self._woken = asyncio.Event()
        self._most = MOST_ROUND  # tickets in the next round
        self._failures = 0  # rounds in a row that learnt nothing
        self._cancels = CancelSender(
            engines, self._goes_on, jobs=jobs, clock_ms=clock_ms, traces=traces
        )

    def __len__(self) -> int:
        return len(self._watched)

    def take_up(self, row: TicketRow) -> None:
        """Watch a ticket that a start has found."""
        # In the order of the submits: a list shows neighbours, and the account's pace spreads them.
        self._add(row, 0.0)
        self._board.expect(row.job_id)
        self._cancels.heed(row)

    def changed(self, job: Job) -> PolledTicket | None:
        """Follow a job of this account: told of every change after its commit.

        The ticket that is watched no more, if there was one.
        """
        if job.state is not State.RUNNING or job.ticket is None:
            return self._watched.pop(job.id, None)
        row = row_of(job)
        watched = self._watched.get(job.id)
        if watched is None:
            self._add(row, self._first_look_s)
        else:
            watched.row = row
        self._cancels.heed(row)
        return None

    def hint(self, job_id: str) -> None:
        """Somebody says that there is news: look now."""
        watched = self._watched.get(job_id)
        if watched is not None:
            self._plan(watched, _now_s())

    async def run(self) -> None:
        """Ask, for ever."""
        while True:
            due = await self._due()
            begun_s = _now_s()
            answered = await self._round(due)
            self._measure(len(due), _now_s() - begun_s)
            self._failures = 0 if answered else self._failures + 1
            self._plan_again(due)
            if self._failures:
                await asyncio.sleep(self._pause_s)

    async def cancel(self, row: TicketRow) -> Cancellation:
        """Ask the upstream to stop; what it cannot stop goes on, and is paid for.

        Raises UpstreamError if it does not say, StorageFull or StorageFailed.
        """
        return await self._cancels.cancel(row)

    async def stop(self) -> None:
        """End the cancels under way; their wishes stand in the rows."""
        await self._cancels.stop()

    # --- when ----------------------------------------------------------------------------------

    @property
    def _first_look_s(self) -> float:
        return min(FIRST_LOOK_S, self.account.interval_s)

    @property
    def _pause_s(self) -> float:
        """How long the whole account pauses, which has answered nothing."""
        return POLL.after_ms(self._failures) / 1000

    def _add(self, row: TicketRow, wait_s: float) -> None:
        watched = self._watched[row.job_id] = PolledTicket(row)
        self._plan(watched, _now_s() + wait_s)

    def _plan(self, watched: PolledTicket, due_s: float) -> None:
        watched.due_s = due_s
        is_first = not self._heap or due_s < self._heap[0][0]
        heappush(self._heap, (due_s, watched.row.job_id))
        if is_first:
            self._woken.set()

    def _plan_again(self, asked: Sequence[TicketRow]) -> None:
        """The next look at the tickets of a round that go on.

        All at one moment: neighbours that an upstream lists together stay together. One that is
        answered nothing is asked for less and less often, and no other waits for it.
        """
        wait_s = self.account.interval_s * random.uniform(1, 1 + JITTER)
        if self._failures:
            wait_s = min(wait_s, self._pause_s)
        longest_s = max(wait_s, POLL.longest_ms / 1000)
        now_s = _now_s()
        for row in asked:
            watched = self._watched.get(row.job_id)
            if watched is not None and watched.due_s == inf:  # it got no hint meanwhile
                rarer_s = wait_s * 2.0 ** min(watched.unclear, 10)
                self._plan(watched, now_s + min(rarer_s, longest_s))

    async def _due(self) -> list[TicketRow]:
        """The tickets whose time has come; waits until there is one."""
        while not (due := self._take_due()):
            wait_s = self._heap[0][0] - _now_s() if self._heap else None
            self._woken.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
        return due

    def _take_due(self) -> list[TicketRow]:
        due: list[TicketRow] = []
        if not self._heap or self._heap[0][0] > _now_s():
            return due
        # Together with those that are due soon: an upstream's list answers for all of them.
        until_s = _now_s() + SLACK * self.account.interval_s
        while self._heap and self._heap[0][0] <= until_s and len(due) < self._most:
            due_s, job_id = heappop(self._heap)
            watched = self._watched.get(job_id)
            if watched is not None and watched.due_s == due_s:
                watched.due_s = inf
                due.append(watched.row)
        return due

    def _measure(self, count: int, took_s: float) -> None:
        """Keep a round short enough for hints and long enough for an upstream's lists."""
        if took_s > LONG_ROUND_S:
            self._most = max(min(self._most, count) // 2, LEAST_ROUND)
        elif count == self._most and took_s < LONG_ROUND_S / 4:
            self._most = min(2 * self._most, MOST_ROUND)

    # --- what ----------------------------------------------------------------------------------

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
                    watched = self._watched.get(row.job_id)
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
            if watched := self._watched.get(row.job_id):
                self._cancels.heed(watched.row)
        return answers > 0 or trouble is None

    def _note(self, row: TicketRow, verdict: Verdict) -> None:
        watched = self._watched.get(row.job_id)
        if watched is None:
            return
        if not isinstance(verdict, Unclear):
            if watched.unclear:
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
        watched = self._watched.get(row.job_id)
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
        watched = self._watched.get(row.job_id)
        if now is None and watched is not None and watched.row.attempt == row.attempt:
            del self._watched[row.job_id]  # somebody else moved it, and this poller did not hear
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
        watched = self._watched.get(row.job_id)
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


def _now_s() -> float:
    return asyncio.get_running_loop().time()
