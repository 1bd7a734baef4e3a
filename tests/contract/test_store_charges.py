"""What every job store writes to the book of money, and when."""

from __future__ import annotations

import asyncio

import pytest

from support.open_stores import Make, a_row, opened
from support.reserves import YUAN, a_reserve, an_entry
from unstill.domain.access_errors import OverBudget
from unstill.domain.attempts import Outcome, Settlement
from unstill.domain.errors import KeyReused, UnstillError
from unstill.domain.job import (
    IN_DOUBT,
    Failure,
    IdempotencyMark,
    Job,
    State,
    Usage,
    Video,
    cancelled,
    failed,
    hidden,
    made_ready,
    rendered,
    started,
    succeeded,
)
from unstill.domain.lease import Lease
from unstill.domain.money import (
    DAY_MS,
    SECOND_NS,
    Bill,
    Budgets,
    BudgetUse,
    ChargeKind,
    day_of,
    is_proved,
)
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.store.ports.store import Store

ANN = Owner("ann")
SIX_SECONDS = Bill(6 * SECOND_NS, "ali", "wan2.7-i2v-turbo", YUAN)
DEAD = Failure("engine_died", "words")
DOUBT = Failure(IN_DOUBT, "no reply")
LEASE = Lease("server", 2**50)
# 100 frames at 24 a second.
VIDEO = Video("video-1.mp4", 1280, 720, 100 / 24, 24.0, 100, 1, has_audio=False)
DAY = day_of(a_row().created_ms)


async def in_saving(store: Store, job: Job) -> None:
    for change in (made_ready(Size(1280, 720)), started(1, LEASE), rendered()):
        assert await store.jobs.change(job.id, change) is not None


async def kinds(store: Store, job: Job) -> list[tuple[str, int, int]]:
    """Each entry's kind, attempt and amount."""
    return [(each.kind, each.n, each.amount) for each in await store.charges.of(job.id)]


async def used(store: Store, day: int = DAY) -> BudgetUse:
    return await store.charges.used(ANN, day)


@pytest.fixture
async def job(store: Store) -> Job:
    """It waits for its frames, with 0.45 EUR reserved."""
    job = a_row(owner=ANN)
    return await store.jobs.add(job, reserve=a_reserve(job))


async def test_a_reserve_stands_with_its_job_and_is_used_of_its_day_and_month(
    store: Store, job: Job
) -> None:
    assert await store.charges.of(job.id) == [an_entry(job)]
    assert await used(store) == BudgetUse(day=450_000, month=450_000)
    assert await used(store, DAY + 1) == BudgetUse(day=0, month=450_000)
    assert await used(store, DAY + 31) == BudgetUse()
    assert await store.charges.used(Owner("bob"), DAY) == BudgetUse()


async def test_a_job_without_a_reserve_comes_to_its_end_and_nothing_is_written(
    store: Store,
) -> None:
    job = await store.jobs.add(a_row(owner=ANN))
    await in_saving(store, job)
    ended = await store.jobs.change(job.id, succeeded(VIDEO, Usage(5), 9, bill=SIX_SECONDS))

    assert ended is not None
    assert await store.charges.of(job.id) == []
    assert await used(store) == BudgetUse()


async def test_a_success_settles_what_is_billed_and_its_cost(store: Store, job: Job) -> None:
    await in_saving(store, job)
    await store.jobs.change(job.id, succeeded(VIDEO, Usage(5), 9, bill=SIX_SECONDS))

    _, settled, cost = await store.charges.of(job.id)
    assert settled == an_entry(
        job,
        kind=ChargeKind.SETTLE,
        at_ms=9,
        engine="ali",
        upstream_model="wan2.7-i2v-turbo",
        billed_ns=6 * SECOND_NS,
        own_amount=540_000,
        amount=540_000,
    )
    assert (cost.kind, cost.n, cost.currency) == (ChargeKind.COST, 1, "CNY")
    assert (cost.own_amount, cost.amount) == (3_600_000, 450_000)
    assert is_proved(settled)
    assert is_proved(cost)
    assert await used(store) == BudgetUse(540_000, 540_000)


async def test_a_success_that_no_bill_is_told_of_settles_its_frames(store: Store, job: Job) -> None:
    await in_saving(store, job)
    await store.jobs.change(job.id, succeeded(VIDEO, Usage(5), 9))

    _, settled = await store.charges.of(job.id)
    assert settled.billed_ns == 4_166_666_667
    assert settled.amount == 375_000
    assert await used(store) == BudgetUse(375_000, 375_000)


