"""The board: how far each job is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted import a_job
from unstill.board import POLL_AFTER_MS, RENDERED, Board, poll_after_ms
from unstill.job import MOVES, State

JOB = a_job(state=State.RUNNING)


@pytest.mark.parametrize(
    ("state", "progress"),
    [
        (State.QUEUED, 0.0),
        (State.READY, 0.0),
        (State.SUBMITTING, 0.0),
        (State.SAVING, RENDERED),
        (State.SUCCEEDED, 1.0),
        (State.FAILED, 1.0),
        (State.CANCELLED, 1.0),
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
    assert all(each < 1 for each in shown) or job.state.is_final


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


# --- when to ask again -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after_ms", "done", "advice_ms"),
    [
        (8_000, 0.5, 2_000),  # as long again, and four polls to the end
        (1_000, 0.5, 1_000),
        (60_000, 0.5, 5_000),
        (60_000, 0.97, 1_000),
        (9_000, 0.0, 1_000),  # has reported nothing
        (-5_000, 0.5, 1_000),  # a clock that was set back
    ],
)
def test_a_render_that_has_reported_is_asked_four_times_more(
    after_ms: int, done: float, advice_ms: int
) -> None:
    job = a_job(state=State.RUNNING, started_ms=10_000)

    advice = poll_after_ms(job, done=done, is_upstream=False, now_ms=10_000 + after_ms)

    assert advice == advice_ms
    assert isinstance(advice, int)


@pytest.mark.parametrize("state", [State.QUEUED, State.READY, State.SUBMITTING, State.RUNNING])
def test_before_any_report_an_upstream_is_asked_seldom(state: State) -> None:
    job = a_job(state=state, started_ms=10_000)

    here, there = (
        poll_after_ms(job, done=0, is_upstream=is_upstream, now_ms=70_000)
        for is_upstream in (False, True)
    )

    assert (here, there) == POLL_AFTER_MS


def test_a_video_that_is_being_saved_is_nearly_there() -> None:
    job = a_job(state=State.SAVING, started_ms=1)

    assert poll_after_ms(job, done=RENDERED, is_upstream=True, now_ms=10**9) == 1_000
