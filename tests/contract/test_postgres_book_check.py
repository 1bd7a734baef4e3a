"""What `usage check` proves of a database, and that nothing can be changed without its notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from support.books import (
    ANN,
    BORN_MS,
    NEXT,
    TICKET,
    a_booked_job,
    answered_late,
    ended_in,
    fill,
    lost_in,
)
from support.postgres_servers import shared
from support.reserves import YUAN, a_reserve
from unstill.domain.job import cancelled
from unstill.domain.money import DAY_MS
from unstill.domain.resolution import CallCosts, DoubtWord
from unstill.store.ports.store import Store
from unstill.store.postgres.book_check import proof_of, prove
from unstill.store.postgres.store import PostgresStore

SOON_MS = BORN_MS + 2 * DAY_MS
COLUMNS = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1"
COSTS = CallCosts(lambda *_: YUAN, "EUR")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PostgresStore]:
    """With what `fill` makes."""
    store = PostgresStore(shared().new_store(), tmp_path / "data")
    await store.open()
    await fill(cast("Store", store))
    yield store
    await store.close()


async def wrongs(store: PostgresStore) -> list[str]:
    return (await proof_of(store.database)).wrongs


async def say(store: PostgresStore, job_id: str, *, is_charged: bool) -> None:
    await store.doubts.resolve(
        job_id, DoubtWord(is_charged), costs=COSTS, next_job=NEXT, now_ms=SOON_MS
    )


async def continued(store: PostgresStore, ticket: str = TICKET) -> None:
    """Let a job go on from another one, which was told its ticket late."""
    job = a_booked_job("late", ANN)
    await store.jobs.add(job, reserve=a_reserve(job))
    await lost_in(cast("Store", store), job)
    await answered_late(cast("Store", store), "late", ticket)
    await say(store, "late", is_charged=True)


@pytest.mark.parametrize("at_once", [1, 2, 5, 1_000])
async def test_a_book_as_servers_left_it_is_right(store: PostgresStore, at_once: int) -> None:
    proof = await proof_of(store.database, at_once)

    assert proof.wrongs == []
    assert (proof.sums.entries, proof.sums.jobs) == (15, 7)
    assert proof.sums.settled.total() == 990_000
    assert proof.sums.reserved.total() == 900_000
    assert proof.sums.cost == 1_350_000


async def test_an_empty_book_is_right(tmp_path: Path) -> None:
    empty = PostgresStore(shared().new_store(), tmp_path / "data")
    await empty.open()
    proof = await proof_of(empty.database)
    await empty.close()

    assert (proof.wrongs, proof.sums.entries) == ([], 0)


@pytest.mark.parametrize("is_charged", [True, False])
async def test_what_an_operator_has_resolved_is_right(
    store: PostgresStore,
    is_charged: bool,  # noqa: FBT001
) -> None:
    await say(store, "lost", is_charged=is_charged)
    await continued(store)

    assert await wrongs(store) == []


async def test_what_is_written_with_a_character_that_the_database_has_none_of_is_right(
    store: PostgresStore,
) -> None:
    job = a_booked_job("odd", ANN)
    await store.jobs.add(job, reserve=a_reserve(job, upstream_model="model\0x"))
    await continued(store, "task\0x")

    assert await wrongs(store) == []


async def test_a_book_is_proved_as_it_was_at_one_moment_whatever_is_written_meanwhile(
    store: PostgresStore,
) -> None:
    async def write(n: int) -> None:
        job = a_booked_job(f"more-{n}", ANN)
        await store.jobs.add(job, reserve=a_reserve(job))
        if n % 2:
            await ended_in(cast("Store", store), job)
        else:
            await store.jobs.change(job.id, cancelled(9, is_hidden=False))

    writers = asyncio.gather(*map(write, range(40)))
    proofs = [await proof_of(store.database, 3) for _ in range(10)]
    await writers

    assert [each.wrongs for each in proofs] == [[]] * 10
    assert await wrongs(store) == []


@pytest.mark.parametrize("table", ["charges", "spent", "resolutions", "continuations"])
async def test_any_one_value_that_is_changed_by_hand_in_any_row_is_found(
    store: PostgresStore, table: str
) -> None:
    await say(store, "lost", is_charged=True)
    await continued(store)
    connection = await store.database.connect()
    names = await connection.fetch(COLUMNS, table)
    places = [row[0] for row in await connection.fetch(f"SELECT ctid::text FROM {table}")]  # noqa: S608
    unseen, tried = [], 0
    for place in places:
        for name, kind in names:
            # The number of a row keeps the order of a job's alone.
            for other in () if name == "id" else changes_of(name, kind):
                sql = f"UPDATE {table} SET {name} = {other} WHERE ctid = '{place}'"  # noqa: S608
                found = await proved_after(connection, sql)
                tried += found is not None
                unseen += [sql] if found == [] else []
    await connection.close()

    assert unseen == []
    assert tried > 2 * len(places)
    assert await wrongs(store) == []


@pytest.mark.parametrize("table", ["charges", "spent"])
async def test_any_row_that_is_gone_is_missed(store: PostgresStore, table: str) -> None:
    connection = await store.database.connect()
    places = [row[0] for row in await connection.fetch(f"SELECT ctid::text FROM {table}")]  # noqa: S608
    found = [
        await proved_after(connection, f"DELETE FROM {table} WHERE ctid = '{place}'")  # noqa: S608
        for place in places
    ]
    await connection.close()

    assert len(found) >= 4
    assert all(found)


async def test_a_job_that_goes_on_is_held_to_the_one_before(store: PostgresStore) -> None:
    await continued(store)
    connection = await store.database.connect()
    unsaid = await proved_after(connection, "DELETE FROM resolutions")
    await connection.close()

    assert unsaid is not None
    assert any("which goes on from late: nobody has said" in wrong for wrong in unsaid)


def changes_of(name: str, kind: str) -> list[str]:
    """What else may stand in a column, as SQL."""
    if kind == "text":
        return [f"{name} || 'x'"]
    return [f"{name} + 1"] if kind == "smallint" else [f"{name} + 1", f"{name} - 1"]


async def proved_after(connection: Any, sql: str) -> list[str] | None:
    """What a proof finds after a change by hand; None where the database would not have it."""
    await connection.execute("BEGIN")
    try:
        await connection.execute(sql)
        return (await prove(connection)).wrongs
    except Exception as error:
        if "duplicate key" in str(error):
            return None
        raise
    finally:
        await connection.execute("ROLLBACK")