async def test_a_failure_releases_the_price_and_settles_what_was_billed_all_the_same(
    store: Store, job: Job
) -> None:
    other = a_row("other", owner=ANN)
    await store.jobs.add(other, reserve=a_reserve(other))
    await in_saving(store, job)
    await store.jobs.change(job.id, failed(DEAD, 9, bill=SIX_SECONDS))
    await store.jobs.change(other.id, failed(DEAD, 9))

    assert await kinds(store, job) == [
        ("reserve", 0, 450_000),
        ("release", 0, 0),
        ("cost", 1, 450_000),
    ]
    assert await kinds(store, other) == [("reserve", 0, 450_000), ("release", 0, 0)]
    assert await used(store) == BudgetUse()


async def test_a_cancelled_job_costs_nothing(store: Store, job: Job) -> None:
    await store.jobs.change(job.id, cancelled(9, is_hidden=True))

    assert await kinds(store, job) == [("reserve", 0, 450_000), ("release", 0, 0)]
    assert await used(store) == BudgetUse()


async def test_a_job_in_doubt_stays_reserved_also_when_it_is_deleted(
    store: Store, job: Job
) -> None:
    lost = Settlement(1, Outcome.UNKNOWN, 9, code=IN_DOUBT)
    await store.jobs.change(job.id, failed(DOUBT, 9, closes=lost))
    await store.jobs.change(job.id, hidden(State.FAILED))

    assert await kinds(store, job) == [("reserve", 0, 450_000)]
    assert await used(store) == BudgetUse(450_000, 450_000)


async def test_an_end_that_comes_too_late_writes_nothing(store: Store, job: Job) -> None:
    await store.jobs.change(job.id, cancelled(9, is_hidden=False))
    assert await store.jobs.change(job.id, failed(DEAD, 10, bill=SIX_SECONDS)) is None
    await store.jobs.change(job.id, hidden(State.CANCELLED))

    assert await kinds(store, job) == [("reserve", 0, 450_000), ("release", 0, 0)]


async def test_what_counts_is_the_day_of_the_submission_whenever_a_job_ends(
    store: Store, job: Job
) -> None:
    await in_saving(store, job)
    later = job.created_ms + 40 * DAY_MS
    await store.jobs.change(job.id, succeeded(VIDEO, Usage(5), later, bill=SIX_SECONDS))

    assert {each.day for each in await store.charges.of(job.id)} == {DAY}
    assert await used(store) == BudgetUse(540_000, 540_000)
    assert await used(store, DAY + 40) == BudgetUse()


@pytest.mark.parametrize(
    ("budgets", "period"), [(Budgets(day=4_500_000), "day"), (Budgets(month=4_500_000), "month")]
)
async def test_of_many_calls_at_once_as_many_are_stored_as_a_budget_has_room_for(
    store: Store, budgets: Budgets, period: str
) -> None:
    jobs = [a_row(f"job-{n:02}", owner=ANN) for n in range(30)]
    answers = await asyncio.gather(
        *(store.jobs.add(job, reserve=a_reserve(job, budgets)) for job in jobs),
        return_exceptions=True,
    )

    refused = [each for each in answers if isinstance(each, OverBudget)]
    assert sum(isinstance(each, Job) for each in answers) == 10
    assert [each.period for each in refused] == [period] * 20
    assert await used(store) == BudgetUse(4_500_000, 4_500_000)
    assert len([job for job in jobs if await store.jobs.find(job.id) is not None]) == 10


async def test_a_refusal_says_what_is_left_and_when_the_next_period_begins(store: Store) -> None:
    job = a_row(owner=ANN, created_ms=1_798_588_800_000)  # 30 December 2026
    await store.jobs.add(job, reserve=a_reserve(job))
    said = []
    for budgets in (Budgets(day=899_999), Budgets(month=899_999), Budgets(900_000, 900_000)):
        other = a_row("other", owner=ANN, created_ms=job.created_ms)
        try:
            await store.jobs.add(other, reserve=a_reserve(other, budgets))
        except OverBudget as refusal:
            said.append(refusal.message)

    assert said == [
        f"the budget of the {period} of your jobs has no room for this one: 0.45 of 0.899999 EUR "
        "are spent or reserved, 0.449999 EUR are left, this needs 0.45 EUR; "
        f"the next {period} begins at {begin}"
        for period, begin in (("day", "2026-12-31T00:00:00Z"), ("month", "2027-01-01T00:00:00Z"))
    ]
    assert await store.jobs.find("other") is not None


