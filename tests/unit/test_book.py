"""What is written to the book of money: days and months, ends, and the words of operators."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from support.jobs import a_job
from support.reserves import YUAN, an_entry
from unstill.domain.book import (
    JobMoney,
    end_entries,
    is_in_doubt,
    may_be_billed,
    money_of,
    month_of,
    open_reserve,
    resolution_entries,
)
from unstill.domain.job import IN_DOUBT, UNTOLD, Failure, Job, State
from unstill.domain.money import SECOND_NS, Bill, ChargeKind, PriceBasis, release_entry

BILL = Bill(5 * SECOND_NS, "ali", "turbo", YUAN)
DOUBT = msgspec.structs.replace(BILL, is_known=False)


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def failed_with(code: str, state: State = State.FAILED) -> Job:
    return a_job(state=state, failure=Failure(code, "words"), ended_ms=7, attempt=2)


@pytest.mark.parametrize(
    ("of", "first", "last"),
    [
        ("1970-01-01", "1970-01-01", "1970-01-31"),
        ("2026-11-30", "2026-11-01", "2026-11-30"),
        ("2026-12-31", "2026-12-01", "2026-12-31"),
        ("2027-02-28", "2027-02-01", "2027-02-28"),
        ("2028-02-01", "2028-02-01", "2028-02-29"),
        ("2027-01-31", "2027-01-01", "2027-01-31"),
    ],
)
def test_a_month_has_the_days_of_the_calendar(of: str, first: str, last: str) -> None:
    assert month_of(day(of)) == (day(first), day(last))


def test_a_job_is_in_doubt_if_it_failed_so() -> None:
    assert is_in_doubt(failed_with(IN_DOUBT))
    assert not is_in_doubt(failed_with("engine_died"))
    assert not is_in_doubt(a_job(state=State.FAILED))
    assert not is_in_doubt(failed_with(IN_DOUBT, State.CANCELLED))


def test_a_doubt_writes_nothing_whatever_is_said_of_its_bill() -> None:
    job = failed_with(IN_DOUBT)

    assert end_entries(an_entry(job), job, BILL) == []
    assert end_entries(an_entry(job), job, None) == []


@pytest.mark.parametrize("code", sorted(UNTOLD))
def test_what_an_upstream_had_taken_and_said_no_more_of_may_be_billed(code: str) -> None:
    job = msgspec.structs.replace(failed_with(code), ticket="task-1")

    assert may_be_billed(job)
    assert not may_be_billed(msgspec.structs.replace(job, ticket=None))
    assert not may_be_billed(msgspec.structs.replace(job, state=State.CANCELLED))
    assert not may_be_billed(msgspec.structs.replace(failed_with("unsafe"), ticket="task-1"))


def test_it_stays_reserved_where_that_upstream_costs_and_nowhere_else() -> None:
    job = msgspec.structs.replace(failed_with("upstream_lost"), ticket="task-1")
    entry = an_entry(job)
    for_free = msgspec.structs.replace(DOUBT, cost=None)

    assert end_entries(entry, job, DOUBT) == []
    assert end_entries(entry, job, for_free) == [release_entry(entry, 7)]
    assert end_entries(entry, job, None) == [release_entry(entry, 7)]
    assert [each.kind for each in end_entries(entry, job, BILL)] == ["release", "cost"]


def test_a_doubt_of_what_no_upstream_had_taken_is_released() -> None:
    job = failed_with("deadline_exceeded")
    entry = an_entry(job)

    assert end_entries(entry, job, DOUBT) == [release_entry(entry, 7)]


def test_a_word_on_a_doubt_releases_the_price_and_charged_settles_the_cost_of_its_call() -> None:
    job = failed_with(IN_DOUBT)
    entry = an_entry(job)
    charged = resolution_entries(entry, n=2, charged=BILL, at_ms=9)

    assert resolution_entries(entry, n=2, charged=None, at_ms=9) == [release_entry(entry, 9)]
    assert charged[0] == release_entry(entry, 9)
    assert [(each.kind, each.n, each.own_amount, each.amount) for each in charged[1:]] == [
        (ChargeKind.COST, 2, 3_000_000, 375_000)
    ]


def test_a_reserve_is_open_until_something_ends_it() -> None:
    job = failed_with("engine_died")
    entry = an_entry(job)
    released, cost = end_entries(entry, job, BILL)

    assert open_reserve([]) is None
    assert open_reserve([entry]) == entry
    assert open_reserve([entry, cost]) == entry
    assert open_reserve([entry, released, cost]) is None


def test_a_jobs_money_is_what_its_entries_come_to() -> None:
    job = failed_with("engine_died")
    entry = an_entry(job)
    made = msgspec.structs.replace(job, state=State.SUCCEEDED, failure=None)
    price = PriceBasis.PRICE

    assert money_of([]) is None
    assert money_of([entry]) == JobMoney(price, "EUR", reserved=450_000, price=None, cost=0)
    assert money_of([entry, *end_entries(entry, job, BILL)]) == JobMoney(
        price, "EUR", reserved=0, price=0, cost=375_000
    )
    assert money_of([entry, *end_entries(entry, made, BILL)]) == JobMoney(
        price, "EUR", reserved=0, price=450_000, cost=375_000
    )
