"""The forecast: places in queues, and times that were measured."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripted import a_job
from unstill.backend.embedded import EmbeddedBackend
from unstill.forecast import KEPT, LEFT_ALONE, NEAR, TRUSTED, WAITING, Forecast
from unstill.job import MOVES, Job, State
from unstill.request import Size, TierName

NOW_MS = 1_763_600_000_000
SLOTS = {"camera": 1, "pair": 2, "bailian": None}
DURATION_S = 5  # of the jobs of `a_job`
SIZE = Size(1280, 720)


def waiting(job_id: str = "job", engine: str = "camera", **fields: Any) -> Job:
    return a_job(id=job_id, engine=engine, **{"state": State.READY} | fields)


def running(
    job_id: str = "job", engine: str = "camera", *, since_ms: int = NOW_MS, **fields: Any
) -> Job:
    return waiting(job_id, engine, state=State.RUNNING, started_ms=since_ms, **fields)


def ended(took_ms: int, engine: str = "camera", **fields: Any) -> Job:
    times = {"started_ms": NOW_MS, "ended_ms": NOW_MS + took_ms}
    return a_job(engine=engine, **{"state": State.SUCCEEDED} | times | fields)


def position(forecast: Forecast, job: Job) -> int:
    return forecast.place(job, NOW_MS)[0] + 1


def left_ms(forecast: Forecast, job: Job, *, done: float = 0, after_ms: int = 0) -> int | None:
    """What is left of the job so long after `NOW_MS`."""
    if job.state in WAITING:
        return forecast.place(job, NOW_MS + after_ms)[1]
    return forecast.left_ms(job, done=done, now_ms=NOW_MS + after_ms)


def told(*jobs: Job) -> Forecast:
    forecast = Forecast(SLOTS)
    for job in jobs:
        forecast.changed(job)
    return forecast


# --- positions ---------------------------------------------------------------------------------


def test_the_earlier_job_is_further_ahead_whatever_was_told_first() -> None:
    forecast = told(*(waiting(job_id) for job_id in ("c", "a", "b")))

    assert [position(forecast, waiting(job_id)) for job_id in ("a", "b", "c")] == [1, 2, 3]


@pytest.mark.parametrize("state", sorted(State))
def test_a_job_is_ahead_until_its_engine_has_it(state: State) -> None:
    is_waiting = state in {State.QUEUED, State.READY, State.SUBMITTING}
    forecast = told(waiting("a"), waiting("b"), waiting("a", state=state))

    assert position(forecast, waiting("b")) == 1 + is_waiting


def test_each_engine_has_a_queue_of_its_own() -> None:
    forecast = told(waiting("a"), waiting("b", "pair"))

    assert position(forecast, waiting("b", "pair")) == 1


def test_a_job_that_moves_on_to_another_engine_leaves_its_queue() -> None:
    moved = waiting("a", "bailian")
    forecast = told(waiting("a"), waiting("b"), moved)

    assert position(forecast, waiting("b")) == 1
    assert position(forecast, moved) == 1


def test_a_job_that_is_put_back_has_its_old_place_again() -> None:
    forecast = told(waiting("a"), waiting("b"), running("a"), waiting("a"))

    assert [position(forecast, waiting(job_id)) for job_id in ("a", "b")] == [1, 2]


def test_a_job_that_was_read_before_it_was_told_of_has_the_place_that_it_will_have() -> None:
    assert position(told(), waiting("a")) == 1
    assert position(told(waiting("a")), waiting("b")) == 2


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(sorted(State)), st.booleans())),
)
def test_a_position_is_one_more_than_the_earlier_jobs_that_wait(
    changes: list[tuple[int, State, bool]],
) -> None:
    jobs: dict[str, Job] = {}
    forecast = told()
    for number, state, is_moved in changes:
        job = waiting(f"{number:02d}", "pair" if is_moved else "camera", state=state)
        jobs[job.id] = job
        forecast.changed(job)

    for job in jobs.values():
        ahead = [
            each
            for each in jobs.values()
            if each.engine == job.engine and each.state in WAITING and each.id < job.id
        ]
        assert position(forecast, job) == len(ahead) + 1


def test_a_long_queue_stays_in_order_while_it_is_worked_off() -> None:
    ids = [f"{number:05d}" for number in range(3 * LEFT_ALONE)]
    forecast = told(*(waiting(job_id) for job_id in ids))
    for begin in range(0, 2 * LEFT_ALONE, 10):  # ten slots, in turn the last of them first
        for job_id in reversed(ids[begin : begin + 10]):
            forecast.changed(running(job_id))
    forecast.changed(waiting(ids[2 * LEFT_ALONE + 2 * NEAR], state=State.CANCELLED))
    last, first = waiting(ids[-1]), waiting(ids[2 * LEFT_ALONE])

    assert position(forecast, first) == 1
    assert position(forecast, last) == LEFT_ALONE - 1
    line = forecast._engines["camera"]._lines[last.owner]
    assert len(line._ids) < 2 * LEFT_ALONE  # those that left are forgotten


def test_ten_thousand_changes_leave_no_count_wrong() -> None:
    random, jobs, forecast = Random(2), dict[str, Job](), told()
    for number in range(10_000):
        # A long queue, then worked off.
        if not jobs or random.random() < (0.6 if number < 5_000 else 0.1):
            job = waiting(
                f"{number:05d}",
                random.choice([*SLOTS, "removed"]),
                state=State.QUEUED,
                owner=random.choice(["ann", "bob", "cid"]),
            )
        else:
            job = moved_on(jobs[random.choice(list(jobs)[:200])], random)
        if job.state.is_final:
            del jobs[job.id]
        else:
            jobs[job.id] = job
        forecast.changed(job)

    for name, engine in forecast._engines.items():
        its = sorted(job_id for job_id, job in jobs.items() if job.engine == name)
        waits = [job_id for line in engine._lines.values() for job_id in line]
        assert sorted(waits) == [i for i in its if jobs[i].state in WAITING]
        assert list(engine._rota) == [owner for owner in engine._rota if engine._lines[owner]]
        assert set(engine._rota) == engine._lines.keys()
        rendered = {i for i in its if jobs[i].state is State.RUNNING} if engine.slots else set()
        assert engine.running.keys() == rendered
        if engine.slots:
            assert engine._tasks.keys() == {i for i in its if jobs[i].state in WAITING}
            assert sum(total.count for total in engine._totals.values()) == len(engine._tasks)
    assert forecast._line_of.keys() == {i for i, job in jobs.items() if job.state in WAITING}


def moved_on(job: Job, random: Random) -> Job:
    """A job after one of the moves that its state allows; one sent back may change its engine."""
    state = random.choice(sorted(MOVES[job.state]))
    is_sent_back = job.state is State.SUBMITTING and state is State.READY
    engine = random.choice(list(SLOTS)) if is_sent_back else job.engine
    return msgspec.structs.replace(job, state=state, engine=engine, started_ms=NOW_MS)


# --- turns -------------------------------------------------------------------------------------


def test_an_owners_first_job_is_next_but_one_however_many_another_has() -> None:
    ann = [waiting(f"a-{number:03}", owner="ann") for number in range(500)]
    bob = [waiting(f"b-{number}", owner="bob") for number in range(2)]
    forecast = told(*ann, *bob)

    assert [position(forecast, job) for job in bob] == [2, 4]
    assert [position(forecast, job) for job in (*ann[:3], ann[-1])] == [1, 3, 5, 502]
    assert position(forecast, waiting("c", owner="cid")) == 3  # read before it was told of


def test_who_has_just_had_a_turn_is_behind_the_others() -> None:
    ann, bob = ([waiting(f"{name}-{number}", owner=name) for number in range(3)] for name in "ab")
    forecast = told(*ann, *bob, running("a-0", owner="a"))

    assert [position(forecast, job) for job in (bob[0], ann[1], bob[1], ann[2], bob[2])] == [
        1, 2, 3, 4, 5,
    ]  # fmt: skip


def test_a_job_is_expected_to_end_by_the_turns_of_its_owner() -> None:
    ann = [waiting(f"a-{number:03}", owner="ann") for number in range(500)]
    bob = waiting("b", owner="bob")
    forecast = told(ended(10_000), *ann, bob)

    assert left_ms(forecast, bob) == 2 * 10_000
    assert left_ms(forecast, ann[-1]) == 501 * 10_000


# --- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize("done", [0, 1e-300, 0.009])
@pytest.mark.parametrize("job", [waiting(), running(), running(engine="bailian")])
def test_nothing_is_said_before_anything_was_measured(job: Job, done: float) -> None:
    assert left_ms(told(job), job, done=done, after_ms=9_000) is None


def test_a_job_takes_as_long_as_the_jobs_before_it() -> None:
    job = running()
    forecast = told(ended(10_000), job)

    assert left_ms(forecast, job, after_ms=4_000) == 6_000


def test_a_longer_video_takes_longer() -> None:
    request = msgspec.structs.replace(a_job().request, duration_s=3 * DURATION_S)
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
    request = msgspec.structs.replace(a_job().request, tier=tier)
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
        ended(10_000, request=msgspec.structs.replace(a_job().request, model="happyhorse-1.0-i2v")),
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


# --- what is left ------------------------------------------------------------------------------


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


# --- waiting -----------------------------------------------------------------------------------


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


# --- a restart ---------------------------------------------------------------------------------


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    backend = EmbeddedBackend(tmp_path)
    await backend.open()
    times = zip("abc", (90_000, 10_000, 11_000), strict=True)
    for job in [
        *(ended(took_ms, "pair", id=f"0{name}", size=SIZE) for name, took_ms in times),
        waiting("1", "pair", state=State.QUEUED),
        running("2", "pair"),
        waiting("3", "pair"),
    ]:
        await backend.add(job)
    forecast = Forecast(SLOTS)
    await forecast.startup(backend)
    await backend.add(waiting("4", "pair"))
    await backend.close()

    assert position(forecast, waiting("4", "pair")) == 3
    assert left_ms(forecast, running(engine="pair")) == 11_000


async def test_after_a_restart_the_newest_jobs_count_as_before_it(tmp_path: Path) -> None:
    backend = EmbeddedBackend(tmp_path)
    await backend.open()
    for number in range(2 * KEPT):
        took_ms = 90_000 if number < KEPT else 10_000
        await backend.add(ended(took_ms, id=f"{number:02d}", size=SIZE))
    forecast = Forecast(SLOTS)
    await forecast.startup(backend)
    await backend.close()

    assert left_ms(forecast, waiting()) == 10_000
