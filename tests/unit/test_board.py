"""The board: how far each job is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted import a_job
from unstill.board import RENDERED, Board
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
