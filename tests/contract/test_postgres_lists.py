"""Lists of owners leave connections to submits and polls, and owners take turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.open_stores import a_row
from support.postgres_servers import shared
from support.waits import until
from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import Overloaded
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.store.list_turns import MOST_AT_ONCE
from unstill.store.ports.job_lists import Among, Where
from unstill.store.postgres.database import Database
from unstill.store.postgres.job_lists import READ_AT_ONCE, PostgresJobLists
from unstill.store.postgres.store import PostgresStore

ANN, BOB = Owner("ann"), Owner("bob")
ALWAYS = Where(0, 2**40)


class SlowDatabase(Database):
    """One whose reads take until they are let go; it notes whose they are as they begin."""

    def __init__(self, url: str) -> None:
        super().__init__(url, CommitCounts())
        self.may_go = asyncio.Event()
        self.asked: list[str] = []

    async def rows(self, sql: str, *bounds: object) -> list[Any]:
        self.asked.append(f"{bounds[0]}")
        await self.may_go.wait()
        return await super().rows(sql, *bounds)


@pytest.fixture
def url() -> str:
    return shared().new_store()


@pytest.fixture
async def slow(url: str) -> AsyncIterator[SlowDatabase]:
    database = SlowDatabase(url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, tmp_path)
    await store.open()
    yield store
    await store.close()


async def test_some_lists_are_read_at_once_and_no_more(slow: SlowDatabase) -> None:
    lists = PostgresJobLists(slow)
    owners = [Owner(f"owner-{number}") for number in range(READ_AT_ONCE + 2)]
    asked = [asyncio.create_task(lists.page(owner, limit=5)) for owner in owners]
    await until(lambda: len(slow.asked) == READ_AT_ONCE)
    others = asyncio.create_task(slow.write(lambda unit: unit.rows("SELECT 1")))
    await others  # no list holds it up
    under_way = list(slow.asked)
    slow.may_go.set()
    await asyncio.gather(*asked)

    assert under_way == owners[:READ_AT_ONCE]
    assert slow.asked == owners


async def test_of_an_owner_one_list_is_read_at_a_time_and_owners_take_turns(
    slow: SlowDatabase,
) -> None:
    lists = PostgresJobLists(slow)
    tasks = [asyncio.create_task(lists.page(owner, limit=5)) for owner in [ANN] * 4 + [BOB]]
    await until(lambda: len(slow.asked) == 2)
    under_way = list(slow.asked)
    slow.may_go.set()
    await asyncio.gather(*tasks)

    assert under_way == [ANN, BOB]
    assert slow.asked[2:] == [ANN] * 3


async def test_an_owner_has_a_number_of_lists_at_once_and_no_more(slow: SlowDatabase) -> None:
    lists = PostgresJobLists(slow)
    tasks = [asyncio.create_task(lists.page(ANN, limit=5)) for _ in range(MOST_AT_ONCE)]
    await until(lambda: lists.turns.at_once[ANN] == MOST_AT_ONCE)
    with pytest.raises(Overloaded, match="16 of your lists"):
        await lists.list_by_offset(ANN, ALWAYS, offset=0, limit=5)
    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks[1:], return_exceptions=True)
    slow.may_go.set()

    assert (await lists.list_by_offset(ANN, ALWAYS, offset=0, limit=5)).total == 0


@pytest.mark.parametrize(
    ("offset", "limit", "reads"), [(0, 9, 1), (1, 9, 1), (0, 3, 2), (0, 2, 2), (3, 2, 2)]
)
async def test_only_a_page_that_leaves_something_open_is_followed_by_a_count(
    store: PostgresStore, slow: SlowDatabase, offset: int, limit: int, reads: int
) -> None:
    for job_id in "abc":
        await store.jobs.add(a_row(f"00000000-000{job_id}", owner="ann"))
    slow.may_go.set()
    page = await PostgresJobLists(slow).list_by_offset(ANN, ALWAYS, offset=offset, limit=limit)

    assert page.total == 3
    assert len(slow.asked) == reads


async def test_a_page_of_a_large_store_looks_at_so_many_rows_and_goes_on_behind_them(
    store: PostgresStore,
) -> None:
    owners = dict(zip("abcdef", (ANN, BOB, ANN, BOB, ANN, BOB), strict=True))
    for job_id, owner in owners.items():
        state = State.QUEUED if job_id in "ad" else State.FAILED
        await store.jobs.add(a_row(job_id, owner=owner, state=state, is_hidden=job_id == "e"))
    lists = PostgresJobLists(store.database, most_looked_at=2)
    first = await lists.of_all(Among(owner=ANN, engine="far"), limit=5)
    unfinished = [await lists.of_all(Among(states=frozenset({State.QUEUED})), limit=1)]
    while unfinished[-1].after is not None:
        after = unfinished[-1].after
        page = await lists.of_all(Among(states=frozenset({State.QUEUED})), limit=1, after=after)
        unfinished.append(page)
    other = await lists.of_all(Among(model="other"), limit=5, after="d")
    last_one = await lists.of_all(Among(), limit=2, after="c")

    assert (first.jobs, first.after) == ((), "a")  # its owner's own index was looked at
    assert [[job.id for job in page.jobs] for page in unfinished] == [["d"], ["a"]]
    assert [page.after for page in unfinished] == ["d", None]
    assert (other.jobs, other.after) == ((), "b")
    assert [job.id for job in last_one.jobs] == ["b", "a"]
    assert last_one.after == "a"
