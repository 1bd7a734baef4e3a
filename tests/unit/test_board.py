"""The board: how far each job is."""

from __future__ import annotations

import pytest

from scripted import a_job
from unstill.board import RENDERED, Board
from unstill.job import State

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


def test_a_render_that_begins_again_begins_its_progress_again() -> None:
    board = Board()
    board.changed(JOB)
    board.report(JOB.id, 0.9)
    board.changed(a_job(id=JOB.id, state=State.READY))
    board.report(JOB.id, 0.95)  # the last word of a child that is ended
    board.changed(JOB)

    assert board.progress(JOB) == 0


def test_what_is_reported_of_a_job_that_has_ended_is_not_kept() -> None:
    board = Board()
    board.changed(JOB)
    board.changed(a_job(id=JOB.id, state=State.CANCELLED))
    board.report(JOB.id, 0.5)

    assert board.progress(JOB) == 0
