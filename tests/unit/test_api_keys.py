"""Whose key a call has, at its first time and at each later one."""

from __future__ import annotations

import pytest

from unstill.domain.caller import Caller
from unstill.domain.errors import BadKey
from unstill.domain.owner import EVERYONE, Owner
from unstill.server.api_keys import MOST_SPELLINGS, Keys

TEAM = Owner("team")


def keys() -> Keys:
    return Keys({"sk-one": TEAM, "sk-two": Owner("others")})


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer sk-one"},
        {"authorization": "bearer  sk-one "},
        {"authorization": "sk-one"},
        {"api-key": "sk-one"},
        {"authorization": "", "api-key": "sk-one"},
    ],
)
def test_a_key_is_its_owners_in_every_spelling_and_again(headers: dict[str, str]) -> None:
    asked = keys()

    assert [asked.caller(headers) for _ in range(3)] == [Caller(TEAM)] * 3


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "sk-thre", "Bearer sk-one x"])
def test_what_is_no_key_is_refused_each_time_also_beside_good_ones(given: str) -> None:
    asked = keys()
    asked.caller({"authorization": "Bearer sk-one"})

    for _ in range(3):
        with pytest.raises(BadKey):
            asked.caller({"authorization": given})


def test_only_so_many_spellings_are_kept_and_the_others_are_good_too() -> None:
    asked = keys()
    spellings = [f"Bearer {' ' * spaces}sk-one" for spaces in range(5 * MOST_SPELLINGS)]

    for each in [*spellings, *spellings]:
        assert asked.caller({"authorization": each}).owner == TEAM
    assert len(asked._good) == 2 * MOST_SPELLINGS


def test_without_keys_all_are_one_owner_and_the_operator_too() -> None:
    caller = Keys({}).caller({"authorization": "anything"})

    assert caller.owner == EVERYONE
    assert caller.is_admin


def test_a_key_from_the_environment_is_no_operators() -> None:
    assert not keys().caller({"authorization": "sk-one"}).is_admin
