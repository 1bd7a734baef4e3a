"""Servers on one database: what is changed at one holds at the others, and of two at once one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from support.api_keys import NOW_MS, a_key, adding
from support.open_stores import a_row
from support.postgres_servers import shared
from unstill.domain.access_errors import KeyEnded
from unstill.domain.api_key import ApiKey, KeyState
from unstill.domain.delivery import DAY_MS, Delivery, DeliveryState, delivered
from unstill.domain.job import Failure, State, cancelled, failed, hidden
from unstill.domain.limits import Limits
from unstill.domain.owner import Owner
from unstill.service.key_rules import created, revoked, rotated
from unstill.store.ports.retention import Kept
from unstill.store.postgres import deliveries
from unstill.store.postgres.store import PostgresStore
from unstill.webhooks.retry import after_failure

ANN = Owner("ann")
URL = "https://hooks.example.com/a"
FOREVER = 2**50


class Pair(NamedTuple):
    """Two servers on one database."""

    one: PostgresStore
    two: PostgresStore


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, folder)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    url = shared().new_store()
    async with opened(url, tmp_path / "one") as one, opened(url, tmp_path / "two") as two:
        yield Pair(one, two)


# --- keys and owners ---------------------------------------------------------------------------


async def test_a_key_that_one_server_revokes_is_known_at_the_other_by_the_number(
    pair: Pair,
) -> None:
    await pair.one.keys.change(adding(a_key()))
    before = await pair.two.keys.changes()
    await pair.one.keys.change(revoked("key_1", NOW_MS + 5))
    after = await pair.two.keys.changes()
    [key] = await pair.two.keys.all()

    assert before != after
    assert key.state(NOW_MS + 5) is KeyState.REVOKED


async def test_keys_that_are_made_at_both_at_once_have_names_of_their_own(pair: Pair) -> None:
    wanted = [a_key(f"key_{n}", name="", owner=ANN) for n in range(10)]
    made = await asyncio.gather(
        *(pair[n % 2].keys.change(created(key, param="name")) for n, key in enumerate(wanted))
    )

    assert sorted(key.name for key in made) == sorted(["ann", *(f"ann-{n}" for n in range(2, 11))])


async def test_of_a_key_that_is_revoked_and_replaced_at_once_nothing_good_is_left(
    pair: Pair,
) -> None:
    for n in range(10):
        key_id = f"key_{n}"
        await pair.one.keys.change(adding(a_key(key_id, name=key_id)))
        said = await asyncio.gather(
            pair.one.keys.change(rotated(key_id, f"{n:064}", NOW_MS)),
            pair.two.keys.change(revoked(key_id, NOW_MS)),
            return_exceptions=True,
        )
        assert all(isinstance(each, ApiKey | KeyEnded) for each in said)

    assert {key.state(NOW_MS) for key in await pair.two.keys.all()} == {KeyState.REVOKED}


async def test_the_limits_of_an_owner_are_changed_one_after_the_other(pair: Pair) -> None:
    def one_more(before: Limits) -> Limits:
        return replace(before, queue=(before.queue or 0) + 1)

    await asyncio.gather(*(pair[n % 2].owners.change(ANN, one_more) for n in range(20)))

    assert await pair.one.owners.limits() == {"ann": Limits(queue=20)}


async def test_a_last_use_that_both_note_is_the_later_one(pair: Pair) -> None:
    await pair.one.keys.change(adding(a_key("key_1")))
    await pair.one.keys.change(adding(a_key("key_2")))
    await asyncio.gather(
        *(pair.one.keys.note_used({"key_1": NOW_MS + n, "key_2": NOW_MS - n}) for n in range(9)),
        *(pair.two.keys.note_used({"key_2": NOW_MS + n, "key_1": NOW_MS - n}) for n in range(9)),
    )

    assert [key.used_ms for key in await pair.one.keys.all()] == [NOW_MS + 8, NOW_MS + 8]


async def test_a_folder_that_saw_a_key_of_another_server_knows_so_when_the_database_is_older(
    tmp_path: Path,
) -> None:
    url, older = shared().new_store(), shared().new_store()
    async with opened(url, tmp_path / "one") as one, opened(url, tmp_path / "two") as two:
        await one.keys.change(adding(a_key(revoked_ms=NOW_MS)))
        await two.keys.all()
    folders = ("one", "two", "new")
    had_any = []
    for each in folders:
        async with opened(older, tmp_path / each) as store:
            had_any.append(await store.keys.had_any())

    assert had_any == [True, True, False]


# --- deliveries --------------------------------------------------------------------------------


async def owing(store: PostgresStore, job_id: str = "job") -> Delivery:
    await store.jobs.add(a_row(job_id, webhook_url=URL))
    await store.jobs.change(job_id, failed(Failure("x", "y"), NOW_MS))
    delivery = await store.outbox.of(job_id)
    assert delivery is not None
    return delivery


async def test_a_job_that_ends_at_both_at_once_owes_one_event(pair: Pair) -> None:
    await pair.one.jobs.add(a_row(webhook_url=URL))
    ends = await asyncio.gather(
        pair.one.jobs.change("job", failed(Failure("x", "y"), NOW_MS)),
        pair.two.jobs.change("job", cancelled(NOW_MS, is_hidden=False)),
    )

    assert [end is None for end in ends].count(True) == 1
    assert await pair.one.outbox.owed() == 1


async def test_two_replays_at_once_owe_one_event(pair: Pair) -> None:
    first = await owing(pair.one)
    await pair.one.outbox.settle(delivered(first, NOW_MS))
    replayed = await asyncio.gather(
        deliveries.replay(pair.one.database, ["job", "unknown"], now_ms=NOW_MS),
        deliveries.replay(pair.two.database, ["job"], now_ms=NOW_MS),
    )
    due = await pair.one.outbox.due(0, limit=9)

    assert list(replayed) == [["job"], ["job"]]
    assert [(each.tries, each.until_ms) for each in due] == [(0, NOW_MS + DAY_MS)]


async def test_a_try_that_ends_after_a_replay_elsewhere_leaves_the_replay_standing(
    pair: Pair,
) -> None:
    under_way = await owing(pair.one)
    await deliveries.replay(pair.two.database, [], now_ms=NOW_MS + 5)
    replayed = await pair.two.outbox.of("job")
    await pair.one.outbox.settle(delivered(under_way, NOW_MS + 6))
    await pair.one.outbox.settle(after_failure(under_way, "x", NOW_MS + 6, chance=0))

    assert await pair.one.outbox.of("job") == replayed


async def test_a_replay_is_of_what_is_owed_or_given_up_and_of_no_deleted_job(pair: Pair) -> None:
    sent, given_up, owed, gone = [await owing(pair.one, job_id) for job_id in "abcd"]
    await pair.one.outbox.settle(delivered(sent, NOW_MS))
    await pair.one.outbox.settle(after_failure(given_up, "x", NOW_MS + 2 * DAY_MS, chance=0))
    await pair.one.jobs.change(gone.job_id, hidden(of=State.FAILED))
    database = pair.two.database
    states = [each.state for each in await deliveries.newest(database, 9)]
    counts = [await deliveries.count(database, state) for state in DeliveryState]

    assert states == [DeliveryState.OWED, DeliveryState.GIVEN_UP, DeliveryState.DELIVERED]
    assert counts == [1, 1, 1]
    assert await deliveries.replay(database, [], now_ms=NOW_MS) == ["b", "c"]
    assert await deliveries.replay(database, ["c", "d", "a"], now_ms=NOW_MS) == ["c", "a"]
    assert [each.job_id for each in await deliveries.newest(database, 2)] == ["c", "b"]
    assert owed.job_id == "c"


async def test_what_the_server_before_may_yet_be_sending_keeps_its_tries(pair: Pair) -> None:
    first = await owing(pair.one)
    for tries in range(3):
        first = after_failure(first, "answered 500", NOW_MS, chance=0)
        assert first.tries == tries + 1
        await pair.one.outbox.settle(first)
    now_ms = first.due_ms + 5  # it has come due, and is being sent
    await pair.two.outbox.owe_at_once(now_ms, until_ms=now_ms)
    await pair.one.outbox.settle(delivered(first, now_ms + 1))

    assert await pair.two.outbox.owed() == 0


@pytest.mark.parametrize("after_ms", [-1, 3_600_000])
async def test_what_is_due_later_or_for_long_is_owed_at_once_with_its_first_pauses(
    pair: Pair, after_ms: int
) -> None:
    first = after_failure(await owing(pair.one), "answered 500", NOW_MS, chance=0)
    await pair.one.outbox.settle(first)
    now_ms = first.due_ms + after_ms
    await pair.two.outbox.owe_at_once(now_ms, until_ms=now_ms)
    [due] = await pair.two.outbox.due(now_ms, limit=9)

    assert (due.tries, due.due_ms) == (0, now_ms)


# --- lists and retention -----------------------------------------------------------------------


async def test_what_one_writes_the_other_lists(pair: Pair) -> None:
    for number in range(20):
        await pair[number % 2].jobs.add(a_row(f"job-{number:02}", owner="ann"))
        page = await pair[(number + 1) % 2].job_lists.page(ANN, limit=1)
        assert [job.id for job in page.jobs] == [f"job-{number:02}"]


async def test_a_row_that_goes_at_one_is_gone_at_the_other(pair: Pair) -> None:
    await owing(pair.one)
    [delivery] = await pair.one.outbox.due(FOREVER, limit=9)
    await pair.two.retention.note_removed("job", Kept.ROW, NOW_MS)
    before = await pair.one.jobs.find("job")
    await pair.one.outbox.settle(delivered(delivery, NOW_MS))
    await pair.two.retention.note_removed("job", Kept.ROW, NOW_MS)

    assert before is not None
    assert await pair.one.jobs.find("job") is None
    assert await pair.one.outbox.of("job") is None
