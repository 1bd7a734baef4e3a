"""When a job is expected to end."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.queue_forecasts import DURATION_S, NOW_MS, ended, left_ms, running, told, waiting
from support.requests import a_request
from unstill.domain.job import Job, State
from unstill.domain.request import Size, TierName
from unstill.progress.queue import KEPT, TRUSTED


@pytest.mark.parametrize("done", [0, 1e-300, 0.009])
@pytest.mark.parametrize("job", [waiting(), running(), running(engine="bailian")])
def test_nothing_is_said_before_anything_was_measured(job: Job, done: float) -> None:
    assert left_ms(told(job), job, done=done, after_ms=9_000) is None


def test_a_job_takes_as_long_as_the_jobs_before_it() -> None:
    job = running()
    forecast = told(ended(10_000), job)

    assert left_ms(forecast, job, after_ms=4_000) == 6_000


def test_a_longer_video_takes_longer() -> None:
    request = a_request(duration_s=3 * DURATION_S)
    job = msgspec.structs.replace(running(), request=request)

    assert left_ms(told(ended(10_000)), job) == 30_000


@pytest.mark.parametrize(
    ("size", "tier", "expected_ms"),
    [
        (Size(1280, 720), "720P", 10_000),
        (Size(640, 360), "720P", 2_500),
        (None, "1080P", 22_500),  # its frame is still to come
    ],
)
def test_a_larger_video_takes_longer(size: Size | None, tier: TierName, expected_ms: int) -> None:
    request = a_request(tier=tier)
    job = waiting(request=request, size=size)

    assert left_ms(told(ended(10_000)), job) == expected_ms


def test_one_job_in_trouble_does_not_count() -> None:
    forecast = told(ended(10_000), ended(11_000), ended(3_600_000))

    assert left_ms(forecast, running()) == 11_000


def test_an_engine_that_has_become_slower_is_followed() -> None:
    forecast = told(*[ended(10_000)] * 100, *[ended(50_000)] * KEPT)

    assert left_ms(forecast, running()) == 50_000


@pytest.mark.parametrize(
    "other",
    [
        ended(10_000, "pair"),
        ended(10_000, request=a_request(model="happyhorse-1.0-i2v")),
        ended(10_000, state=State.FAILED),
        ended(-10_000),  # a clock that was set back
    ],
    ids=["engine", "model", "failed", "clock"],
)
def test_what_is_not_its_like_says_nothing_of_a_job(other: Job) -> None:
    assert left_ms(told(other), running()) is None
    assert left_ms(told(other), waiting()) is None


def test_an_engine_that_was_removed_promises_nothing() -> None:
    job = waiting(engine="removed")

    assert left_ms(told(job, ended(10_000, "removed")), job) is None


@pytest.mark.parametrize("after_ms", [10_000, 10_001, 99_000])
def test_a_job_that_takes_longer_than_usual_and_tells_nothing_has_no_expected_end(
    after_ms: int,
) -> None:
    job = running(engine="bailian")
    forecast = told(ended(10_000, "bailian"), job)

    assert left_ms(forecast, job, after_ms=after_ms) is None


@pytest.mark.parametrize(
    ("after_ms", "done", "expected_ms"),
    [
        (8_000, 0.5, 8_000),
        (30_000, 0.75, 10_000),
        (20_000, TRUSTED, 60_000),
        (-5_000, 0.5, 0),  # a clock that was set back
    ],
)
@pytest.mark.parametrize("is_measured", [True, False])
def test_a_job_that_is_well_under_way_goes_on_at_its_own_pace(
    after_ms: int, done: float, expected_ms: int, *, is_measured: bool
) -> None:
    forecast = told(*[ended(10_000)] * is_measured)

    assert left_ms(forecast, running(), done=done, after_ms=after_ms) == expected_ms


def test_the_first_progress_only_begins_to_correct_what_was_measured() -> None:
    forecast = told(ended(10_000))
    left = [left_ms(forecast, running(), done=done, after_ms=4_000) for done in (0.01, 0.125)]

    assert left == [
        pytest.approx(0.99 * (0.96 * 10_000 + 0.04 * 400_000), abs=1),
        pytest.approx(0.875 * (0.5 * 10_000 + 0.5 * 32_000), abs=1),
    ]


@given(
    state=st.sampled_from(sorted(State)),
    elapsed_ms=st.integers(-10_000, 10**9),
    done=st.floats(0, 1),
    took_ms=st.none() | st.integers(0, 10**8),
)
def test_no_end_is_expected_in_the_past(
    state: State, elapsed_ms: int, done: float, took_ms: int | None
) -> None:
    job = waiting(state=state, started_ms=NOW_MS - elapsed_ms)
    forecast = told(job) if took_ms is None else told(ended(took_ms), job)

    assert (left_ms(forecast, job, done=done) or 0) >= 0


def test_a_job_waits_for_those_ahead_and_for_what_is_being_rendered() -> None:
    ahead = [running("a", since_ms=NOW_MS - 4_000), waiting("b"), waiting("c")]
    forecast = told(ended(10_000), *ahead, waiting("d"))

    assert left_ms(forecast, waiting("d")) == 6_000 + 2 * 10_000 + 10_000


def test_large_jobs_ahead_take_longer_than_the_small_ones_before_them() -> None:
    small, large = Size(640, 360), Size(1280, 720)
    forecast = told(
        ended(1_000, size=small),
        msgspec.structs.replace(running("a"), size=large),
        *(waiting(name, size=large) for name in "bcd"),
        waiting("b", state=State.CANCELLED),
        waiting("e", size=small),
    )

    wait_ms = 4_000 + 2 * (4_000 + 4_000 + 1_000) / 3  # two ahead, as long as the three that wait
    assert left_ms(forecast, waiting("e", size=small)) == wait_ms + 1_000


def test_two_slots_halve_the_wait() -> None:
    ahead = [running("a", "pair"), running("b", "pair"), waiting("c", "pair"), waiting("d", "pair")]
    forecast = told(ended(10_000, "pair"), *ahead, waiting("e", "pair"))

    assert left_ms(forecast, waiting("e", "pair")) == (2 * 10_000 + 2 * 10_000) / 2 + 10_000


def test_as_many_slots_are_counted_as_other_servers_have_too() -> None:
    """The one slot that is this server's own is no measure of three that render."""
    three = [running(f"job-{n}") for n in range(3)]
    job = waiting("last")
    forecast = told(ended(9_000), *three, waiting("before"), job)

    assert left_ms(forecast, job) == (3 * 9_000 + 9_000) // 3 + 9_000


def test_nobody_waits_while_a_slot_is_free() -> None:
    forecast = told(ended(10_000, "pair"), running("a", "pair"), waiting("b", "pair"))

    assert left_ms(forecast, waiting("b", "pair")) == 10_000


def test_a_slot_that_was_given_back_is_free() -> None:
    forecast = told(ended(10_000), running("a"), running("a"), ended(10_000, id="a"), waiting("b"))

    assert left_ms(forecast, waiting("b")) == 10_000


def test_an_upstream_begins_with_any_number_of_jobs_at_once() -> None:
    ahead = [waiting(f"a{number}", "bailian") for number in range(50)]
    forecast = told(ended(10_000, "bailian"), running("a", "bailian"), *ahead)

    assert left_ms(forecast, waiting("b", "bailian")) == 10_000


def test_a_job_that_was_told_busy_is_not_begun_before_it_is_due() -> None:
    job = waiting(engine="bailian", due_ms=NOW_MS + 60_000)

    assert left_ms(told(ended(10_000, "bailian"), job), job) == 70_000
