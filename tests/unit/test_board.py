"""The board: how far each job is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.jobs import a_job
from unstill.domain.job import MOVES, State
from unstill.progress.board import REMEMBERED, RENDERED, Board
from unstill.progress.waiters import ALARM_STEP_S, Waiter

pytestmark = pytest.mark.skips_pauses

JOB = a_job(state=State.RUNNING)


@pytest.mark.parametrize(
    ("state", "progress"),
    [
        (State.QUEUED, 0.0),
        (State.READY, 0.0),
        (State.SUBMITTING, 0.0),
        (State.SAVING, RENDERED),
        (State.SUCCEEDED, 1.0),
        (State.FAILED, 0.0),
        (State.CANCELLED, 0.0),
    ],
)
def test_a_job_that_nobody_renders_is_as_far_as_its_state(state: State, progress: float) -> None:
    assert Board().progress(a_job(state=state)) == progress


def test_a_render_that_has_reported_nothing_is_at_its_start() -> None:
    board = Board()
    board.changed(JOB)

    assert board.progress(JOB) == 0


def test_a_render_is_as_far_as_its_best_report() -> None:
    board = Board()
    board.changed(JOB)
    board.report(JOB.id, 0.5)
    board.report(JOB.id, 0.4)

    assert board.progress(JOB) == pytest.approx(0.5 * RENDERED)


def test_a_render_is_never_further_than_a_video_that_is_being_saved() -> None:
    board = Board()
    board.changed(JOB)
    board.report(JOB.id, 1.7)

    assert board.progress(JOB) == RENDERED


@given(st.lists(st.one_of(st.sampled_from(sorted(State)), st.floats(0, 1.5)), max_size=30))
def test_progress_never_goes_back_whatever_happens_to_a_job(
    happens: list[State | float],
) -> None:
    board, job, shown = Board(), JOB, [0.0]
    for each in happens:
        if isinstance(each, float):
            board.report(job.id, each)
        elif each in MOVES[job.state]:
            job = a_job(id=job.id, state=each)
            board.changed(job)
        shown.append(board.progress(job))

    assert shown == sorted(shown)
    assert all(each < 1 for each in shown) or job.state is State.SUCCEEDED


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
def test_a_job_that_ends_without_a_video_is_as_far_as_it_came(state: State) -> None:
    board, ended = Board(), a_job(id=JOB.id, state=state)
    board.changed(JOB)
    board.report(JOB.id, 0.5)
    before_it_was_told = board.progress(ended)
    board.changed(ended)
    board.changed(ended)  # deleted, say

    assert before_it_was_told == board.progress(ended) == pytest.approx(0.5 * RENDERED)


def test_a_job_that_fails_at_its_check_had_been_rendered() -> None:
    board, failed = Board(), a_job(id=JOB.id, state=State.FAILED)
    board.changed(JOB)
    board.changed(a_job(id=JOB.id, state=State.SAVING))
    board.changed(failed)

    assert board.progress(failed) == RENDERED


def test_the_board_remembers_the_newest_jobs_that_ended_without_a_video() -> None:
    board = Board()
    for number in range(REMEMBERED + 1):
        board.changed(a_job(id=f"{number}", state=State.RUNNING))
        board.report(f"{number}", 0.5)
        board.changed(a_job(id=f"{number}", state=State.FAILED))

    assert board.progress(a_job(id="0", state=State.FAILED)) == 0
    assert board.progress(a_job(id="1", state=State.FAILED)) > 0


def test_a_render_that_begins_again_stands_still_until_it_is_further_than_before() -> None:
    board = Board()
    board.changed(JOB)
    board.report(JOB.id, 0.5)
    put_back = a_job(id=JOB.id, state=State.READY)
    board.changed(put_back)
    board.report(JOB.id, 0.95)  # the last word of a child that is ended
    while_waiting = board.progress(put_back)
    board.changed(JOB)
    board.report(JOB.id, 0.1)
    early = board.progress(JOB)
    board.report(JOB.id, 0.6)

    assert while_waiting == early == pytest.approx(0.5 * RENDERED)
    assert board.progress(JOB) == pytest.approx(0.6 * RENDERED)


def test_the_board_forgets_what_has_ended() -> None:
    board = Board()
    board.changed(JOB)
    board.changed(a_job(id=JOB.id, state=State.READY))
    board.changed(a_job(id=JOB.id, state=State.CANCELLED))

    assert (board._fractions, board._waiting) == ({}, set())


def test_what_is_reported_of_a_job_that_has_ended_is_not_kept() -> None:
    board = Board()
    board.changed(JOB)
    board.changed(a_job(id=JOB.id, state=State.CANCELLED))
    board.report(JOB.id, 0.5)

    assert board.progress(JOB) == 0


# --- who waits -----------------------------------------------------------------------------------


async def is_woken(waiter: Waiter) -> bool:
    """Whether the waiter's next sleep ends by what has happened so far."""
    sleep = asyncio.create_task(waiter.woken(within_s=60))
    for _ in range(3):
        await asyncio.sleep(0)
    woken = sleep.done()
    sleep.cancel()
    await asyncio.gather(sleep, return_exceptions=True)
    return woken


