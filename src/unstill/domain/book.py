"""What is written to the book of money, and when: pure rules, the same for every store.

A reserve is written with its job's row, if the owner's budgets have room for it, and what ends it
with the move that ends the job. A job that failed in doubt keeps its reserve until an operator
says what became of the call: where nobody knows whether an upstream has taken it, and where one
that had taken it, and costs, has not said how it ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple

import msgspec

from unstill.domain.access_errors import OverBudget
from unstill.domain.job import IN_DOUBT, UNTOLD, Job, State
from unstill.domain.money import (
    DAY_MS,
    Bill,
    Budgets,
    BudgetUse,
    Charge,
    ChargeKind,
    ChargeReserve,
    PriceBasis,
    billed_ns,
    cost_entry,
    release_entry,
    settlement_entry,
)

_EPOCH = date(1970, 1, 1).toordinal()
ENDS = frozenset({ChargeKind.SETTLE, ChargeKind.RELEASE})


class Month(NamedTuple):
    """The first and the last day of a calendar month, counted as `Charge.day` is."""

    first: int
    last: int


class BudgetLeft(msgspec.Struct, frozen=True):
    """A budget and what is used of it, in millionths of the house currency.

    used: settled and reserved; more than the budget where that was lowered.
    until_day: the day on which it begins anew.
    """

    span: Literal["day", "month"]
    budget: int
    used: int
    until_day: int

    @property
    def left(self) -> int:
        return max(self.budget - self.used, 0)

    @property
    def resets_ms(self) -> int:
        return self.until_day * DAY_MS


class SpentChange(NamedTuple):
    """What an entry means for the sums of its owner and day."""

    reserved: int
    settled: int


class JobMoney(msgspec.Struct, frozen=True):
    """What a job is charged with and has cost so far, in millionths of the house currency."""

    basis: PriceBasis
    currency: str
    reserved: int  # 0 once it has ended, unless that is in doubt
    price: int | None  # None before the end; 0 where there is no video
    cost: int  # what upstreams, or this machine, have charged for it


def money_of(entries: Sequence[Charge]) -> JobMoney | None:
    """What a job's entries come to, oldest first; None where it was made without money."""
    reserve = next((entry for entry in entries if entry.kind is ChargeKind.RESERVE), None)
    if reserve is None:
        return None
    ending = next((entry for entry in entries if entry.kind in ENDS), None)
    return JobMoney(
        basis=reserve.basis if ending is None else ending.basis,
        currency=reserve.currency,
        reserved=reserve.amount if ending is None else 0,
        price=None if ending is None else ending.amount,
        cost=sum(entry.amount for entry in entries if entry.kind is ChargeKind.COST),
    )


def month_of(day: int) -> Month:
    first = date.fromordinal(_EPOCH + day).replace(day=1)
    following = date.fromordinal(first.toordinal() + 31).replace(day=1)
    return Month(first.toordinal() - _EPOCH, following.toordinal() - 1 - _EPOCH)


def budgets_left(budgets: Budgets, used: BudgetUse, day: int) -> Iterator[BudgetLeft]:
    """Those that are set, as they stand on a day."""
    if budgets.day is not None:
        yield BudgetLeft("day", budgets.day, used.day, day + 1)
    if budgets.month is not None:
        yield BudgetLeft("month", budgets.month, used.month, month_of(day).last + 1)


def check_budgets(reserve: ChargeReserve, used: BudgetUse) -> None:
    """Raises OverBudget where what is settled and reserved leaves no room for the reserve.

    What is free takes no room, also where a budget was lowered below what is used.
    """
    entry = reserve.entry
    if not entry.amount:
        return
    for each in budgets_left(reserve.budgets, used, entry.day):
        if each.used + entry.amount > each.budget:
            raise OverBudget(
                each.span,
                most=each.budget,
                used=each.used,
                wanted=entry.amount,
                currency=entry.currency,
                free_at=_begin_of(each.until_day),
            )


def open_reserve(entries: Sequence[Charge]) -> Charge | None:
    """The reserve among a job's entries, if there is one that nothing has ended."""
    if any(entry.kind in ENDS for entry in entries):
        return None
    return next((entry for entry in entries if entry.kind is ChargeKind.RESERVE), None)


def is_in_doubt(job: Job) -> bool:
    """Whether it failed so that nobody knows whether an upstream has taken and billed it."""
    return job.state is State.FAILED and job.failure is not None and job.failure.code == IN_DOUBT


def may_be_billed(job: Job) -> bool:
    """Whether it failed without a word of the upstream that had taken it.

    It is in doubt where that upstream costs: its reserve is open then.
    """
    return (
        job.state is State.FAILED
        and job.ticket is not None
        and job.failure is not None
        and job.failure.code in UNTOLD
    )


def end_entries(reserve: Charge, job: Job, bill: Bill | None) -> list[Charge]:
    """What the end of a job writes, by its open reserve: nothing while it is in doubt.

    bill: a doubt where an upstream that costs has not said how it ended; None where nobody is known
    to have made a video; of one that was made, None bills its frames to the engine that has the
    job, and no cost.
    """
    at_ms = job.ended_ms or 0
    if is_in_doubt(job) or (may_be_billed(job) and bill is not None and bill.is_doubt):
        return []
    if job.state is State.SUCCEEDED:
        made = bill or _plain_bill(job)
        cost = cost_entry(reserve, job.attempt, made, at_ms)
        settled = settlement_entry(reserve, made, cost, at_ms)
        return [settled] if cost is None else [settled, cost]
    cost = None if bill is None else cost_entry(reserve, job.attempt, bill, at_ms)
    released = release_entry(reserve, at_ms)
    return [released] if cost is None else [released, cost]


def resolution_entries(
    reserve: Charge, *, n: int, charged: Bill | None, at_ms: int
) -> list[Charge]:
    """What an operator's word on the call `n` in doubt writes; `charged` None: it was free."""
    cost = None if charged is None else cost_entry(reserve, n, charged, at_ms)
    released = release_entry(reserve, at_ms)
    return [released] if cost is None else [released, cost]


def spent_by(entry: Charge, reserve: Charge) -> SpentChange:
    """`reserve`: the entry itself, or what it ends."""
    match entry.kind:
        case ChargeKind.RESERVE:
            return SpentChange(entry.amount, 0)
        case ChargeKind.SETTLE:
            return SpentChange(-reserve.amount, entry.amount)
        case ChargeKind.RELEASE:
            return SpentChange(-reserve.amount, 0)
        case ChargeKind.COST:
            return SpentChange(0, 0)


def _plain_bill(job: Job) -> Bill:
    video = job.video
    billed = 0 if video is None else billed_ns(None, video.frame_count, video.frame_rate)
    return Bill(billed, job.engine, job.upstream_model or "", cost=None)


def _begin_of(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
