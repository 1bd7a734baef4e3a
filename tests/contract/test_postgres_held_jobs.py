"""Jobs of a restored database make no call that may cost before an operator releases them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from support.leases import ENDED
from support.open_stores import a_row
from support.postgres_servers import shared
from support.waits import until
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import OperatorError
from unstill.domain.job import Job, State, accepted, cancelled, intended, put_back
from unstill.steps.submit import HELD_MS
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.queue import Lane, PutOff
from unstill.store.postgres import held_jobs, restored
from unstill.store.postgres.database import Database
from unstill.store.postgres.restored import Restored
from unstill.store.postgres.store import PostgresStore

NOW_MS = 1_763_600_000_000
STATES = {
    "a-queued": State.QUEUED,
    "b-ready": State.READY,
    "c-running": State.RUNNING,
    "d-saving": State.SAVING,
    "e-failed": State.FAILED,
}
DEADLINE_MS = NOW_MS + 1


class Fleet(NamedTuple):
    """A restored database: its servers, and what one of them hears of each commit."""

    one: PostgresStore
    two: PostgresStore
    database: Database  # as a command has it
    heard: list[Job]


@asynccontextmanager
async def database_at(url: str) -> AsyncIterator[Database]:
    database = Database(url, CommitCounts())
    await database.open()
    try:
        yield database
    finally:
        await database.close()


async def filled(folder: Path) -> str:
    """The URL of a database with a job in each state, and one of the camera."""
    url = shared().new_store()
    store = PostgresStore(url, folder)
    await store.open()
    for job_id, state in STATES.items():
        row = a_row(job_id, state=state, engine="bailian", deadline_ms=DEADLINE_MS)
        await store.jobs.add(row)
    await store.jobs.add(a_row("f-camera"))
    await store.close()
    return url


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    url, heard = await filled(tmp_path / "before"), list[Job]()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(database_at(url))
        await restored.go_on(database, local_engines={"camera"})
        one, two = (PostgresStore(url, tmp_path / name) for name in ("one", "two"))
        for store, listeners in ((one, ()), (two, (heard.append,))):
            await store.open(listeners)
            stack.push_async_callback(store.close)
        yield Fleet(one, two, database, heard)


def held(store: PostgresStore) -> list[str]:
    return [job_id for job_id in (*STATES, "f-camera") if job_id in store.held_jobs]


async def test_what_waits_for_an_engine_that_may_cost_is_held_at_each_server(
    fleet: Fleet,
) -> None:
    for store in (fleet.one, fleet.two):
        assert held(store) == ["a-queued", "b-ready", "c-running"]
        assert store.held_jobs.waiting == 2
        assert await store.held_jobs.ids() == ["a-queued", "b-ready"]


async def test_a_restored_store_has_another_name_and_what_it_holds_is_counted(
    tmp_path: Path,
) -> None:
    url = await filled(tmp_path / "before")
    name = url.rpartition("/")[2]
    before = shared().sql("SELECT id FROM store", name)
    async with database_at(url) as database:
        first = await restored.go_on(database, local_engines=())
        again = await restored.go_on(database, local_engines={"camera"})
    after = shared().sql("SELECT id FROM store", name)

    assert first == again == Restored(jobs=6, held=3)
    assert before != after


async def test_while_a_server_is_up_nothing_is_held(tmp_path: Path) -> None:
    url = await filled(tmp_path / "before")
    sql = "INSERT INTO servers (id, up_until) VALUES ('x', now() + interval '1 hour')"
    shared().sql(sql, url.rpartition("/")[2])
    async with database_at(url) as database:
        with pytest.raises(OperatorError, match="1 servers are up"):
            await restored.go_on(database, local_engines={"camera"})
        assert await held_jobs.held(database) == []


async def test_what_one_server_releases_is_known_at_the_other_with_its_new_deadline(
    fleet: Fleet,
) -> None:
    with capture_logs() as logs:
        released = await fleet.one.held_jobs.release(
            ["b-ready", "c-running", "unknown"], now_ms=NOW_MS, within_ms=60_000
        )
        await until(lambda: held(fleet.two) == ["a-queued", "c-running"])
    await until(lambda: [job.id for job in fleet.heard] == ["b-ready"])

    assert released == Released(["b-ready"], {})
    assert held(fleet.one) == ["a-queued", "c-running"]
    assert fleet.heard[0].deadline_ms == NOW_MS + 60_000
    assert [(log["count"], log["held"]) for log in logs if log["event"] == "jobs_released"] == [
        (1, 1),
        (1, 1),
    ]


async def test_a_command_releases_all_that_wait_by_the_clock_of_the_servers(
    fleet: Fleet,
) -> None:
    await fleet.one.uptime_notes.count_from(NOW_MS - 3_600_000)
    released = await held_jobs.release(
        fleet.database, [], now_ms=NOW_MS + 50 * 3_600_000, within_ms=24 * 3_600_000
    )
    await until(lambda: held(fleet.one) == held(fleet.two) == ["c-running"])
    job = await fleet.two.jobs.find("a-queued")

    assert released == Released(["a-queued", "b-ready"], {})
    assert job is not None
    assert job.deadline_ms == NOW_MS + 23 * 3_600_000
    assert await held_jobs.release(fleet.database, [], now_ms=NOW_MS, within_ms=0) == Released(
        [], {}
    )


async def test_a_release_at_one_server_wakes_the_job_in_the_lane_of_the_other(
    fleet: Fleet,
) -> None:
    looked_at: list[bool] = []  # whether it was held then

    async def step(job: Job) -> PutOff | None:
        looked_at.append(job.id in fleet.two.held_jobs)
        if looked_at[-1]:
            return PutOff(fleet.two.clock_ms() + HELD_MS)
        await fleet.two.jobs.change(job.id, cancelled(NOW_MS, is_hidden=False))
        return None

    fleet.two.queue.serve([Lane("engine:bailian", 1, step)])
    await until(lambda: looked_at != [])
    await fleet.one.held_jobs.release(["b-ready"], now_ms=NOW_MS, within_ms=60_000)
    await until(lambda: not looked_at[-1])

    assert looked_at[0]


async def test_two_releases_at_once_let_each_job_go_once(fleet: Fleet) -> None:
    said = await asyncio.gather(
        *(each.held_jobs.release([], now_ms=NOW_MS, within_ms=1) for each in fleet[:2])
    )

    assert sorted(len(each.job_ids) for each in said) == [0, 2]


async def test_a_held_job_that_ends_at_one_server_is_held_no_more_at_any(fleet: Fleet) -> None:
    await fleet.one.jobs.change("b-ready", cancelled(5, is_hidden=True))
    await until(lambda: held(fleet.two) == ["a-queued", "c-running"])

    assert held(fleet.one) == ["a-queued", "c-running"]
    assert await held_jobs.held(fleet.database) == ["a-queued"]


async def test_a_held_job_that_its_upstream_has_lost_waits_at_each_server(fleet: Fleet) -> None:
    await fleet.one.jobs.change("c-running", put_back(NOW_MS, died=False))
    await until(lambda: fleet.two.held_jobs.waiting == 3)

    assert await fleet.two.held_jobs.ids() == ["a-queued", "b-ready", "c-running"]


async def test_who_asks_for_a_job_that_is_with_an_upstream_is_told_by_what_name(
    fleet: Fleet,
) -> None:
    await fleet.one.jobs.add(a_row("new", state=State.READY, engine="bailian"))
    attempt = Attempt("new", 1, "bailian", "account", "wan", NOW_MS, NOW_MS + 9)
    await fleet.one.jobs.change("new", intended(attempt, ENDED))
    open_call = await held_jobs.release(fleet.database, ["new"], now_ms=NOW_MS, within_ms=1)
    settled = Settlement(1, Outcome.ACCEPTED, NOW_MS, ticket="task-1")
    await fleet.one.jobs.change("new", accepted("task-1", "wan", settled), attempt=1)
    taken = await fleet.two.held_jobs.release(["new", "none"], now_ms=NOW_MS, within_ms=1)

    assert open_call == Released([], {"new": "bailian"})
    assert taken == Released([], {"new": "bailian, as task-1"})
