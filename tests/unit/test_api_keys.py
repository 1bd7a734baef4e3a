"""Whose key a call has, at its first time and at each later one."""

from __future__ import annotations

import pytest

from support.api_keys import NOW_MS, a_key
from unstill.domain.api_key import ApiKey
from unstill.domain.caller import KEYLESS, Caller, Scope
from unstill.domain.errors import BadKey
from unstill.domain.owner import EVERYONE, Owner
from unstill.server.api_keys import MOST_SPELLINGS, Keys

TEAM = Owner("team")
TEAM_A = Owner("team-a")


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


def stored(*rows: ApiKey, now_ms: int = NOW_MS) -> Keys:
    asked = Keys({})
    asked.take(rows, now_ms)
    return asked


def by(key_id: str) -> dict[str, str]:
    return {"authorization": f"Bearer unstill_{key_id}"}


def refused(asked: Keys, headers: dict[str, str], address: str = "") -> str:
    with pytest.raises(BadKey) as caught:
        asked.caller(headers, address)
    return caught.value.message


def test_a_stored_key_lets_in_its_owner_with_its_scope_and_models() -> None:
    row = a_key(scope=Scope.ADMIN, models=("mine",))

    caller = stored(row).caller(by("key_1"))

    assert caller == Caller(TEAM_A, Scope.ADMIN, "key_1", frozenset({"mine"}))
    assert caller.is_admin
    assert caller.may_use("mine")
    assert not caller.may_use("wan2.7-i2v")


def test_keys_of_the_environment_stay_good_beside_stored_ones() -> None:
    asked = keys()
    asked.take([a_key()], NOW_MS)

    assert asked.caller({"authorization": "sk-one"}) == Caller(TEAM)
    assert asked.caller(by("key_1")).owner == TEAM_A


def test_a_key_is_good_until_the_moment_that_it_expires_and_says_so_then() -> None:
    row = a_key(expires_ms=NOW_MS)

    assert stored(row, now_ms=NOW_MS - 1).caller(by("key_1")).owner == TEAM_A
    message = refused(stored(row, now_ms=NOW_MS), by("key_1"))
    assert message == "this API key expired at 2027-01-15T08:00:00Z"


def test_a_key_that_was_good_in_some_spelling_is_refused_once_it_is_revoked() -> None:
    asked = stored(a_key())
    asked.caller(by("key_1"))

    lost = asked.take([a_key(revoked_ms=NOW_MS)], NOW_MS)

    assert lost == {"key_1"}
    assert refused(asked, by("key_1")) == "this API key was revoked"


def test_where_keys_were_all_revoked_nobody_is_let_in() -> None:
    asked = stored(a_key(revoked_ms=NOW_MS))

    assert not asked.is_keyless
    for headers in ({}, by("key_1"), by("key_2")):
        refused(asked, headers)


def test_the_first_key_ends_the_calls_that_came_without_one() -> None:
    asked = Keys({})
    assert asked.caller({}) is KEYLESS
    asked.check(KEYLESS)

    assert asked.take([a_key()], NOW_MS) == {""}

    refused(asked, {})
    with pytest.raises(BadKey):
        asked.check(KEYLESS)


def test_who_was_let_in_by_a_key_is_not_by_the_one_in_its_place() -> None:
    asked = stored(a_key(), a_key("key_2"))
    rotated, other = asked.caller(by("key_1")), asked.caller(by("key_2"))

    lost = asked.take([a_key(key="unstill_new"), a_key("key_2")], NOW_MS)

    assert lost == {"key_1"}
    with pytest.raises(BadKey):
        asked.check(rotated)
    asked.check(other)
    assert asked.caller(by("key_2")) is other
    assert refused(asked, by("key_1")) == "this API key is not known here"
    asked.check(asked.caller(by("new")))


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "fd00::1%eth0"])
def test_a_key_with_networks_is_good_from_there(address: str) -> None:
    asked = stored(a_key(networks=("10.0.0.0/8", "fd00::/8")))

    for _ in range(2):
        assert asked.caller(by("key_1"), address).owner == TEAM_A


@pytest.mark.parametrize("address", ["11.0.0.1", "fe80::1", "::1", "", "unix"])
def test_from_anywhere_else_it_is_refused_without_the_networks(address: str) -> None:
    asked = stored(a_key(networks=("10.0.0.0/8", "fd00::/8")))
    asked.caller(by("key_1"), "10.0.0.1")

    message = refused(asked, by("key_1"), address)

    assert message == "this API key may not be used from this address"


def test_the_owners_are_those_of_all_keys_and_everyone_where_there_was_none_before() -> None:
    beside = keys()
    beside.take([a_key(revoked_ms=NOW_MS)], NOW_MS)

    assert Keys({}).owners == {EVERYONE}
    assert keys().owners == {TEAM, "others"}
    assert beside.owners == {TEAM, "others", TEAM_A, EVERYONE}


def test_each_key_that_was_used_is_told_once() -> None:
    asked = stored(a_key(), a_key("key_2"), a_key("key_3", networks=("10.0.0.0/8",)))
    for _ in range(2):
        asked.caller(by("key_1"))
    refused(asked, by("key_3"), "11.0.0.1")

    assert asked.take_used() == {"key_1"}
    assert asked.take_used() == set()
