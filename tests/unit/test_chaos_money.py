"""The fault campaign's proof of money finds a millionth, and a call that passes a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from benchmarks.chaos_money import differences, over_budget
from benchmarks.chaos_prices import budget_of
from benchmarks.chaos_upstreams import Billed

from support.jobs import a_job
from support.reserves import an_entry
from unstill.domain.money import Charge, ChargeKind
from unstill.domain.owner import Owner

JOBS = 100
TASK = Billed("push in, number 1", "wan2.7-i2v", 3, 1)  # at 0.333333 CNY a second
OWN, HOUSE = 999_999, 125_000
PROMPTS = {"job-1": TASK.prompt}
DAY_MOST = budget_of("bo", JOBS) or 0
MONTH_MOST = budget_of("cy", JOBS) or 0


def entry(kind: ChargeKind, amount: int, job_id: str = "job-1", **fields: Any) -> Charge:
    return an_entry(a_job(id=job_id), kind=kind, amount=amount, **fields)


def cost(own: int, house: int, engine: str = "bailian") -> Charge:
    return entry(ChargeKind.COST, house, own_amount=own, engine=engine)


@pytest.mark.parametrize(
    ("costs", "tasks", "is_right"),
    [
        ([cost(OWN, HOUSE)], [TASK], True),
        ([cost(OWN + 1, HOUSE)], [TASK], False),
        ([cost(OWN, HOUSE - 1)], [TASK], False),
        ([cost(OWN, HOUSE, "ope")], [TASK], False),
        ([], [TASK], False),
        ([], [TASK._replace(duration_s=0, videos=0)], True),
        ([cost(OWN, HOUSE)], [], False),
        ([cost(OWN, HOUSE)], [TASK, TASK], False),
    ],
)
def test_both_books_must_have_the_same_of_each_call(
    costs: Sequence[Charge],
    tasks: Sequence[Billed],
    is_right: bool,  # noqa: FBT001
) -> None:
    assert (not list(differences(costs, {"bailian": tasks}, PROMPTS))) == is_right


@pytest.mark.parametrize(
    ("owner", "most", "term"), [("bo", DAY_MOST, 1), ("cy", MONTH_MOST, 31), ("ann", 10**12, 1)]
)
@pytest.mark.parametrize("more", [0, 1])
def test_a_budget_is_full_to_the_millionth_and_free_after_its_term(
    owner: str, most: int, term: int, more: int
) -> None:
    mine: dict[str, Any] = {"owner": Owner(owner), "day": 20_454}
    later = {**mine, "day": mine["day"] + term}
    book = [
        entry(ChargeKind.RESERVE, most, "job-1", **mine),
        entry(ChargeKind.RELEASE, 0, "job-1", **mine),
        entry(ChargeKind.RESERVE, 1, "job-2", **mine),
        entry(ChargeKind.SETTLE, 2, "job-2", **mine),
        entry(ChargeKind.RESERVE, most - 2 + more, "job-3", **mine),
        entry(ChargeKind.RESERVE, 0, "free", **mine),
        entry(ChargeKind.RESERVE, most, "job-4", **later),
    ]
    is_limited = owner != "ann"

    assert len(list(over_budget(book, JOBS))) == (1 if more and is_limited else 0)
