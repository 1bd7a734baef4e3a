"""What every job store keeps to about keys as rows."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from support.api_keys import NOW_MS, a_key, adding
from support.open_stores import Make, opened
from unstill.domain.access_errors import KeyEnded, NoSuchKey
from unstill.domain.caller import Scope
from unstill.domain.errors import StorageFailed
from unstill.domain.limits import UNLIMITED, Limits
from unstill.domain.owner import Owner
from unstill.service.key_rules import created, limited, revoked, rotated
from unstill.store.ports.store import Store

WHOLE = a_key(
    "key_2",
    scope=Scope.ADMIN,
    created_ms=NOW_MS + 1,
    models=("wan2.7-i2v", "mine"),
    networks=("10.0.0.0/8", "fd00::/8"),
    expires_ms=NOW_MS + 1_000,
    limits=Limits(in_flight=1, submits_per_minute=2, queue=0, stored_bytes=2**50),
)


async def test_keys_are_kept_as_they_were_added_oldest_first_and_outlive_the_store(
    make: Make,
) -> None:
    async with opened(make) as store:
        await store.keys.change(adding(WHOLE))
        await store.keys.change(adding(a_key()))
        assert list(await store.keys.all()) == [a_key(), WHOLE]

    async with opened(make) as store:
        assert list(await store.keys.all()) == [a_key(), WHOLE]


async def test_that_there_was_a_key_is_known_from_the_first_one_on(make: Make) -> None:
    async with opened(make) as store:
        assert not await store.keys.had_any()
        await store.keys.change(adding(a_key(revoked_ms=NOW_MS)))
        assert await store.keys.had_any()

    async with opened(make) as store:
        assert await store.keys.had_any()


async def test_no_digest_is_given_twice(store: Store) -> None:
    await store.keys.change(adding(a_key()))

    with pytest.raises(StorageFailed):
        await store.keys.change(adding(a_key("key_9", digest=a_key().digest)))
    assert list(await store.keys.all()) == [a_key()]


async def test_of_many_changes_at_once_each_is_decided_after_the_one_before(store: Store) -> None:
    wanted = [a_key(f"key_{n}", name="", owner=Owner("ann")) for n in range(5)]

    made = await asyncio.gather(
        *(store.keys.change(created(each, param="name")) for each in wanted)
    )

    assert sorted(key.name for key in made) == ["ann", "ann-2", "ann-3", "ann-4", "ann-5"]


async def test_a_revoked_key_stays_a_row_and_is_revoked_once(store: Store) -> None:
    await store.keys.change(adding(a_key()))

    first = await store.keys.change(revoked("key_1", NOW_MS + 5))
    again = await store.keys.change(revoked("key_1", NOW_MS + 9))

    assert first == again == a_key(revoked_ms=NOW_MS + 5)
    assert list(await store.keys.all()) == [first]


async def test_a_rotated_key_has_its_settings_and_is_new_in_all_else(store: Store) -> None:
    await store.keys.change(adding(WHOLE))
    await store.keys.note_used({"key_2": NOW_MS + 3})

    new = await store.keys.change(rotated("key_2", "11" * 32, NOW_MS + 5))

    assert new == a_key(
        "key_2",
        digest="11" * 32,
        scope=WHOLE.scope,
        created_ms=NOW_MS + 5,
        models=WHOLE.models,
        networks=WHOLE.networks,
        expires_ms=WHOLE.expires_ms,
        limits=WHOLE.limits,
    )
    assert list(await store.keys.all()) == [new]


async def test_what_may_not_be_decided_is_raised_and_changes_nothing(store: Store) -> None:
    await store.keys.change(adding(a_key()))
    await store.keys.change(revoked("key_1", NOW_MS))
    number = await store.keys.changes()

    with pytest.raises(KeyEnded):
        await store.keys.change(rotated("key_1", "22" * 32, NOW_MS))
    with pytest.raises(NoSuchKey):
        await store.keys.change(revoked("key_2", NOW_MS))
    assert await store.keys.changes() == number


async def test_limits_of_a_key_are_set_one_by_one_and_may_be_taken_away(store: Store) -> None:
    await store.keys.change(adding(WHOLE))

    changes = {"requests_per_minute": 7, "stored_bytes": None}
    changed = await store.keys.change(limited("key_2", changes, NOW_MS))
    nothing = dict.fromkeys(Limits.__struct_fields__[:4]) | {"requests_per_minute": None}
    none = await store.keys.change(limited("key_2", nothing, NOW_MS))

    assert changed.limits == Limits(
        in_flight=1, submits_per_minute=2, queue=0, requests_per_minute=7
    )
    assert none == msgspec.structs.replace(WHOLE, limits=UNLIMITED)
    assert list(await store.keys.all()) == [none]
    with pytest.raises(NoSuchKey):
        await store.keys.change(limited("key_9", {"queue": 1}, NOW_MS))


async def test_a_last_use_is_the_latest_that_was_noted(store: Store) -> None:
    await store.keys.change(adding(a_key()))
    await store.keys.change(adding(WHOLE))

    await store.keys.note_used({"key_1": NOW_MS + 5, "key_2": NOW_MS + 2})
    await store.keys.note_used({"key_1": NOW_MS + 4})

    assert [key.used_ms for key in await store.keys.all()] == [NOW_MS + 5, NOW_MS + 2]


async def test_each_change_is_told_by_another_number_and_a_use_is_none(store: Store) -> None:
    numbers = [await store.keys.changes()]
    await store.keys.change(adding(a_key()))
    numbers.append(await store.keys.changes())
    await store.keys.change(rotated("key_1", "22" * 32, NOW_MS))
    numbers.append(await store.keys.changes())
    await store.keys.change(limited("key_1", {"queue": 1}, NOW_MS))
    numbers.append(await store.keys.changes())
    await store.keys.change(revoked("key_1", NOW_MS))
    numbers.append(await store.keys.changes())

    await store.keys.note_used({"key_1": NOW_MS})
    await store.keys.change(revoked("key_1", NOW_MS))

    assert len(set(numbers)) == len(numbers)
    assert await store.keys.changes() == numbers[-1]
