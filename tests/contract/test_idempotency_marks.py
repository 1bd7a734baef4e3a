"""What every job store keeps to about create calls that are sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from support.jobs import a_job
from support.unfinished_jobs import left
from unstill.domain.errors import KeyReused, StorageFailed
from unstill.domain.job import IdempotencyMark, Job, State, cancelled, made_ready
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.store.ports.store import Store

NOW_MS = 1_763_600_000_000
FIRST = IdempotencyMark("f1")  # an SDK's first try
RETRY = IdempotencyMark("f1", since_ms=NOW_MS - 900_000)
KEYED = IdempotencyMark("f1", key="k")


def job(**fields: Any) -> Job:
    return a_job(**{"id": new_id(NOW_MS), "created_ms": NOW_MS} | fields)


async def ids_in(store: Store) -> list[str]:
    return [place.job_id for place in await left(store)]


# --- keys --------------------------------------------------------------------------------------


async def test_a_key_gives_its_job_as_it_is_now(store: Store) -> None:
    first = await store.jobs.add(job(), mark=KEYED)
    moved = await store.jobs.change(first.id, made_ready(Size(640, 480)))

    again = await store.jobs.add(job(), mark=KEYED)

    assert moved is not None
    assert again == moved
    assert await ids_in(store) == [first.id]


async def test_a_key_with_another_fingerprint_is_refused_and_stores_nothing(
    store: Store,
) -> None:
    first = await store.jobs.add(job(), mark=KEYED)

    with pytest.raises(KeyReused, match="'k' was sent with other fields"):
        await store.jobs.add(job(), mark=IdempotencyMark("f2", key="k"))
    assert await ids_in(store) == [first.id]
    assert await store.jobs.add(job(), mark=KEYED) == first


async def test_what_is_refused_undoes_nothing_of_what_is_written_with_it(
    store: Store, heard: list[str]
) -> None:
    first = await store.jobs.add(job(), mark=KEYED)
    before, behind, keyed = job(), job(), job()

    stored = await asyncio.gather(  # in one turn, hence in one commit
        store.jobs.add(before),
        store.jobs.add(keyed, mark=IdempotencyMark("f3", key="n")),
        store.jobs.add(job(), mark=IdempotencyMark("f2", key="k")),
        store.jobs.add(job(), mark=KEYED),
        store.jobs.add(behind),
        store.jobs.change(before.id, made_ready(Size(640, 480))),
        return_exceptions=True,
    )

    moved = await store.jobs.find(before.id)
    assert moved is not None
    assert moved.state is State.READY
    assert isinstance(stored[2], KeyReused)
    assert [*stored[:2], *stored[3:]] == [before, keyed, first, behind, moved]
    assert sorted(heard) == sorted([first.id, before.id, keyed.id, behind.id, before.id])
    assert await ids_in(store) == sorted({first.id, before.id, keyed.id, behind.id})


async def test_the_job_of_a_key_is_found_without_storing_another(store: Store) -> None:
    first = await store.jobs.add(job(), mark=KEYED)

    assert await store.jobs.marked(first.owner, KEYED) == first
    assert await store.jobs.marked(Owner("team-b"), KEYED) is None
    assert await store.jobs.marked(first.owner, IdempotencyMark("f1", key="other")) is None
    with pytest.raises(KeyReused):
        await store.jobs.marked(first.owner, IdempotencyMark("f2", key="k"))
    assert await ids_in(store) == [first.id]


async def test_the_job_of_a_first_try_is_found_by_its_retry_alone(store: Store) -> None:
    first = await store.jobs.add(job(), mark=FIRST)

    assert await store.jobs.marked(first.owner, RETRY) == first
    assert await store.jobs.marked(first.owner, FIRST) is None


async def test_another_owner_has_keys_of_its_own(store: Store) -> None:
    mine = await store.jobs.add(job(), mark=KEYED)
    others = await store.jobs.add(job(owner="team-b"), mark=IdempotencyMark("f2", key="k"))

    assert mine.id != others.id
    assert await store.jobs.add(job(owner="team-b"), mark=IdempotencyMark("f2", key="k")) == others


async def test_of_many_calls_at_once_with_one_key_one_is_stored(
    store: Store, heard: list[str]
) -> None:
    adds = [store.jobs.add(job(), mark=IdempotencyMark("f1", key=f"k{n % 5}")) for n in range(60)]

    stored = await asyncio.gather(*adds)

    assert len({each.id for each in stored}) == 5
    assert [each.id for each in stored] == [stored[n % 5].id for n in range(60)]
    assert sorted(heard) == sorted({each.id for each in stored})  # nobody is told of a job twice
    assert sorted(heard) == await ids_in(store)


async def test_a_key_is_known_after_a_restart(make: Callable[[], Store]) -> None:
    stored = []
    for _ in range(2):
        store = make()
        await store.open()
        stored.append(await store.jobs.add(job(), mark=KEYED))
        await store.close()

    assert stored[0] == stored[1]


async def test_a_job_that_is_not_stored_leaves_no_mark(store: Store) -> None:
    there = await store.jobs.add(job())

    with pytest.raises(StorageFailed):
        await store.jobs.add(there, mark=KEYED)
    new = await store.jobs.add(job(), mark=IdempotencyMark("f2", key="k"))

    assert new.id != there.id


async def test_a_key_is_kept_as_long_as_the_row_of_its_job(store: Store) -> None:
    first = await store.jobs.add(job(), mark=KEYED)
    await store.jobs.change(first.id, cancelled(NOW_MS, is_hidden=True))
    deleted = await store.jobs.add(job(), mark=KEYED)
    await store.retention.forget(first.id)
    new = await store.jobs.add(job(), mark=IdempotencyMark("f2", key="k"))

    assert (deleted.id, deleted.is_hidden) == (first.id, True)
    assert new.id != first.id


async def test_a_job_that_keeps_its_row_keeps_its_key(store: Store) -> None:
    first = await store.jobs.add(job(), mark=KEYED)
    await store.retention.forget(first.id)

    assert await store.jobs.add(job(), mark=KEYED) == first


# --- retries of SDKs ---------------------------------------------------------------------------


async def test_a_retry_is_the_job_of_its_first_try(store: Store) -> None:
    first = await store.jobs.add(job(), mark=FIRST)

    assert await store.jobs.add(job(), mark=RETRY) == first


async def test_a_first_try_is_never_another_call(store: Store) -> None:
    first = await store.jobs.add(job(), mark=FIRST)
    second = await store.jobs.add(job(), mark=FIRST)

    assert await ids_in(store) == sorted([first.id, second.id])


async def test_a_retry_without_a_first_try_is_one_for_the_next_retry(store: Store) -> None:
    stored = [await store.jobs.add(job(), mark=RETRY) for _ in range(3)]

    assert stored == [stored[0]] * 3


async def test_a_retry_is_the_newest_of_equal_first_tries(store: Store) -> None:
    late = await store.jobs.add(job(created_ms=NOW_MS + 5), mark=FIRST)
    await store.jobs.add(job(created_ms=NOW_MS + 1), mark=FIRST)

    assert await store.jobs.add(job(), mark=RETRY) == late


@pytest.mark.parametrize(
    ("fields", "mark"),
    [
        ({"owner": "team-b"}, RETRY),
        ({}, IdempotencyMark("f2", since_ms=0)),
        ({}, IdempotencyMark("f1", since_ms=NOW_MS + 1)),
        ({}, IdempotencyMark("f1", key="k")),
    ],
    ids=["another owner", "other fields", "too late", "a key"],
)
async def test_a_retry_of_anything_else_is_a_new_job(
    store: Store, fields: dict[str, Any], mark: IdempotencyMark
) -> None:
    first = await store.jobs.add(job(), mark=FIRST)
    new = await store.jobs.add(job(**fields), mark=mark)

    assert new.id != first.id


@pytest.mark.parametrize("mark", [None, KEYED], ids=["unmarked", "under a key"])
async def test_a_retry_is_no_call_that_was_not_marked_as_an_sdks(
    store: Store, mark: IdempotencyMark | None
) -> None:
    first = await store.jobs.add(job(), mark=mark)

    assert (await store.jobs.add(job(), mark=RETRY)).id != first.id


async def test_a_retry_does_not_bring_back_what_was_deleted(store: Store) -> None:
    first = await store.jobs.add(job(state=State.READY), mark=FIRST)
    await store.jobs.change(first.id, cancelled(NOW_MS, is_hidden=True))

    assert (await store.jobs.add(job(), mark=RETRY)).id != first.id


async def test_of_many_retries_at_once_one_is_stored(store: Store) -> None:
    stored = await asyncio.gather(*(store.jobs.add(job(), mark=RETRY) for _ in range(40)))

    assert len({each.id for each in stored}) == len(await ids_in(store)) == 1
