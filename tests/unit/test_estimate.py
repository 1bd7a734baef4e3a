"""The estimate: when a job will end, and when to ask again."""

from __future__ import annotations

import pytest

from support.jobs import a_job
from unstill.domain.job import Job, State
from unstill.progress.board import RENDERED, Board
from unstill.progress.estimate import POLL_AFTER_MS, Estimate, Estimates
from unstill.progress.queue import WAITING, Forecast
from unstill.progress.stalls import Stalls

NOW_MS = 1_763_600_000_000


class Desk:
    """An outlook over one engine here and one elsewhere, `now_ms` on the clock."""

    def __init__(self, *jobs: Job) -> None:
        self.now_ms = NOW_MS
        self.board = Board()
        self.stalls = Stalls(lambda: self.now_ms)
        self.forecast = Forecast({"camera": 1, "bailian": None})
        self.outlook = Estimates(
            board=self.board,
            stalls=self.stalls,
            forecast=self.forecast,
            upstream_engines={"bailian"},
            clock_ms=lambda: self.now_ms,
        )
        for job in jobs:
            self.board.changed(job)
            self.forecast.changed(job)

    def advice_ms(self, job: Job) -> int:
        return self.outlook.poll_after_ms(job, self.outlook.estimate(job))


def ended(took_ms: int, engine: str = "camera") -> Job:
    times = {"started_ms": NOW_MS, "ended_ms": NOW_MS + took_ms}
    return a_job(state=State.SUCCEEDED, engine=engine, **times)


@pytest.mark.parametrize(
    ("after_ms", "fraction", "advice_ms"),
    [
        (8_000, 0.5, 2_000),  # as long again, and four polls to the end
        (1_000, 0.5, 1_000),
        (60_000, 0.5, 5_000),
        (60_000, 1.0, 1_000),
        (9_000, 0.0, 1_000),  # has reported nothing
        (-5_000, 0.5, 1_000),  # a clock that was set back
    ],
)
def test_a_render_that_has_reported_is_asked_four_times_more(
    after_ms: int, fraction: float, advice_ms: int
) -> None:
    job = a_job(state=State.RUNNING, started_ms=NOW_MS)
    desk = Desk(job)
    desk.board.report(job.id, fraction / RENDERED)
    desk.now_ms += after_ms

    advice = desk.advice_ms(job)

    assert advice == advice_ms
    assert isinstance(advice, int)


@pytest.mark.parametrize("state", [*sorted(WAITING), State.RUNNING])
def test_before_any_report_and_any_measurement_an_upstream_is_asked_seldom(state: State) -> None:
    jobs = [
        a_job(state=state, engine=engine, started_ms=NOW_MS - 60_000)
        for engine in ("camera", "bailian")
    ]

    assert tuple(map(Desk(*jobs).advice_ms, jobs)) == POLL_AFTER_MS


@pytest.mark.parametrize("engine", ["camera", "bailian"])
@pytest.mark.parametrize(("after_ms", "advice_ms"), [(0, 3_000), (4_000, 2_000), (11_000, 1_000)])
def test_where_no_progress_is_told_what_was_measured_advises(
    engine: str, after_ms: int, advice_ms: int
) -> None:
    job = a_job(state=State.RUNNING, engine=engine, started_ms=NOW_MS)
    desk = Desk(ended(12_000, engine), job)
    desk.now_ms += after_ms

    assert desk.advice_ms(job) == advice_ms


def test_a_job_far_behind_in_its_queue_is_asked_seldom() -> None:
    jobs = [a_job(id=f"{number:02d}", state=State.READY) for number in range(10)]
    desk = Desk(ended(2_000), *jobs)

    assert [desk.advice_ms(jobs[place]) for place in (0, 4, 9)] == [1_000, 2_500, 5_000]


def test_a_video_that_is_being_saved_is_nearly_there() -> None:
    job = a_job(state=State.SAVING, engine="bailian", started_ms=NOW_MS - 10**9)

    assert Desk(job).advice_ms(job) == 1_000


def test_an_end_is_expected_that_long_from_now() -> None:
    job = a_job(state=State.RUNNING, started_ms=NOW_MS)
    desk = Desk(ended(12_000), job)
    desk.now_ms += 2_000

    assert desk.outlook.estimate(job) == Estimate(None, NOW_MS + 12_000)


def test_of_a_job_that_waits_the_position_is_known_before_any_end_is() -> None:
    jobs = [a_job(id=job_id, state=State.QUEUED) for job_id in ("a", "b")]

    assert Desk(*jobs).outlook.estimate(jobs[1]) == Estimate(queue_position=2)


@pytest.mark.parametrize("state", sorted(State))
def test_a_job_has_a_position_until_its_engine_has_it(state: State) -> None:
    job = a_job(state=state)

    position = Desk(a_job(id="0", state=State.READY), job).outlook.estimate(job).queue_position

    assert position == (2 if state in {State.QUEUED, State.READY, State.SUBMITTING} else None)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_a_job_that_has_ended_has_no_future(state: State) -> None:
    job = a_job(state=state, started_ms=NOW_MS, ended_ms=NOW_MS + 1)

    assert Desk(ended(12_000), job).outlook.estimate(job) == Estimate()


def test_an_ended_job_is_held_up_by_nothing() -> None:
    desk = Desk()
    running, done = (a_job(id="1", state=state) for state in (State.RUNNING, State.SUCCEEDED))
    desk.stalls.job("1", State.RUNNING, "odd_answer", "what?")

    stall = desk.outlook.stall(running)
    assert stall is not None
    assert stall.code == "odd_answer"
    assert desk.outlook.stall(done) is None
