"""A clock that is set by an hour or a day, in either direction, stops nothing and ends nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from support.jobs import OWNER, a_job
from support.scripted_fetches import PNG
from support.scripted_house import opened
from support.settable_clock import HOUR_MS, START_MS, Machine
from support.upstream_steps import Desk
from support.waits import until
from unstill.domain.backoff import ACCOUNT, Backoff
from unstill.domain.delivery import owed_for
from unstill.domain.job import Job, State
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.lanes import Lanes
from unstill.store.ports.queue import Lane
from unstill.system.clock import MOST_MADE_UP_MS, TOLD_FROM_MS
from unstill.upstreams.port import Busy
from unstill.webhooks.retry import after_failure

JUMPS_MS = [-25 * HOUR_MS, -HOUR_MS, HOUR_MS, 25 * HOUR_MS]


# --- the clock ---------------------------------------------------------------------------------


def test_it_shows_the_walls_time_while_nobody_sets_that() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wait(90_000)

    assert clock.now_ms() == machine.wall_ms() == START_MS + 90_000


def test_readings_within_a_millisecond_are_the_same_moment() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set(HOUR_MS)
    machine.wait(0.9)
    first_ms = clock.now_ms()
    machine.wait(0.2)

    assert first_ms == START_MS
    assert clock.now_ms() == START_MS + 1


@pytest.mark.parametrize("jump_ms", JUMPS_MS)
def test_a_pause_of_two_seconds_lasts_one_to_four_whatever_the_wall_clock_does(
    jump_ms: int,
) -> None:
    machine = Machine()
    clock = machine.clock()
    due_ms = clock.now_ms() + 2_000
    machine.set(jump_ms)
    waited_ms = 0
    while clock.now_ms() < due_ms:
        machine.wait(10)
        waited_ms += 10

    assert 1_000 <= waited_ms <= 4_010


@pytest.mark.parametrize("jump_ms", JUMPS_MS)
def test_what_the_wall_clock_was_set_by_is_made_up_for_in_time(jump_ms: int) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set(jump_ms)
    clock.now_ms()
    machine.wait(2 * abs(jump_ms) - 1_000)
    before_ms = clock.now_ms() - machine.wall_ms()
    machine.wait(2_000)

    assert abs(before_ms) == 500
    assert clock.now_ms() == machine.wall_ms()


@pytest.mark.parametrize(
    ("jump_ms", "now_ms"), [(0, START_MS + 1), (1, START_MS + MOST_MADE_UP_MS + 2)]
)
def test_a_clock_that_was_wrong_by_more_than_a_week_is_corrected_at_once(
    jump_ms: int, now_ms: int
) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set(MOST_MADE_UP_MS + jump_ms)
    machine.wait(1)

    assert clock.now_ms() == now_ms


@given(st.lists(st.tuples(st.integers(0, 10**8), st.integers(-(10**12), 10**12)), max_size=30))
def test_no_reading_and_no_id_is_before_an_earlier_one(moves: list[tuple[int, int]]) -> None:
    machine = Machine()
    clock = machine.clock()
    readings = [clock.now_ms()]
    for wait_ms, jump_ms in moves:
        machine.wait(wait_ms)
        machine.set(jump_ms)
        readings.append(clock.now_ms())
    moments = [new_id(reading)[:13] for reading in readings]

    assert readings == sorted(readings)
    assert moments == sorted(moments)


def test_a_clock_that_is_set_is_told_of_once() -> None:
    machine = Machine()
    clock = machine.clock()
    with capture_logs() as logged:
        for jump_ms in (TOLD_FROM_MS - 1, 2, 0):  # half a millisecond is made up for
            machine.set(jump_ms)
            machine.wait(1)
            clock.now_ms()

    assert [(entry["event"], entry["by_s"]) for entry in logged] == [("clock_was_set", 60)]


@pytest.mark.parametrize(
    ("seen_ms", "now_ms"),
    [
        (0, START_MS),
        (START_MS - 5, START_MS),
        (START_MS + HOUR_MS, START_MS + HOUR_MS),
        (START_MS + MOST_MADE_UP_MS + 1, START_MS),  # the earlier clock was wrong
    ],
)
def test_a_new_process_goes_on_where_the_last_one_was(seen_ms: int, now_ms: int) -> None:
    clock = Machine().clock()
    clock.not_before(seen_ms)

    assert clock.now_ms() == now_ms


# --- what goes by it ---------------------------------------------------------------------------


@pytest.mark.parametrize("jump_ms", JUMPS_MS)
async def test_a_job_in_a_pause_goes_on_in_time(jump_ms: int) -> None:
    machine, rows, begun = Machine(), dict[str, Job](), list[str]()
    clock = machine.clock()
    lanes = Lanes(rows.get, clock.now_ms, pauses=Backoff((20,)))

    async def step(job: Job) -> None:
        begun.append(job.id)
        rows[job.id] = msgspec.structs.replace(job, state=State.RUNNING)
        lanes.offer(rows[job.id])

    rows["died"] = a_job(id="died", state=State.READY, due_ms=clock.now_ms() + 1_000)
    lanes.serve([Lane("engine:camera", 1, step)])
    lanes.offer(rows["died"])
    machine.set(jump_ms)
    machine.wait(2_000)
    rows["new"] = a_job(id="new", state=State.READY)
    lanes.offer(rows["new"])
    await until(lambda: len(begun) == 2)
    await lanes.rest(1)

    assert sorted(begun) == ["died", "new"]


@pytest.mark.parametrize("jump_ms", JUMPS_MS)
async def test_a_busy_upstream_is_asked_again_in_time(tmp_path: Path, jump_ms: int) -> None:
    machine = Machine()
    clock = machine.clock()
    desk = Desk(tmp_path)
    await desk.store.open()
    desk.alone()
    desk.first.submissions.append(Busy("429", "later"))
    await desk.add("told", "new")
    desk.now_ms = clock.now_ms()
    await desk.step("told")
    machine.set(jump_ms)
    machine.wait(2 * ACCOUNT.first_ms)
    desk.now_ms = clock.now_ms()
    states = [(await desk.step(name)).state for name in ("told", "new")]
    await desk.store.close()

    assert states == [State.RUNNING, State.RUNNING]


@pytest.mark.parametrize("jump_ms", JUMPS_MS)
def test_a_webhook_that_is_due_in_seconds_stays_so_and_is_not_given_up(jump_ms: int) -> None:
    machine = Machine()
    clock = machine.clock()
    ended = a_job(state=State.SUCCEEDED, webhook_url="https://a.example", ended_ms=clock.now_ms())
    owed = owed_for(ended)
    assert owed is not None
    machine.set(jump_ms)
    tried = after_failure(owed, "answered 500", clock.now_ms(), chance=0.5)
    wait_ms = tried.due_ms - clock.now_ms()
    machine.wait(2 * wait_ms)

    assert tried.state == owed.state
    assert clock.now_ms() >= tried.due_ms


async def test_jobs_of_a_clock_that_was_set_back_stay_in_the_order_in_which_they_were_made(
    tmp_path: Path,
) -> None:
    machine = Machine()
    clock, store = machine.clock(), EmbeddedStore(tmp_path)
    await store.open()
    made = list[str]()
    for jump_ms in (0, -HOUR_MS, HOUR_MS, -25 * HOUR_MS):
        machine.set(jump_ms)
        machine.wait(50)
        made.append(new_id(clock.now_ms()))
        await store.jobs.add(a_job(id=made[-1]))
    page = await store.job_lists.page(Owner("team-a"), limit=9, newest_first=False)
    await store.close()

    assert [job.id for job in page.jobs] == made


async def test_a_list_without_a_window_leaves_out_no_job_of_a_clock_that_was_ahead(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        house.late_ms = HOUR_MS
        first = await house.submit(PNG)
        house.late_ms = 0  # as a new process has it, if the last one noted nothing
        second = await house.submit(PNG)
        listed = await house.service.list_by_offset(
            Owner(OWNER), window_ms=None, states=None, model=None, offset=0, limit=9
        )

    assert [job.id for job in listed.jobs] == [first, second]
