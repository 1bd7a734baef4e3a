"""The lanes in memory: who gets its next step, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest
from structlog.testing import capture_logs

from support.jobs import a_job
from support.requests import a_request
from support.skipping_loop import loop_ms
from support.waits import until
from unstill.domain.backoff import doubling
from unstill.domain.job import Job, State
from unstill.store.lanes import Lanes
from unstill.store.ports.queue import Lane, PutOff

REQUEST = a_request(prompt="a secret plan")
SOON_S = 0.02

pytestmark = pytest.mark.skips_pauses


class Table:
    """Rows in a dict, and the lanes that work on them."""

    def __init__(self, clock_ms: Callable[[], int] = loop_ms) -> None:
        self.rows: dict[str, Job] = {}
        self.lanes = Lanes(self.rows.get, clock_ms, pauses=doubling(round(1000 * SOON_S), 100))

    def add(self, job_id: str, *, state: State = State.QUEUED, due_ms: int = 0) -> None:
        self.rows[job_id] = a_job(
            id=job_id, created_ms=0, request=REQUEST, state=state, due_ms=due_ms
        )
        self.lanes.offer(self.rows[job_id])

    def move(self, job_id: str, to: State, *, due_ms: int = 0) -> None:
        self.rows[job_id] = msgspec.structs.replace(self.rows[job_id], state=to, due_ms=due_ms)
        self.lanes.offer(self.rows[job_id])


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
