"""What is kept of a key, and which one a name stands for."""

from __future__ import annotations

import re

from support.api_keys import NOW_MS, a_key
from unstill.domain.api_key import (
    ID,
    KeyState,
    digest_of,
    found,
    free_name,
    is_taken,
    new_key,
    new_key_id,
)
from unstill.domain.owner import Owner

TEAM = Owner("team-a")


def test_a_new_key_has_its_prefix_and_256_bits_and_is_another_each_time() -> None:
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(re.fullmatch(r"unstill_[A-Za-z0-9_-]{43}", key) for key in keys)


def test_a_new_id_is_known_as_one_and_is_no_key() -> None:
    assert ID.fullmatch(new_key_id())
    assert not ID.fullmatch(new_key())


def test_a_digest_is_of_the_whole_key() -> None:
    key = new_key()

    assert len(digest_of(key.encode())) == 32
    assert digest_of(key.encode()) == digest_of(key.encode())
    assert digest_of(key.encode()) != digest_of(key[:-1].encode())


def test_a_key_is_good_until_it_is_revoked_or_over() -> None:
    assert a_key().state(NOW_MS) is KeyState.GOOD
    assert a_key(expires_ms=NOW_MS + 1).state(NOW_MS) is KeyState.GOOD
    assert a_key(expires_ms=NOW_MS).state(NOW_MS) is KeyState.EXPIRED
    assert a_key(expires_ms=NOW_MS, revoked_ms=NOW_MS - 1).state(NOW_MS) is KeyState.REVOKED


def test_a_name_stands_for_the_good_key_of_that_name_whatever_is_newer() -> None:
    revoked = a_key("key_2", created_ms=NOW_MS + 2, revoked_ms=NOW_MS + 3)
    over = a_key("key_3", created_ms=NOW_MS + 4, expires_ms=NOW_MS + 5)
    keys = [a_key(), revoked, over]

    assert found(keys, "laptop", NOW_MS + 9) == a_key()
    assert found(keys[1:], "laptop", NOW_MS + 9) == over
    assert found(keys[1:2], "laptop", NOW_MS + 9) == revoked
    assert found(keys, "key_2", NOW_MS + 9) == revoked
    assert found(keys, "desk", NOW_MS + 9) is None


def test_a_name_is_taken_by_a_good_key_alone() -> None:
    assert is_taken([a_key()], "laptop", NOW_MS)
    assert not is_taken([a_key()], "desk", NOW_MS)
    assert not is_taken([a_key(revoked_ms=NOW_MS)], "laptop", NOW_MS)
    assert not is_taken([a_key(expires_ms=NOW_MS)], "laptop", NOW_MS)


def test_a_key_without_a_name_has_its_owners_and_the_next_ones_are_counted() -> None:
    first, second = a_key(name="team-a"), a_key("key_2", name="team-a-2")

    assert free_name([], TEAM, NOW_MS) == "team-a"
    assert free_name([first], TEAM, NOW_MS) == "team-a-2"
    assert free_name([first, second], TEAM, NOW_MS) == "team-a-3"
    assert free_name([second], TEAM, NOW_MS) == "team-a"
