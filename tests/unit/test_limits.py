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
from unstill.domain.owner import owner_named
from unstill.domain.owner_turns import MOST_WEIGHT


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


@pytest.mark.parametrize("limit", SETTABLE, ids=lambda limit: limit.name)
def test_each_limit_takes_a_number_or_nothing_and_refuses_the_rest(limit: Settable) -> None:
    assert limit.taken("it", 7, nothing="null") == 7
    assert limit.taken("it", None, nothing="null") == limit.of(UNLIMITED)
    with pytest.raises(BadField, match=r"^it must be a whole number from "):
        limit.taken("it", "7", nothing="null")


def test_every_limit_can_be_set_and_a_weight_is_an_owners_alone() -> None:
    assert {each.field for each in SETTABLE} == set(Limits.__struct_fields__)
    assert [each.name for each in SETTABLE if each not in OF_KEYS] == ["weight"]


def test_what_is_not_named_stays() -> None:
    before = Limits(queue=3, weight=2)

    assert with_changes(before, {"in_flight": 1}) == Limits(in_flight=1, queue=3, weight=2)
    assert with_changes(before, {"queue": None, "weight": 1}) == UNLIMITED
