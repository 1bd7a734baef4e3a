"""A database that is away, restarts, or does not answer a commit: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from support.cut_answers import CutsAnswers
from support.open_stores import a_row
from support.postgres_servers import StorePostgres, postgres
from unstill.domain.errors import StorageFailed
from unstill.domain.job import Job, State, made_ready
from unstill.domain.request import Size
from unstill.store.postgres.store import PostgresStore

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def database() -> Iterator[StorePostgres]:
    with postgres() as server:
        yield server


async def test_calls_wait_for_a_database_that_restarts(
    database: StorePostgres, tmp_path: Path
) -> None:
    heard: list[str] = []
    store = PostgresStore(await asyncio.to_thread(database.new_store), tmp_path / "data")
    await store.open((lambda job: heard.append(job.id),))
    await store.jobs.add(a_row("before"))

    restarting = asyncio.create_task(asyncio.to_thread(database.restart))
    ids = [f"job-{n}" for n in range(200)]
    stored = []
    for job_id in ids:
        try:
            await store.jobs.add(a_row(job_id))
            stored.append(job_id)
        except StorageFailed:
            await asyncio.sleep(0.05)
    await restarting

    assert (await store.jobs.find("before")) == a_row("before")
    found = [job_id for job_id in ids if await store.jobs.find(job_id) is not None]
    assert found == stored
    assert heard == ["before", *stored]
    await store.close()


async def test_while_it_is_away_calls_are_told_to_come_again_and_then_all_is_well(
    database: StorePostgres, tmp_path: Path
) -> None:
    store = PostgresStore(await asyncio.to_thread(database.new_store), tmp_path / "data")
    await store.open()
    await store.jobs.add(a_row("job"))
    await asyncio.to_thread(database.stop)

    with pytest.raises(StorageFailed):
        await store.jobs.find("job")
    with pytest.raises(StorageFailed):
        await store.jobs.change("job", made_ready(Size(640, 480)))
    await asyncio.to_thread(database.start)

    job = await store.jobs.change("job", made_ready(Size(640, 480)))
    assert job is not None
    assert job.state is State.READY
    await store.close()


async def test_a_commit_whose_answer_is_lost_is_asked_after(
    database: StorePostgres, tmp_path: Path
) -> None:
    url = await asyncio.to_thread(database.new_store)
    heard: list[tuple[str, State]] = []

    def hear(job: Job) -> None:
        heard.append((job.id, job.state))

    async with CutsAnswers(database.port, to=b"COMMIT") as cutting:
        through = url.replace(f":{database.port}/", f":{cutting.port}/")
        store = PostgresStore(through, tmp_path / "data")
        await store.open((hear,))
        cutting.cut_next(1)
        await store.jobs.add(a_row("job"))
        cutting.cut_next(1)
        job = await store.jobs.change("job", made_ready(Size(640, 480)), attempt=0)
        cut = cutting.cut
        await store.close()

    assert cut == 2
    assert job is not None
    assert heard == [("job", State.QUEUED), ("job", State.READY)]


async def test_what_was_taken_while_it_crashed_is_there(
    database: StorePostgres, tmp_path: Path
) -> None:
    # A transaction whose end was not on the disk yet leaves no trace, and another one gets its
    # number: by that alone, some of a hundred would be taken for stored.
    heard: set[str] = set()
    store = PostgresStore(await asyncio.to_thread(database.new_store), tmp_path / "data")
    await store.open((lambda job: heard.add(job.id),))
    taken: list[str] = []

    async def add(name: str, crash: asyncio.Task[None]) -> None:
        for n in count():
            if crash.done():
                return
            try:
                taken.append((await store.jobs.add(a_row(f"{name}-{n}"))).id)
            except StorageFailed:
                await asyncio.sleep(0.02)

    for round_ in range(8):
        crash = asyncio.create_task(asyncio.to_thread(database.restart))
        await asyncio.gather(*(add(f"job-{round_}-{caller}", crash) for caller in range(6)))
    found = [job_id for job_id in taken if await store.jobs.find(job_id) is not None]
    await store.close()

    assert len(taken) > 20
    assert found == taken
    assert set(taken) <= heard
