"""Jobs of a recovered store make no call that may cost before an operator releases them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
from structlog.testing import capture_logs

from support.upstream_steps import START_MS, Desk
from support.waits import until
from unstill.cli.doctor import store_findings
from unstill.domain.errors import OwnError
from unstill.domain.job import Job, State, cancelled
from unstill.store.embedded.held_jobs import held_in, release_in
from unstill.store.embedded.recovery import recover
from unstill.store.ports.held_jobs import Released
from unstill.store.ports.queue import Lane, PutOff

STATES = {
    "a-queued": State.QUEUED,
    "b-ready": State.READY,
    "c-running": State.RUNNING,
    "d-saving": State.SAVING,
    "e-failed": State.FAILED,
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Over a store that was recovered, with jobs in every state and one of the camera."""
    before = Desk(tmp_path)
    await before.store.open()
    for job_id, state in STATES.items():
        await before.add(job_id, state=state, deadline_ms=START_MS + 1)
    await before.add("f-camera", engine="camera")
    await before.store.close()
    await recover(tmp_path, local_engines={"camera"})
    desk = Desk(tmp_path)
    await desk.store.open()
    yield desk
    await desk.submitter.stop(1)
    await desk.store.close()


def held(desk: Desk) -> list[str]:
    return [job_id for job_id in (*STATES, "f-camera") if (job_id in desk.store.held_jobs)]


async def test_what_waits_for_an_engine_that_may_cost_is_held_and_nothing_else_waits(
    desk: Desk, tmp_path: Path
) -> None:
    assert held(desk) == ["a-queued", "b-ready", "c-running"]
    assert held_in(tmp_path) == ["a-queued", "b-ready"]
    assert desk.store.held_jobs.waiting == 2


async def test_a_held_job_is_not_sent_not_even_past_its_deadline_and_a_new_one_is(
    desk: Desk,
) -> None:
    desk.now_ms = START_MS + 60_000
    waiting = await desk.step("b-ready")
    await desk.add("new")
    sent = await desk.step("new")

    assert (waiting.state, sent.state) == (State.READY, State.RUNNING)
    assert desk.first.submitted == ["new"]
    assert waiting.due_ms > desk.now_ms
    stall = desk.stalls.of(waiting)
    assert stall is not None
    assert stall.code == "held"


async def test_a_released_job_is_sent_though_its_deadline_had_passed(
    desk: Desk, tmp_path: Path
) -> None:
    desk.now_ms = START_MS + 60_000
    released = release_in(tmp_path, ["b-ready", "unknown"], now_ms=desk.now_ms, within_ms=5)
    async with asyncio.timeout(30):
        while "b-ready" in desk.store.held_jobs:  # noqa: ASYNC110  - another process may write it
            await asyncio.sleep(0.05)
    job = await desk.step("b-ready")

    assert released == Released(["b-ready"], {})
    assert (job.state, job.deadline_ms) == (State.RUNNING, desk.now_ms + 5)
    assert held(desk) == ["a-queued", "c-running"]


async def test_a_release_counts_by_the_clock_of_the_server_that_is_up(
    desk: Desk, tmp_path: Path
) -> None:
    # Far from the wall's, which was set since.
    await desk.store.uptime_notes.count_from(START_MS - 3_600_000)
    release_in(tmp_path, ["b-ready"], now_ms=START_MS + 50 * 3_600_000, within_ms=24 * 3_600_000)

    assert (await desk.job("b-ready")).deadline_ms == START_MS + 23 * 3_600_000


async def test_a_release_wakes_the_job_in_its_lane(desk: Desk, tmp_path: Path) -> None:
    taken: list[str] = []

    async def step(job: Job) -> PutOff | None:
        taken.append(job.id)
        return await desk.submitter.submit(job)

    desk.store.queue.serve([Lane("engine:bailian", 10, step)])
    await until(lambda: taken == ["b-ready"])
    with capture_logs() as logs:
        release_in(tmp_path, [], now_ms=desk.now_ms, within_ms=60_000)
        await until(lambda: desk.first.submitted == ["b-ready"])

    assert desk.store.held_jobs.waiting == 0
    assert [(log["count"], log["held"]) for log in logs if log["event"] == "jobs_released"] == [
        (2, 0)
    ]


async def test_what_the_server_releases_itself_is_sent_at_once(desk: Desk, tmp_path: Path) -> None:
    before = await desk.store.held_jobs.ids()
    released = await desk.store.held_jobs.release(
        ["b-ready", "c-running", "unknown"], now_ms=desk.now_ms, within_ms=60_000
    )
    left = held(desk)
    job = await desk.step("b-ready")
    rest = await desk.store.held_jobs.release([], now_ms=desk.now_ms, within_ms=60_000)

    assert before == ["a-queued", "b-ready"]
    assert released == Released(["b-ready"], {})
    assert left == ["a-queued", "c-running"]
    assert job.state is State.RUNNING
    assert rest == Released(["a-queued"], {})
    assert held_in(tmp_path) == await desk.store.held_jobs.ids() == []


async def test_a_held_job_that_is_cancelled_is_held_no_more(desk: Desk, tmp_path: Path) -> None:
    await desk.store.jobs.change("b-ready", cancelled(5, is_hidden=True))

    assert held_in(tmp_path) == ["a-queued"]


async def test_held_jobs_stay_held_over_a_restart_and_are_told_of(
    desk: Desk, tmp_path: Path
) -> None:
    await desk.store.close()
    again = Desk(tmp_path)
    with capture_logs() as logs:
        await again.store.open()
    found = held(again)
    _, finding = store_findings(tmp_path)
    await again.store.close()

    assert found == ["a-queued", "b-ready", "c-running"]
    assert [(log["event"], log["count"]) for log in logs] == [("jobs_held", 2)]
    assert (finding.is_well, finding.is_needed, finding.mend) == (
        False,
        False,
        "unstill jobs release",
    )
    assert finding.detail.endswith(": 2")


async def test_jobs_are_released_without_a_server(desk: Desk, tmp_path: Path) -> None:
    await desk.store.close()
    released = release_in(tmp_path, [], now_ms=0, within_ms=0)

    assert released == Released(["a-queued", "b-ready"], {})
    assert held_in(tmp_path) == []
    assert release_in(tmp_path, [], now_ms=0, within_ms=0) == Released([], {})


def test_where_there_is_no_store_or_an_older_one_nothing_is_held(tmp_path: Path) -> None:
    assert held_in(tmp_path) == []
    assert release_in(tmp_path, [], now_ms=0, within_ms=0) == Released([], {})
    with apsw.Connection(str(tmp_path / "unstill.sqlite3")) as connection:
        connection.execute("CREATE TABLE jobs (id TEXT)")
    connection.close()

    assert held_in(tmp_path) == []
    assert release_in(tmp_path, [], now_ms=0, within_ms=0) == Released([], {})


def test_what_is_no_database_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "unstill.sqlite3").write_bytes(b"my shopping list " * 100)

    with pytest.raises(OwnError, match="NotADBError"):
        held_in(tmp_path)
