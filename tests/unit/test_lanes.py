"""The lanes in memory: who gets its next step, and when."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from support.lane_table import SOON_S, Table
from support.skipping_loop import loop_ms
from support.waits import until
from unstill.domain.job import Job, State
from unstill.store.ports.queue import Lane, PutOff

pytestmark = pytest.mark.skips_pauses

whose = ContextVar("whose", default="nobody")


async def test_a_lane_never_has_more_steps_than_slots() -> None:
    table, running, most, done = Table(), set[str](), [0], list[str]()

    async def step(job: Job) -> None:
        running.add(job.id)
        most[0] = max(most[0], len(running))
        await asyncio.sleep(0)
        running.remove(job.id)
        done.append(job.id)
        table.move(job.id, State.RUNNING)

    for number in range(20):
        table.add(f"job-{number:02}")
    table.lanes.serve([Lane("frames", 3, step)])
    await until(lambda: len(done) == 20)

    assert most == [3]
    assert done == sorted(done)


async def test_a_job_waits_until_it_is_due() -> None:
    table, begun_ms = Table(), dict[str, int]()

    async def step(job: Job) -> None:
        begun_ms[job.id] = loop_ms()
        table.move(job.id, State.RUNNING)

    due_ms = loop_ms() + 60
    table.lanes.serve([Lane("frames", 1, step)])
    table.add("late", due_ms=due_ms)
    table.add("now")
    await until(lambda: len(begun_ms) == 2)

    assert begun_ms["now"] < due_ms <= begun_ms["late"]


async def test_a_job_that_had_to_pause_is_before_the_later_ones_once_it_is_due() -> None:
    table, begun, gate = Table(), list[str](), asyncio.Event()

    async def step(job: Job) -> None:
        begun.append(job.id)
        await gate.wait()
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job-0")
    table.add("job-1", due_ms=loop_ms() + 30)
    table.add("job-2")
    table.add("job-3", due_ms=loop_ms() + 60_000)
    table.add("job-4")
    await asyncio.sleep(0.05)
    gate.set()
    await until(lambda: len(begun) == 4)
    await table.lanes.rest(1)

    assert begun == ["job-0", "job-1", "job-2", "job-4"]


async def test_a_job_that_was_due_when_the_clock_was_set_back_is_not_lost() -> None:
    now_ms, begun, gate = [5_000], list[str](), asyncio.Event()
    table = Table(clock_ms=lambda: now_ms[0])

    async def step(job: Job) -> None:
        begun.append(job.id)
        await gate.wait()
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job-0")
    table.add("job-1", due_ms=4_000)
    await until(lambda: begun == ["job-0"])
    now_ms[0] = 1_000
    gate.set()
    await until(lambda: begun == ["job-0", "job-1"])

    assert table.rows["job-1"].state is State.RUNNING


async def test_a_due_job_that_is_put_off_is_left_alone_until_then() -> None:
    table, begun, gate = Table(), list[str](), asyncio.Event()

    async def step(job: Job) -> None:
        begun.append(job.id)
        await gate.wait()
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    for number in range(3):
        table.add(f"job-{number}")
    await until(lambda: begun == ["job-0"])
    table.move("job-1", State.QUEUED, due_ms=loop_ms() + 50)
    gate.set()
    await until(lambda: len(begun) == 3)

    assert begun == ["job-0", "job-2", "job-1"]


async def test_a_job_that_becomes_due_earlier_is_not_kept_waiting() -> None:
    table, done = Table(), list[str]()

    async def step(job: Job) -> None:
        done.append(job.id)
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job", due_ms=loop_ms() + 60_000)
    table.move("job", State.QUEUED, due_ms=loop_ms())
    await until(lambda: done == ["job"])

    await table.lanes.rest(0)


async def test_a_job_goes_from_lane_to_lane() -> None:
    table, walked = Table(), list[str]()

    async def make_ready(job: Job) -> None:
        walked.append("frames")
        table.move(job.id, State.READY)

    async def render(job: Job) -> None:
        walked.append("engine")
        table.move(job.id, State.SAVING)

    async def bring(job: Job) -> None:
        walked.append("bring")
        table.move(job.id, State.SUCCEEDED)

    table.lanes.serve(
        [
            Lane("frames", 1, make_ready),
            Lane("engine:camera", 1, render),
            Lane("save:camera", 1, bring),
        ]
    )
    table.add("job")
    await until(lambda: table.rows["job"].state.is_final)

    assert walked == ["frames", "engine", "bring"]


async def test_a_job_whose_step_fails_is_tried_again_with_growing_pauses() -> None:
    table, begun_s = Table(), list[float]()

    async def step(job: Job) -> None:
        begun_s.append(asyncio.get_running_loop().time())
        if len(begun_s) < 5:
            raise RuntimeError("no")
        table.move(job.id, State.RUNNING)

    with capture_logs() as logged:
        table.lanes.serve([Lane("frames", 1, step)])
        table.add("job")
        await until(lambda: len(begun_s) == 5)
    pauses_s = [after - before for before, after in pairwise(begun_s)]

    assert pauses_s[0] >= 0.019
    assert pauses_s[1] >= 0.039
    assert pauses_s[2] >= 0.079
    assert pauses_s[3] >= 0.099
    assert [entry["job_id"] for entry in logged] == ["job"] * 4
    assert "secret plan" not in str(logged)


async def test_a_job_that_its_step_did_not_move_does_not_spin() -> None:
    table, begun = Table(), list[str]()

    async def step(job: Job) -> None:
        begun.append(job.id)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job")
    await asyncio.sleep(0.2)
    await table.lanes.rest(1)

    assert 2 <= len(begun) <= 5


async def test_a_step_that_asks_for_a_later_time_gets_it() -> None:
    table, begun_ms = Table(), list[int]()

    async def step(job: Job) -> None:
        begun_ms.append(loop_ms())
        table.move(job.id, State.QUEUED, due_ms=loop_ms() + 70)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job")
    await until(lambda: len(begun_ms) == 3)
    await table.lanes.rest(1)

    assert begun_ms[1] - begun_ms[0] >= 70
    assert begun_ms[2] - begun_ms[1] >= 70


async def test_a_job_that_its_step_puts_off_is_left_alone_until_then_without_a_change() -> None:
    table, begun_ms = Table(), list[int]()

    async def step(job: Job) -> PutOff:
        del job
        begun_ms.append(loop_ms())
        return PutOff(loop_ms() + 70)

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job")
    await until(lambda: len(begun_ms) == 3)
    await table.lanes.rest(1)

    assert begun_ms[1] - begun_ms[0] >= 70
    assert begun_ms[2] - begun_ms[1] >= 70


async def test_a_step_that_puts_its_job_off_until_a_moment_that_is_past_does_not_spin() -> None:
    table, begun = Table(), list[str]()

    async def step(job: Job) -> PutOff:
        begun.append(job.id)
        return PutOff(loop_ms())

    table.lanes.serve([Lane("frames", 1, step)])
    table.add("job")
    await asyncio.sleep(5 * SOON_S)
    await table.lanes.rest(1)

    assert 2 <= len(begun) <= 5


async def test_a_row_that_moved_without_a_word_gets_no_step() -> None:
    table, begun = Table(), list[str]()

    async def step(job: Job) -> None:
        begun.append(job.id)
        table.move(job.id, State.RUNNING)

    table.add("gone")
    table.add("here")
    del table.rows["gone"]
    table.lanes.serve([Lane("frames", 1, step)])
    await until(lambda: begun != [])

    assert begun == ["here"]


async def test_a_job_is_never_in_two_steps_at_once() -> None:
    table, begun, gate = Table(), list[str](), asyncio.Event()

    async def step(job: Job) -> None:
        begun.append(job.id)
        await gate.wait()
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 4, step)])
    table.add("job")
    for due_ms in range(5):
        await asyncio.sleep(0)
        table.move("job", State.QUEUED, due_ms=due_ms)
    while_it_steps = begun.copy()
    gate.set()
    await table.lanes.rest(5)

    assert while_it_steps == ["job"]
    assert begun == ["job"]


async def test_a_lane_that_is_served_late_finds_what_waits() -> None:
    table, begun = Table(), list[str]()

    async def step(job: Job) -> None:
        begun.append(job.id)
        table.move(job.id, State.RUNNING)

    table.add("early")
    table.lanes.serve([Lane("frames", 1, step)])
    await until(lambda: begun == ["early"])

    assert table.rows["early"].state is State.RUNNING


async def test_a_lane_tells_how_many_of_its_slots_are_taken() -> None:
    table, gate = Table(), asyncio.Event()

    async def step(job: Job) -> None:
        await gate.wait()
        table.move(job.id, State.RUNNING)

    for number in range(3):
        table.add(f"job-{number}")
    unserved = table.lanes.in_use()
    table.lanes.serve([Lane("frames", 2, step)])
    taken = table.lanes.in_use()
    gate.set()
    await until(lambda: all(row.state is State.RUNNING for row in table.rows.values()))
    await until(lambda: table.lanes.in_use() == [("frames", 0, 2)])

    assert (unserved, taken) == ([], [("frames", 2, 2)])


async def test_a_step_knows_nothing_of_whoever_woke_its_lane() -> None:
    table, heard = Table(), dict[str, str]()

    async def step(job: Job) -> None:
        heard[job.id] = whose.get()
        whose.set(job.id)
        table.move(job.id, State.RUNNING)

    table.lanes.serve([Lane("frames", 1, step)])
    told = whose.set("bob")
    for number in range(3):
        table.add(f"job-{number}")
    await until(lambda: len(heard) == 3)
    whose.reset(told)

    assert set(heard.values()) == {"nobody"}
