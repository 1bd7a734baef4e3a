"""Lists of one owner hold up neither the server's own reads nor another owner's lists."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import apsw
import pytest

from support.jobs import a_job
from unstill.domain.errors import Overloaded
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.service.jobs import LAST_MS
from unstill.store.embedded import migrations
from unstill.store.embedded.connections import Reader
from unstill.store.embedded.job_lists import by_offset_sql
from unstill.store.embedded.read_pace import ReadPace
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.job_rows import Row
from unstill.store.list_turns import MOST_AT_ONCE
from unstill.store.ports.job_lists import Where

ALWAYS = Where(0, LAST_MS)


class Gate:
    """A list that takes until it is let go: a function of the database that its reads call."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.may_go = threading.Event()
        self.begun = threading.Event()
        self.reading: asyncio.Task[list[Row]] | None = None
        connection.create_scalar_function("gate", self.wait, 0)

    def wait(self, *_: apsw.SQLiteValue) -> int:
        self.begun.set()
        self.may_go.wait(20)
        return 1


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path)
    await store.open()
    for owner in ("ann", "bob"):
        await store.jobs.add(a_job(owner=owner))
    yield store
    await store.close()


def listing(store: EmbeddedStore, owner: str) -> asyncio.Task[list[str]]:
    async def read() -> list[str]:
        return [job.owner for job in (await store.job_lists.page(Owner(owner), limit=5)).jobs]

    return asyncio.create_task(read())


async def block(store: EmbeddedStore) -> Gate:
    """Something holds the lists' reader up."""
    gate = Gate(store.handle.opened.lists.connection)
    gate.reading = asyncio.create_task(store.handle.opened.lists.select("SELECT gate()"))
    await asyncio.to_thread(gate.begun.wait, 20)
    return gate


async def test_the_ledger_is_read_while_a_list_takes_its_time(store: EmbeddedStore) -> None:
    gate = await block(store)
    async with asyncio.timeout(30):
        found = (
            await store.attempts.of("any"),
            await store.attempts.recent("any", 5),
            await store.outbox.due(0, limit=5),
        )
    gate.may_go.set()

    assert found == ([], [], [])


async def test_owners_take_turns(store: EmbeddedStore) -> None:
    gate = await block(store)
    order: list[str] = []
    tasks = [listing(store, "ann") for _ in range(5)] + [listing(store, "bob")]
    for task in tasks:
        task.add_done_callback(lambda done: order.extend(done.result()))
    await asyncio.sleep(0)
    gate.may_go.set()
    await asyncio.gather(*tasks)

    assert order == ["ann", "bob", "ann", "ann", "ann", "ann"]


async def test_an_owner_has_a_number_of_lists_at_once_and_no_more(store: EmbeddedStore) -> None:
    gate = await block(store)
    tasks = [listing(store, "ann") for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="16 of your lists"):
        await store.job_lists.page(Owner("ann"), limit=5)
    other = listing(store, "bob")
    gate.may_go.set()
    await asyncio.gather(*tasks)

    assert await other == ["bob"]
    assert await listing(store, "ann") == ["ann"]


async def test_a_list_that_is_called_off_leaves_its_place(store: EmbeddedStore) -> None:
    gate = await block(store)
    tasks = [listing(store, "ann") for _ in range(MOST_AT_ONCE)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    gate.may_go.set()

    assert await listing(store, "ann") == ["ann"]


ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT begun() UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
)


def read_by(store: EmbeddedStore) -> list[str]:
    """What the lists' connection is asked from now on."""
    asked: list[str] = []

    def note(_: apsw.Cursor, sql: str, __: apsw.Bindings | None) -> bool:
        asked.append(sql)
        return True

    store.handle.opened.lists.connection.exec_trace = note
    return asked


async def test_a_list_that_is_called_off_while_it_waits_is_not_read(
    store: EmbeddedStore,
) -> None:
    gate = await block(store)
    asked = read_by(store)
    of_ann = [listing(store, "ann") for _ in range(5)]
    of_bob = listing(store, "bob")
    await asyncio.sleep(0)
    for task in of_ann:
        task.cancel()
    await asyncio.gather(*of_ann, return_exceptions=True)
    gate.may_go.set()

    assert await of_bob == ["bob"]
    assert gate.reading is not None
    assert await gate.reading == [(1,)]  # another's, which was under way meanwhile
    assert len(asked) == 1


async def test_a_list_that_is_called_off_while_it_is_read_ends(store: EmbeddedStore) -> None:
    reader = store.handle.opened.lists
    begun = threading.Event()

    def begin(*_: object) -> int:
        begun.set()
        return 1

    reader.connection.create_scalar_function("begun", begin, 0)
    endless = asyncio.create_task(reader.select(ENDLESS))
    others = [listing(store, owner) for owner in ("ann", "bob")]
    await asyncio.to_thread(begun.wait, 20)
    endless.cancel()
    async with asyncio.timeout(30):
        found = await asyncio.gather(*others)

    assert found == [["ann"], ["bob"]]
    assert endless.cancelled()


async def test_a_read_that_is_called_off_while_its_reader_rests_is_not_begun() -> None:
    rests, may_go = threading.Event(), threading.Event()

    def rest(_: float) -> None:
        rests.set()
        may_go.wait(20)

    pace = ReadPace(lambda: 0.0, count(step=5.0).__next__, rest)
    connection = apsw.Connection(":memory:")
    reader = Reader("test", connection, pace)
    read: list[str] = []

    def note(*names: object) -> int:
        read.extend(map(str, names))
        return 1

    connection.create_scalar_function("note", note, 1)
    await reader.select("SELECT note('first')")
    second = asyncio.create_task(reader.select("SELECT note('second')"))
    assert await asyncio.to_thread(rests.wait, 20)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    may_go.set()
    await asyncio.to_thread(reader.close)

    assert read == ["first"]


@pytest.mark.parametrize(
    ("offset", "limit", "reads"), [(0, 9, 1), (1, 9, 1), (0, 3, 2), (0, 2, 2), (3, 2, 2)]
)
async def test_only_a_page_that_leaves_something_open_is_followed_by_a_count(
    store: EmbeddedStore, offset: int, limit: int, reads: int
) -> None:
    for _ in range(2):
        await store.jobs.add(a_job(owner="ann"))
    asked = read_by(store)

    assert (
        await store.job_lists.list_by_offset(Owner("ann"), ALWAYS, offset=offset, limit=limit)
    ).total == 3
    assert len(asked) == reads


@pytest.mark.parametrize("model", [None, "my-wan"])
@pytest.mark.parametrize("states", [None, frozenset({State.FAILED, State.RUNNING})])
def test_a_count_reads_no_row(
    tmp_path: Path, states: frozenset[State] | None, model: str | None
) -> None:
    file = tmp_path / "unstill.sqlite3"
    connection = apsw.Connection(str(file))
    migrations.bring_up_to_date(connection, file, migrations.FOLDER)
    jobs_sql, count_sql, values = by_offset_sql(Where(0, 5, states, model))
    jobs = connection.execute(f"EXPLAIN QUERY PLAN {jobs_sql}", ("a", *values, 5, 0)).fetchall()
    count = connection.execute(f"EXPLAIN QUERY PLAN {count_sql}", ("a", *values)).fetchall()
    connection.close()

    ((_, _, _, of_jobs),), ((_, _, _, of_count),) = jobs, count
    assert str(of_jobs).startswith("SEARCH jobs USING INDEX jobs_of_owner (")
    assert str(of_count).startswith("SEARCH jobs USING COVERING INDEX jobs_of_owner (")
