"""What an operator may set for an owner, and what is said of the rest."""

from __future__ import annotations

import pytest

from unstill.domain.errors import BadField
from unstill.domain.limits import (
    MOST,
    OF_KEYS,
    SETTABLE,
    UNLIMITED,
    Limits,
    Settable,
    amount,
    weight,
    with_changes,
)
from unstill.domain.money import Budgets
from unstill.domain.owner import owner_named
from unstill.domain.owner_turns import MOST_WEIGHT

NUMBERS = [each for each in SETTABLE if not each.is_money]
BUDGETS = [each for each in SETTABLE if each.is_money]


@pytest.mark.parametrize("given", [0, 1, MOST, None])
def test_an_amount_is_a_whole_number_or_no_limit(given: int | None) -> None:
    assert amount("queue", given, nothing="null") == given


@pytest.mark.parametrize("given", [-1, MOST + 1, 1.5, "1", True, []])
def test_any_other_amount_is_refused_by_its_field(given: object) -> None:
    with pytest.raises(BadField, match=r"^--queue must be a whole number from 0 or none, got "):
        amount("--queue", given, nothing="none")


def test_a_weight_is_a_number_of_turns_and_one_where_it_is_taken_away() -> None:
    assert [weight("weight", each) for each in (1, MOST_WEIGHT, None)] == [1, MOST_WEIGHT, 1]


@pytest.mark.parametrize("given", [0, MOST_WEIGHT + 1, 1.0, "2", False])
def test_any_other_weight_is_refused_by_its_field(given: object) -> None:
    with pytest.raises(BadField, match=f"^weight must be a whole number from 1 to {MOST_WEIGHT},"):
        weight("weight", given)


@pytest.mark.parametrize("name", ["a", "team_a-1", "x" * 64])
def test_an_owner_is_named_by_letters_digits_and_two_signs(name: str) -> None:
    assert owner_named("OWNER", name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "an owner", "a/b", "é", 5, None])
def test_any_other_name_is_refused(name: object) -> None:
    with pytest.raises(BadField, match=r"^OWNER must be 1 to 64 letters"):
        owner_named("OWNER", name)


@pytest.mark.parametrize("limit", NUMBERS, ids=lambda limit: limit.name)
def test_each_limit_takes_a_number_or_nothing_and_refuses_the_rest(limit: Settable) -> None:
    assert limit.taken("it", 7, nothing="null") == 7
    assert limit.taken("it", None, nothing="null") == limit.of(UNLIMITED)
    with pytest.raises(BadField, match=r"^it must be a whole number from "):
        limit.taken("it", "7", nothing="null")


@pytest.mark.parametrize(
    ("given", "millionths", "shown"),
    [
        (0, 0, "0"),
        (7, 7_000_000, "7"),
        ("12.50", 12_500_000, "12.5"),
        (0.09, 90_000, "0.09"),
        ("0.000001", 1, "0.000001"),
        (999_999_999, 999_999_999_000_000, "999999999"),
        (None, None, None),
    ],
)
@pytest.mark.parametrize("limit", BUDGETS, ids=lambda limit: limit.name)
def test_a_budget_is_an_amount_of_money_and_shown_as_one(
    limit: Settable, given: object, millionths: int | None, shown: str | None
) -> None:
    taken = limit.taken("it", given, nothing="none")

    assert taken == millionths
    assert limit.of(with_changes(UNLIMITED, {limit.field: taken})) == shown


@pytest.mark.parametrize(
    "given", [-1, "-1", 1e-7, "0.0000001", 10**9, "1e3", "5 EUR", "", True, [], float("nan")]
)
@pytest.mark.parametrize("limit", BUDGETS, ids=lambda limit: limit.name)
def test_what_is_no_amount_of_money_is_no_budget(limit: Settable, given: object) -> None:
    with pytest.raises(BadField, match=r'^it must be an amount from 0 .* "0.09", or none, got '):
        limit.taken("it", given, nothing="none")


def test_an_owners_budgets_are_those_of_its_limits() -> None:
    assert Limits(budget_day=1, budget_month=2).budgets == Budgets(day=1, month=2)
    assert UNLIMITED.budgets == Budgets()
    assert Limits(budget_day=1).is_unlimited  # in jobs: the book of money asks for budgets


def test_every_limit_can_be_set_and_weights_and_budgets_are_owners_alone() -> None:
    assert {each.field for each in SETTABLE} == set(Limits.__struct_fields__)
    assert [each.name for each in SETTABLE if each not in OF_KEYS] == [
        "budget-day",
        "budget-month",
        "weight",
    ]


def test_what_is_not_named_stays() -> None:
    before = Limits(queue=3, weight=2)

    assert with_changes(before, {"in_flight": 1}) == Limits(in_flight=1, queue=3, weight=2)
    assert with_changes(before, {"queue": None, "weight": 1}) == UNLIMITED
