"""The book of money in a store that is killed at any moment, under any order of what is written.

Jobs are submitted many at once against budgets, end in every way, are deleted, and doubts are
resolved beside the server. Whatever happens: the book is proved row by row, its sums are those of
a plain addition, and no budget is passed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from state.money_houses import DatabaseHouse, FolderHouse, House
from support.jobs import a_job
from support.reserves import YUAN, a_reserve
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.book import is_in_doubt, may_be_billed, month_of
from unstill.domain.continuation import NextJob
from unstill.domain.errors import OperatorError
from unstill.domain.job import (
    IN_DOUBT,
    Change,
    Failure,
    Job,
    Result,
    State,
    Usage,
    Video,
    accepted,
    arrived,
    cancelled,
    failed,
    hidden,
    intended,
    made_ready,
    rendered,
    started,
    succeeded,
)
from unstill.domain.lease import Lease
from unstill.domain.money import DAY_MS, SECOND_NS, Bill, Budgets, BudgetUse, Charge, ChargeKind
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.domain.resolution import CallCosts, DoubtWord

pytestmark = pytest.mark.slow

PRICE = 450_000  # of each job, as it is reserved; no video is billed longer than it was asked for
# Of the last day of a month and the first of the next.
LAST_DAY = 20_604  # 30 May 2026
DAYS = [LAST_DAY, LAST_DAY + 1, LAST_DAY + 2]
BUDGETS = {
    Owner("ann"): Budgets(day=4 * PRICE, month=6 * PRICE),
    Owner("bob"): Budgets(month=5 * PRICE),
    Owner("cid"): Budgets(),
}
MOST_RESTARTS = 3
LEASE = Lease("server", 2**50)
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 24.0, 120, 1_000_000, has_audio=False)
DEAD = Failure("engine_died", "it died")
COSTS = CallCosts(lambda *_: YUAN, "EUR")
ENDS = ("made here", "made there", "failed", "failed and billed", "in doubt", "called off")

ends = st.sampled_from(ENDS)
ticket_ways = st.sampled_from(["none", "came late", "by hand"])
picks = st.integers(0, 99)  # of jobs: which there are after a kill, nobody can say beforehand
seconds = st.sampled_from([0, 1, SECOND_NS, 3_333_333_333, 5 * SECOND_NS])


def picked(job_ids: Collection[str], pick: int) -> str | None:
    return sorted(job_ids)[pick % len(job_ids)] if job_ids else None


def ways(job: Job, end: str, billed_ns: int) -> list[Change]:
    """The changes by which a new job comes to that end."""
    now_ms = job.created_ms + 1000
    bill = Bill(billed_ns, "ali", "turbo", YUAN)
    call = Attempt(job.id, 1, "ali", "account", "turbo", intent_ms=1, submit_by_ms=2)
    lost = Settlement(1, Outcome.UNKNOWN, now_ms, code=IN_DOUBT)
    here = [made_ready(Size(832, 480)), started(now_ms, LEASE)]
    if job.ticket is not None:
        return ways_there(end, now_ms, bill)
    match end:
        case "made here":
            plain = Bill(billed_ns, "camera", "wan2.7-i2v", cost=None)
            return [*here, rendered(), succeeded(VIDEO, Usage(5), now_ms, bill=plain)]
        case "made there":
            return [*here, rendered(), succeeded(VIDEO, Usage(5), now_ms, bill=bill)]
        case "failed":
            return [*here, failed(DEAD, now_ms)]
        case "failed and billed":
            return [*here, rendered(), failed(DEAD, now_ms, bill=bill)]
        case "in doubt":
            doubt = failed(Failure(IN_DOUBT, "no reply"), now_ms, closes=lost)
            # As the steps have it: there was a call, whatever else has come to the job.
            doubt = msgspec.structs.replace(doubt, of=frozenset({State.SUBMITTING}))
            return [made_ready(Size(832, 480)), intended(call, LEASE), doubt]
        case _:
            return [cancelled(now_ms, is_hidden=True)]


def ways_there(end: str, now_ms: int, bill: Bill) -> list[Change]:
    """The same of a job that goes on at its upstream."""
    match end:
        case "made here" | "made there":
            there = arrived(Result("https://there.example/video"))
            return [there, succeeded(VIDEO, Usage(5), now_ms, bill=bill)]
        case "failed":
            return [failed(DEAD, now_ms)]
        case "failed and billed":
            return [failed(DEAD, now_ms, bill=bill)]
        case "in doubt":
            untold = msgspec.structs.replace(bill, is_known=False)
            return [failed(Failure("upstream_lost", "gone"), now_ms, bill=untold)]
        case _:
            return [cancelled(now_ms, is_hidden=True)]


class MoneyMachine(RuleBasedStateMachine):
    house_of: Callable[[], House] = FolderHouse

    def __init__(self) -> None:
        super().__init__()
        self.house = type(self).house_of()
        self.store = self.house.started()
        self.numbers = count()
        self.jobs: dict[str, Job] = {}  # as they were sent; perhaps not stored
        self.open_ends: set[str] = set()  # jobs whose end was not sent yet
        self.before: dict[str, str] = {}  # by a job that goes on, the one from whose call
        self.restarts = 0

    @rule(owner=st.sampled_from(sorted(BUDGETS)), day=st.sampled_from(DAYS), many=st.integers(1, 9))
    def submit(self, owner: Owner, day: int, many: int) -> None:
        """As many are stored as there was room for; of one server's, the first."""
        room = self.room(owner, day)
        jobs = self.send_new(owner, day, many)
        answers = [self.store.hear() for _ in jobs]

        stored = [job for job, answer in zip(jobs, answers, strict=True) if answer == job]
        assert len(stored) == min(room, many)
        assert answers.count("OverBudget") == many - len(stored)
        assert stored == jobs[:room] or not self.house.is_in_order
        self.open_ends |= {job.id for job in stored}

    @rule(pick=picks, end=ends, other=ends, billed_ns=seconds)
    def end(self, pick: int, end: str, other: str, billed_ns: int) -> None:
        """One wins where two ends come at once."""
        job_id = picked(self.open_ends, pick)
        if job_id is None:
            return
        self.hear(self.send_end(job_id, end, billed_ns) + self.send_end(job_id, other, billed_ns))

    @rule(pick=picks, is_charged=st.booleans(), way=ticket_ways, again=st.booleans())
    def resolve(self, pick: int, *, is_charged: bool, way: str, again: bool) -> None:
        """Beside the server; also of what is not in doubt."""
        job_id = picked(self.jobs, pick)
        if job_id is not None:
            self.resolve_job(job_id, way, is_charged=is_charged, again=again)

    @rule(pick=picks, way=ticket_ways, again=st.booleans())
    def lose(self, pick: int, *, way: str, again: bool) -> None:
        """A call that was billed; its job goes on as another one, where there is a ticket."""
        job_id = picked(self.open_ends, pick)
        if job_id is not None:
            self.hear(self.send_end(job_id, "in doubt", 0))
            self.resolve_job(job_id, way, is_charged=True, again=again)

    def resolve_job(self, job_id: str, way: str, *, is_charged: bool, again: bool) -> None:
        job, ticket = self.store.ask("find", job_id=job_id), f"of-{job_id}"
        if way == "came late" and job is not None and is_in_doubt(job):
            late = Settlement(1, Outcome.ACCEPTED, job.created_ms + 2000, ticket=ticket)
            change = accepted(ticket, "turbo", late)
            assert self.store.ask("change", job_id=job_id, change=change) is None
        for _ in range(1 + again):
            self.say(job_id, job, DoubtWord(is_charged, ticket if way == "by hand" else None))

    def say(self, job_id: str, job: Job | None, word: DoubtWord) -> None:
        """The job that goes on from it is one of the others from then on."""
        next_id = f"job-{next(self.numbers):04}"
        now_ms = self.jobs[job_id].created_ms + 3000  # on the same day: no budget is asked
        try:
            said = self.house.commands.resolve(
                job_id,
                word,
                costs=COSTS,
                next_job=NextJob(next_id, DAY_MS),
                now_ms=now_ms,
            )
        except OperatorError:
            said = None
        if said is None:
            is_doubt = job is not None and is_in_doubt(job) and not job.is_hidden
            assert not (is_doubt and word.is_charged)
            return
        assert job is None or is_in_doubt(job) or may_be_billed(job)
        assert said.resolution.is_charged == word.is_charged or not said.is_new
        following = self.store.ask("find", job_id=next_id)
        assert (following is not None) == (
            said.continuation is not None and said.continuation.continued_by == next_id
        )
        if following is not None:
            self.jobs[next_id] = following
            self.before[next_id] = job_id
            self.open_ends.add(next_id)

    @rule(pick=picks)
    def forget(self, pick: int) -> None:
        job_id = picked(self.jobs, pick)
        if job_id is None:
            return
        self.hear([self.send("change", job_id=job_id, change=hidden(state)) for state in State])
        self.store.ask("forget", job_id=job_id)

    @rule()
    def prove(self) -> None:
        self.check()

    @precondition(lambda self: self.restarts < MOST_RESTARTS)
    @rule(
        pick=picks,
        many=st.integers(0, 6),
        heard=st.integers(0, 6),
        end=ends,
        billed_ns=seconds,
    )
    def kill(self, pick: int, many: int, heard: int, end: str, billed_ns: int) -> None:
        """With submits and an end under way."""
        job_id = picked(self.open_ends, pick)
        # The end first: what comes before it is asked while nothing else is under way.
        sent = 0 if job_id is None else self.send_end(job_id, end, billed_ns)
        sent += len(self.send_new(Owner("ann"), LAST_DAY, many))
        for _ in range(min(heard, sent)):
            self.store.hear()
        self.store.kill()
        self.store.end()
        self.check()
        self.store = self.house.started()
        self.restarts += 1
        stored = {job_id: self.store.ask("find", job_id=job_id) for job_id in self.jobs}
        self.open_ends = {
            job_id for job_id, job in stored.items() if job is not None and not job.state.is_final
        }

    def teardown(self) -> None:
        self.store.end()
        self.check()
        self.house.end()

    # --- what is sent --------------------------------------------------------------------------

    def send(self, verb: str, **keywords: Any) -> int:
        self.store.send(verb, keywords)
        return 1

    def hear(self, sent: list[int] | int) -> None:
        for _ in range(sum(sent) if isinstance(sent, list) else sent):
            self.store.hear()

    def send_new(self, owner: Owner, day: int, many: int) -> list[Job]:
        ids = [f"job-{next(self.numbers):04}" for _ in range(many)]
        jobs = [a_job(id=job_id, owner=owner, created_ms=day * DAY_MS + 7) for job_id in ids]
        for job in jobs:
            self.send("add", job=job, reserve=a_reserve(job, BUDGETS[owner]))
            self.jobs[job.id] = job
        return jobs

    def send_end(self, job_id: str, end: str, billed_ns: int) -> int:
        self.open_ends.discard(job_id)
        changes = ways(self.jobs[job_id], end, billed_ns)
        if not self.house.is_in_order:
            for change in changes[:-1]:
                self.store.ask("change", job_id=job_id, change=change)
            changes = changes[-1:]
        return sum(self.send("change", job_id=job_id, change=change) for change in changes)

    # --- what holds ----------------------------------------------------------------------------

    def room(self, owner: Owner, day: int) -> int:
        used: BudgetUse = self.store.ask("used", owner=owner, day=day)
        budgets = BUDGETS[owner]
        rooms = [
            (most - taken) // PRICE
            for most, taken in ((budgets.day, used.day), (budgets.month, used.month))
            if most is not None
        ]
        return min(rooms, default=10**6)

    def check(self) -> None:
        proof = self.house.proof()
        if proof is None:
            return
        assert list(proof.wrongs) == []
        entries = self.house.entries()
        used = plainly_used(entries)
        for (owner, day), amount in used.items():
            budgets, month = BUDGETS[owner], month_of(day)
            in_month = sum(
                each
                for (other, at), each in used.items()
                if other == owner and month.first <= at <= month.last
            )
            assert amount <= (amount if budgets.day is None else budgets.day)
            assert in_month <= (in_month if budgets.month is None else budgets.month)
        self.check_continued(entries)
        doubts = {call.job_id for call in self.house.doubts()}
        assert doubts <= {entry.job_id for entry in entries}

    def check_continued(self, entries: Sequence[Charge]) -> None:
        """Of a job and the one that goes on from its call: one price, and one cost of the call."""
        by_job: dict[str, list[ChargeKind]] = {}
        for entry in entries:
            by_job.setdefault(entry.job_id, []).append(entry.kind)
        for later, earlier in self.before.items():
            kinds = Counter(by_job.get(earlier, []) + by_job.get(later, []))
            assert kinds[ChargeKind.SETTLE] <= 1
            assert kinds[ChargeKind.COST] <= 1
            still = kinds[ChargeKind.RESERVE] - kinds[ChargeKind.SETTLE] - kinds[ChargeKind.RELEASE]
            assert still in {0, 1}


def plainly_used(entries: Sequence[Charge]) -> Counter[tuple[Owner, int]]:
    """What is settled and reserved by owner and day."""
    ended = {each.job_id for each in entries if each.kind in {"settle", "release"}}
    used: Counter[tuple[Owner, int]] = Counter()
    for each in entries:
        is_open = each.kind is ChargeKind.RESERVE and each.job_id not in ended
        if is_open or each.kind is ChargeKind.SETTLE:
            used[each.owner, each.day] += each.amount
    return used


TestMoney = MoneyMachine.TestCase
TestMoney.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),  # to shrink a failure would take minutes
    suppress_health_check=[HealthCheck.too_slow],  # each example starts processes
)


class FleetMoneyMachine(MoneyMachine):
    """With two servers on one database, of which one is killed while the other goes on."""

    house_of = DatabaseHouse


TestFleetMoney = pytest.mark.fleet(FleetMoneyMachine.TestCase)
TestFleetMoney.settings = settings(TestMoney.settings, max_examples=6)