@pytest.mark.parametrize("state", sorted(State))
async def test_every_change_of_a_job_wakes_those_who_wait_for_it(state: State) -> None:
    board = Board()
    with board.waiter(JOB.id) as first, board.waiter(JOB.id) as second, board.waiter("b") as other:
        sleep = asyncio.create_task(first.woken(within_s=60))
        await asyncio.sleep(0)
        board.changed(a_job(id=JOB.id, state=state))

        async with asyncio.timeout(5):
            await sleep
        assert await is_woken(second)
        assert not await is_woken(other)


async def test_a_change_between_the_read_and_the_sleep_is_not_missed() -> None:
    board = Board()
    with board.waiter(JOB.id) as waiter:
        board.changed(JOB)

        assert await is_woken(waiter)


async def test_many_changes_while_a_waiter_is_busy_wake_it_once() -> None:
    board = Board()
    with board.waiter(JOB.id) as waiter:
        board.changed(JOB)
        board.report(JOB.id, 0.5)

        assert [await is_woken(waiter), await is_woken(waiter)] == [True, False]


async def test_only_a_whole_percent_more_wakes() -> None:
    board = Board()
    board.changed(JOB)
    woken = []
    with board.waiter(JOB.id) as waiter:
        for fraction in (0.001, 0.0104, 0.012, 0.011, 0.5, 0.4, 1.0, 1.5):
            board.report(JOB.id, fraction)
            woken.append(await is_woken(waiter))

    assert woken == [False, True, False, False, True, False, True, False]


async def test_what_a_late_child_reports_of_a_job_that_was_put_back_wakes_nobody() -> None:
    board = Board()
    board.changed(JOB)
    board.changed(a_job(id=JOB.id, state=State.READY))
    with board.waiter(JOB.id) as waiter:
        board.report(JOB.id, 0.9)

        assert not await is_woken(waiter)


async def test_a_closed_board_ends_all_waits_and_lets_none_begin() -> None:
    board = Board()
    with board.waiter(JOB.id) as early:
        sleep = asyncio.create_task(early.woken(within_s=60))
        await asyncio.sleep(0)
        board.close()
        async with asyncio.timeout(5):
            await sleep
    with board.waiter(JOB.id) as late:
        assert (early.is_over, late.is_over) == (True, True)
        assert [await is_woken(late), await is_woken(late)] == [True, True]


async def test_a_sleep_ends_when_its_time_is_over_and_not_before() -> None:
    board, loop = Board(), asyncio.get_running_loop()
    with board.waiter(JOB.id) as waiter:
        begun_s = loop.time()
        async with asyncio.timeout(5):
            await waiter.woken(within_s=0.3)

        assert 0.3 <= loop.time() - begun_s < 2
        assert board._alarms._due == {}
        assert not await is_woken(waiter)


async def test_an_alarm_of_a_sleep_that_ended_wakes_nobody() -> None:
    board = Board()
    with board.waiter(JOB.id) as waiter:
        sleep = asyncio.create_task(waiter.woken(within_s=0.01))
        await asyncio.sleep(0)
        board.changed(JOB)
        await sleep
        await asyncio.sleep(3 * ALARM_STEP_S)

        assert not await is_woken(waiter)
    assert not any(board._alarms._due.values())


async def test_the_board_forgets_who_waits_no_more() -> None:
    board = Board()
    with board.waiter(JOB.id) as waiter:
        with board.waiter(JOB.id):
            pass
        sleep = asyncio.create_task(waiter.woken(within_s=60))
        await asyncio.sleep(0)
        sleep.cancel()
        await asyncio.gather(sleep, return_exceptions=True)
        board.changed(JOB)

        assert await is_woken(waiter)

    assert board._waiters == {}


def test_of_one_callers_waits_as_many_end_as_are_asked_for() -> None:
    board = Board()
    with (
        board.waiter("a", "192.0.2.1") as first,
        board.waiter("b", "192.0.2.1") as second,
        board.waiter("c", "192.0.2.1") as third,
        board.waiter("a", "192.0.2.2") as other,
    ):
        board.ease("192.0.2.1", 2)
        assert [each.is_over for each in (first, second, third, other)] == [
            *(True, True, False, False)
        ]

        board.ease("192.0.2.1", 2)
        assert third.is_over
        assert not other.is_over


async def test_the_waits_by_a_key_end_and_all_others_go_on() -> None:
    board = Board()
    with (
        board.waiter(JOB.id, key_id="key_1") as lost,
        board.waiter("b", key_id="key_1") as lost_too,
        board.waiter(JOB.id, key_id="key_2") as kept,
        board.waiter(JOB.id) as without,
    ):
        board.end_by({"key_1"})

        assert [each.is_over for each in (lost, lost_too, kept, without)] == [
            True,
            True,
            False,
            False,
        ]
        board.end_by({""})
        assert without.is_over
        assert not kept.is_over
