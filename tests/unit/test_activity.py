"""What was done in a while: its steps, and what is told of the jobs in them."""

from __future__ import annotations

import pytest

from unstill.domain import activity
from unstill.domain.activity import (
    HOUR_MS,
    ActivitySpan,
    ActivitySums,
    EndedJob,
    ErrorCount,
    span_of,
)
from unstill.domain.job import State

STEP_MS = 1_000
SPAN = ActivitySpan(10_000, 12_500, STEP_MS)


def ended(at_ms: int = 10_000, state: State = State.SUCCEEDED, **fields: object) -> EndedJob:
    usual = {"engine": "camera", "created_ms": at_ms - 300, "started_ms": at_ms - 200}
    usual |= {"code": None, "video_s": 5.0}
    return EndedJob(ended_ms=at_ms, state=state, **usual | fields)  # type: ignore[arg-type]


def test_any_number_of_hours_has_24_to_60_steps() -> None:
    counts = {
        len(span_of(hours, now_ms).steps)
        for hours in range(1, 721)
        for now_ms in (1_795_968_000_000, 1_795_968_000_000 - 1, 1_795_970_123_456)
    }

    assert min(counts) >= 24
    assert max(counts) <= 60


@pytest.mark.parametrize(("hours", "step_min"), [(1, 2), (24, 30), (168, 180), (720, 1440)])
def test_a_span_begins_with_a_step_that_holds_its_first_moment(hours: int, step_min: int) -> None:
    span = span_of(hours, 1_795_970_123_456)

    assert span.step_ms == step_min * 60_000
    assert span.since_ms % span.step_ms == 0
    assert 0 <= (span.until_ms - hours * HOUR_MS) - span.since_ms < span.step_ms


def test_a_step_without_anything_is_told_too() -> None:
    told = ActivitySums(SPAN).told(SPAN, {11: 4})

    assert [(each.at_ms, each.made) for each in told.steps] == [
        (10_000, 0),
        (11_000, 4),
        (12_000, 0),
    ]
    assert {each.render_ms_p50 for each in told.steps} == {None}
    assert (told.errors, told.engines) == ((), ())


def test_ends_are_counted_where_they_came_to_be_and_by_engine() -> None:
    sums = ActivitySums(SPAN)
    for job in (
        ended(12_001),
        ended(11_999, State.FAILED, code="gone", engine="far"),
        ended(11_000, State.CANCELLED, engine="other"),
        ended(11_000, State.FAILED, code=None),
        ended(10_000, video_s=2.5),
        ended(10_000),
    ):
        sums.note(job)
    told = sums.told(SPAN, {})

    assert [(each.succeeded, each.failed, each.cancelled) for each in told.steps] == [
        (2, 0, 0),
        (0, 2, 1),
        (1, 0, 0),
    ]
    assert [each.video_s for each in told.steps] == [7.5, 0, 5.0]
    assert told.errors == (ErrorCount("", "camera", 1), ErrorCount("gone", "far", 1))
    assert [(each.engine, each.succeeded, each.failed) for each in told.engines] == [
        ("camera", 3, 1),
        ("far", 0, 1),
    ]
    assert [each.render_ms_p50 for each in told.engines] == [200, None]


def test_the_most_frequent_error_is_told_first() -> None:
    sums = ActivitySums(SPAN)
    for code in ("a", "b", "b"):
        sums.note(ended(state=State.FAILED, code=code))

    assert [each.code for each in sums.told(SPAN, {}).errors] == ["b", "a"]


def test_percentiles_are_times_of_jobs_that_succeeded() -> None:
    sums = ActivitySums(SPAN)
    for n in range(1, 101):
        sums.note(ended(created_ms=0, started_ms=10_000 - n))
    sums.note(ended(state=State.FAILED, created_ms=0, started_ms=0))
    step = sums.told(SPAN, {}).steps[0]

    assert (step.render_ms_p50, step.render_ms_p95) == (50, 95)
    assert step.wait_ms_p50 == 10_000 - 51


@pytest.mark.parametrize(
    ("times", "half", "most"), [((7,), 7, 7), ((1, 9), 1, 9), ((1, 5, 9), 5, 9)]
)
def test_percentiles_of_few_are_among_them(times: tuple[int, ...], half: int, most: int) -> None:
    sums = ActivitySums(SPAN)
    for each in times:
        sums.note(ended(started_ms=10_000 - each))
    step = sums.told(SPAN, {}).steps[0]

    assert (step.render_ms_p50, step.render_ms_p95) == (half, most)


def test_a_clock_that_was_set_back_makes_no_time_less_than_none() -> None:
    sums = ActivitySums(SPAN)
    sums.note(ended(created_ms=20_000, started_ms=15_000))
    step = sums.told(SPAN, {}).steps[0]

    assert (step.wait_ms_p50, step.render_ms_p50) == (0, 0)


def test_of_many_times_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "MOST_TIMES", 3)
    sums = ActivitySums(SPAN)
    for render_ms in (1, 2, 3, 100, 100):
        sums.note(ended(started_ms=10_000 - render_ms))
    step = sums.told(SPAN, {}).steps[0]

    assert (step.succeeded, step.render_ms_p50) == (5, 2)


def test_what_began_under_no_clock_counts_without_times() -> None:
    sums = ActivitySums(SPAN)
    sums.note(ended(started_ms=None))

    assert sums.told(SPAN, {}).steps[0].succeeded == 1
    assert sums.told(SPAN, {}).steps[0].render_ms_p50 is None
