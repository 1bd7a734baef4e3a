"""Lanes whose steps are cancelled, one by one or all at the end of a server."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from support.lane_table import SOON_S, Table
from support.waits import until
from unstill.domain.job import Job, State
from unstill.store.ports.queue import Lane

pytestmark = pytest.mark.skips_pauses


async def test_a_step_whose_inner_wait_was_cancelled_does_not_lose_its_job() -> None:
    table, begun = Table(), list[str]()

    async def step(job: Job) -> None:
        begun.append(job.id)
        if len(begun) == 1:
            raise asyncio.CancelledError
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job")
    await until(lambda: len(begun) == 2)

    assert table.rows["job"].state is State.RUNNING


async def test_a_job_that_is_cancelled_while_it_waits_gets_no_step() -> None:
    table, begun, gate = Table(), list[str](), asyncio.Event()

    async def step(job: Job) -> None:
        begun.append(job.id)
        await gate.wait()
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    for job_id in ("first", "second", "third"):
        table.add(job_id)
    await until(lambda: begun == ["first"])
    table.move("second", State.CANCELLED)
    gate.set()
    await until(lambda: "third" in begun)

    assert begun == ["first", "third"]


async def test_a_job_that_is_cancelled_ends_its_step_once_and_leaves_without_a_word() -> None:
    table, cleared, ended = Table(), list[str](), list[Job]()

    async def step(job: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(SOON_S)
            cleared.append(job.id)

    async def note(job: Job) -> None:
        ended.append(job)

    table.lanes.serve([Lane("frames", 1, step, ended=note)])
    with capture_logs() as logged:
        table.add("job")
        await asyncio.sleep(SOON_S)
        table.move("job", State.CANCELLED)
        await asyncio.sleep(0)
        table.move("job", State.CANCELLED, due_ms=1)  # changed again, as when it is deleted
        await until(lambda: ended != [])
        table.add("other")
        await asyncio.sleep(SOON_S)
        await table.lanes.rest(0)

    assert cleared[0] == "job"
    assert ended[0] == table.rows["job"]
    assert logged == []
    assert "job" not in table.lanes._places


async def test_a_cancel_that_is_told_together_with_a_steps_first_write_ends_the_step() -> None:
    table, went_on, ended = Table(), list[str](), list[State]()

    def commit(job_id: str, written: asyncio.Future[None]) -> None:
        table.move(job_id, State.QUEUED, due_ms=1)
        written.set_result(None)
        table.move(job_id, State.CANCELLED)

    async def step(job: Job) -> None:
        written = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(commit, job.id, written)
        await written
        went_on.append(job.id)

    async def note(job: Job) -> None:
        ended.append(job.state)

    table.lanes.serve([Lane("frames", 1, step, ended=note)])
    table.add("job")
    await until(lambda: ended != [])

    assert (went_on, ended) == ([], [State.CANCELLED])


async def test_what_is_done_after_a_step_is_not_broken_off_by_a_cancel() -> None:
    table, ended = Table(), list[State]()

    async def step(job: Job) -> None:
        table.move(job.id, State.READY)

    async def note(job: Job) -> None:
        table.move(job.id, State.CANCELLED)
        await asyncio.sleep(SOON_S)
        ended.append(job.state)

    table.lanes.serve([Lane("frames", 1, step, ended=note)])
    table.add("job")
    await until(lambda: ended != [])

    assert ended == [State.READY]


async def test_rest_waits_for_steps_under_way_and_starts_no_more() -> None:
    table, begun, done = Table(), list[str](), list[str]()

    async def step(job: Job) -> None:
        begun.append(job.id)
        await asyncio.sleep(0.05)
        done.append(job.id)
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("first")
    table.add("second")
    await until(lambda: begun == ["first"])
    await table.lanes.rest(5)
    table.add("third")
    await asyncio.sleep(0.02)

    assert (begun, done) == (["first"], ["first"])


async def test_rest_cancels_what_takes_too_long_and_may_be_asked_again() -> None:
    table, ended = Table(), list[str]()

    async def step(job: Job) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(job.id)
            raise

    table.lanes.serve([Lane("frames", 2, step)])
    table.add("one")
    table.add("two")
    await asyncio.sleep(0)
    await table.lanes.rest(0.01)
    await table.lanes.rest(0.01)

    assert sorted(ended) == ["one", "two"]


@pytest.mark.parametrize("state", [State.SUBMITTING, State.RUNNING, *State])
def test_only_a_job_with_a_lane_waits(state: State) -> None:
    table = Table(lambda: 0)

    table.add("job", state=state)

    assert len(table.lanes._places) == (table.rows["job"].lane is not None)
