"""Usage as every job store sums it up, against sums that were made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from support.books import ANN, BOB, BORN_MS, a_booked_job, ended_in, fill
from support.reserves import a_reserve
from unstill.domain.errors import Overloaded
from unstill.domain.money import BudgetUse, day_of
from unstill.domain.usage import BookFigures, UsageAsked, UsagePart, figures_of
from unstill.store.ports.store import Store
from unstill.store.usage_reports import MOST_AT_ONCE

DAY = day_of(BORN_MS)
FIRST, SECOND = "2025-11-20", "2025-11-21"


async def told(store: Store, asked: UsageAsked) -> dict[str, str]:
    """The figures of each row, by its parts."""
    found = await store.charges.usage(asked)
    return {" ".join(each.parts): " ".join(figures_of(each)) for each in found}


async def test_usage_is_summed_by_owner(store: Store) -> None:
    await fill(store)

    assert await told(store, UsageAsked()) == {
        "ann": "0.54 0.9 0.9 EUR 4 1 6",
        "bob": "0.45 0 0.45 EUR 3 2 11",
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            UsagePart.KEY,
            {"": "0.54 0.9 0.9 EUR 4 1 6", "k1": "0.45 0 0.45 EUR 3 2 11"},
        ),
        (UsagePart.MODEL, {"wan2.7-i2v": "0.99 0.9 1.35 EUR 7 3 17"}),
        (
            UsagePart.ENGINE,
            {
                # What two of camera's first tries came to, and one that is free.
                "ali": "0.99 0 1.35 EUR 2 2 12",
                "camera": "0 0.9 0 EUR 5 1 5",
            },
        ),
        (
            UsagePart.DAY,
            {FIRST: "0.99 0.45 1.35 EUR 6 3 17", SECOND: "0 0.45 0 EUR 1 0 0"},
        ),
    ],
)
async def test_usage_is_summed_by_whatever_is_named(
    store: Store, part: UsagePart, expected: dict[str, str]
) -> None:
    await fill(store)

    assert await told(store, UsageAsked((part,))) == expected


async def test_usage_is_summed_by_several_parts_in_the_order_that_they_were_named(
    store: Store,
) -> None:
    await fill(store)

    assert await told(store, UsageAsked((UsagePart.DAY, UsagePart.OWNER))) == {
        f"{FIRST} ann": "0.54 0.45 0.9 EUR 3 1 6",
        f"{FIRST} bob": "0.45 0 0.45 EUR 3 2 11",
        f"{SECOND} ann": "0 0.45 0 EUR 1 0 0",
    }


async def test_usage_is_of_the_days_and_the_owner_that_are_named(store: Store) -> None:
    await fill(store)

    first = UsageAsked(until_day=DAY)
    assert [*await told(store, first)] == ["ann", "bob"]
    assert await told(store, UsageAsked(since_day=DAY + 1)) == {"ann": "0 0.45 0 EUR 1 0 0"}
    assert await told(store, UsageAsked(since_day=DAY + 2)) == {}
    assert await told(store, UsageAsked(until_day=DAY - 1)) == {}
    assert [*await told(store, UsageAsked(owner=BOB))] == ["bob"]
    assert await told(store, UsageAsked(owner=ANN, until_day=DAY)) == {
        "ann": "0.54 0.45 0.9 EUR 3 1 6"
    }


async def test_without_a_book_there_is_no_usage(store: Store) -> None:
    assert await store.charges.usage(UsageAsked()) == []


async def test_one_owners_many_reports_at_once_are_refused_and_another_is_served(
    store: Store,
) -> None:
    await fill(store)
    many = [store.charges.usage(UsageAsked(owner=ANN)) for _ in range(MOST_AT_ONCE + 3)]
    answers = await asyncio.gather(
        *many, store.charges.usage(UsageAsked(owner=BOB)), return_exceptions=True
    )

    refused = [each for each in answers if isinstance(each, BaseException)]
    assert all(isinstance(each, Overloaded) for each in refused)
    assert len(refused) <= 3
    assert [each.parts for each in await store.charges.usage(UsageAsked(owner=ANN))] == [("ann",)]
    assert not isinstance(answers[-1], BaseException)


async def test_the_whole_book_comes_to_what_was_settled_at_each_engine(store: Store) -> None:
    before = await store.charges.figures(DAY)
    await fill(store)
    first, again = await store.charges.figures(DAY), await store.charges.figures(DAY)
    late = a_booked_job("late", ANN, day=1)
    await store.jobs.add(late, reserve=a_reserve(late))
    await ended_in(store, late)
    after = await store.charges.figures(DAY + 1)

    assert before == BookFigures()
    assert first == again
    assert known(first.prices) == {"ali": 990_000}
    assert known(first.costs) == {"ali": 1_350_000}
    assert first.reserved == 900_000
    assert first.used == {
        ANN: BudgetUse(day=990_000, month=1_440_000),
        BOB: BudgetUse(day=450_000, month=450_000),
    }
    assert known(after.prices) == {"ali": 1_530_000}
    assert known(after.costs) == {"ali": 1_800_000}
    assert after.used[ANN] == BudgetUse(day=990_000, month=1_980_000)
    assert after.used[BOB] == BudgetUse(day=0, month=450_000)
    assert (await store.charges.figures(DAY + 31)).used == {}


def known(by_engine: Mapping[str, int]) -> dict[str, int]:
    """Without engines that charge nothing."""
    return {engine: amount for engine, amount in by_engine.items() if amount}