async def test_a_budget_of_nothing_lets_in_what_is_free(store: Store) -> None:
    nothing = Budgets(0, 0)
    free, paid = a_row("free", owner=ANN), a_row("paid", owner=ANN)
    await store.jobs.add(free, reserve=a_reserve(free, nothing, own_amount=0, amount=0, rate=0))
    with pytest.raises(OverBudget):
        await store.jobs.add(paid, reserve=a_reserve(paid, nothing, rate=1, own_amount=5, amount=5))

    spent = a_row("spent", owner=ANN)
    late = a_row("late", owner=ANN)
    await store.jobs.add(spent, reserve=a_reserve(spent))
    await store.jobs.add(late, reserve=a_reserve(late, nothing, own_amount=0, amount=0, rate=0))

    assert await kinds(store, free) == await kinds(store, late) == [("reserve", 0, 0)]
    assert await kinds(store, paid) == []


async def test_a_call_that_is_sent_again_has_its_job_whatever_is_left(store: Store) -> None:
    first = a_row("first", owner=ANN)
    again = a_row("again", owner=ANN)
    mark = IdempotencyMark("fingerprint", key="key")
    budgets = Budgets(day=450_000)
    await store.jobs.add(first, mark=mark, reserve=a_reserve(first, budgets))

    assert await store.jobs.add(again, mark=mark, reserve=a_reserve(again, budgets)) == first
    with pytest.raises(KeyReused):
        await store.jobs.add(
            again, mark=IdempotencyMark("another", key="key"), reserve=a_reserve(again, budgets)
        )
    with pytest.raises(OverBudget):
        await store.jobs.add(
            again, mark=IdempotencyMark("other", key="other"), reserve=a_reserve(again, budgets)
        )
    # A refused call is known by nothing: with room, the same call is a new job.
    mark = IdempotencyMark("other", key="other")
    assert await store.jobs.add(again, mark=mark, reserve=a_reserve(again)) == again
    assert await used(store) == BudgetUse(900_000, 900_000)


async def test_a_job_that_is_there_already_leaves_no_second_reserve(store: Store, job: Job) -> None:
    with pytest.raises(UnstillError):
        await store.jobs.add(job, reserve=a_reserve(job))

    assert await kinds(store, job) == [("reserve", 0, 450_000)]
    assert await used(store) == BudgetUse(450_000, 450_000)


async def test_the_book_is_there_after_a_restart(make: Make) -> None:
    job = a_row(owner=ANN)
    async with opened(make) as store:
        await store.jobs.add(job, reserve=a_reserve(job))
    async with opened(make) as store:
        await in_saving(store, job)
    async with opened(make) as store:
        await store.jobs.change(job.id, succeeded(VIDEO, Usage(5), 9, bill=SIX_SECONDS))
    async with opened(make) as store:
        assert [kind for kind, _, _ in await kinds(store, job)] == ["reserve", "settle", "cost"]
        assert await used(store) == BudgetUse(540_000, 540_000)


async def test_a_currency_is_left_when_no_job_in_it_is_open_or_counts_for_the_month(
    store: Store, job: Job
) -> None:
    async def others(day: int) -> list[str | None]:
        return [await store.charges.other_currency(each, day) for each in ("EUR", "USD")]

    still_open = await others(DAY + 40)
    await in_saving(store, job)
    await store.jobs.change(job.id, succeeded(VIDEO, Usage(5), 9, bill=SIX_SECONDS))
    settled = [await others(DAY), await others(DAY + 40)]
    later = a_row("later", owner=ANN, created_ms=job.created_ms + 40 * DAY_MS)
    await store.jobs.add(later, reserve=a_reserve(later, currency="USD"))

    assert still_open == [None, "EUR"]
    assert settled == [[None, "EUR"], [None, None]]
    assert await others(DAY + 40) == ["USD", None]


async def test_a_currency_in_which_nothing_came_to_be_charged_is_left_at_once(
    store: Store, job: Job
) -> None:
    await store.jobs.change(job.id, cancelled(9, is_hidden=False))

    assert await store.charges.other_currency("USD", DAY) is None
