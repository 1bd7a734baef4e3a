"""A poller asks for all tickets of an account in time, and loses no news of any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.scripted_upstream import ACCOUNT, ScriptedRemote, away
from support.upstream_steps import START_MS, Post, opened
from support.waits import until
from unstill.domain.errors import UpstreamError
from unstill.domain.job import Result, State, cancelled
from unstill.steps.poll import LEAST_LATE_LOOKS
from unstill.upstreams.calls import NotSent
from unstill.upstreams.client import Unreachable
from unstill.upstreams.port import Done, Failed, Gone, Running, Unclear, Verdict, Waiting

INTERVAL_S = ACCOUNT.interval_s
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DOWN = UpstreamError("the upstream could not be connected to")


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with opened(tmp_path) as post:
        yield post


# --- verdicts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state", "code"),
    [
        (Done("https://upstream.example/v.mp4", {"duration": 5}), State.SAVING, None),
        (Failed("DataInspectionFailed", "unsafe"), State.FAILED, "DataInspectionFailed"),
        (Gone("forgotten"), State.FAILED, "upstream_lost"),
    ],
)
async def test_an_end_at_the_upstream_is_stored(
    post: Post, verdict: Verdict, state: State, code: str | None
) -> None:
    post.engine.verdicts["job"] = [Waiting(), Running(), verdict]
    await post.add("job")
    job = await post.until(state)

    assert (job.failure.code if job.failure else None) == code


async def test_a_finished_video_is_noted_with_its_link_and_figures(post: Post) -> None:
    post.engine.verdicts["job"] = [Done("https://upstream.example/v.mp4", {"duration": 5})]
    await post.add("job")
    job = await post.until(State.SAVING)

    assert job.result == Result("https://upstream.example/v.mp4", {"duration": 5})


async def test_a_job_that_has_ended_is_asked_for_no_more(post: Post) -> None:
    post.engine.verdicts["job"] = [Done()]
    await post.add("job", "other")
    await post.until(State.SAVING)
    looks = post.engine.looks("job")
    await until(lambda: post.engine.looks("other") > looks + 3)

    assert post.engine.looks("job") == looks


async def test_a_job_that_somebody_else_has_ended_is_asked_for_no_more(post: Post) -> None:
    await post.add("job", "other")
    await until(lambda: post.engine.looks("job") > 0)
    await post.store.jobs.change("job", cancelled(START_MS, is_hidden=True))
    looks = post.engine.looks("job")
    await until(lambda: post.engine.looks("other") > looks + 3)

    assert post.engine.looks("job") == looks


async def test_a_job_that_a_free_upstream_has_lost_is_ready_again(tmp_path: Path) -> None:
    engine = ScriptedRemote(is_free_to_repeat=True)
    engine.verdicts["job"] = [Gone("forgotten")]
    async with opened(tmp_path, engine, job=away("job")) as post:
        job = await post.until(State.READY)

    assert job.ticket is None


async def test_progress_is_on_the_board(post: Post) -> None:
    post.engine.verdicts["job"] = [Running(0.5)]
    await post.add("job")
    job = await post.job()
    await until(lambda: post.board.progress(job) > 0)

    assert post.board.progress(job) == pytest.approx(0.5, rel=0.05)


async def test_news_of_an_attempt_that_is_over_changes_nothing(post: Post) -> None:
    post.engine.verdicts["job"] = [Failed("late", "late")]
    await post.add("job")
    # Not what the row says: as if the watch had not heard of a later attempt.
    post.watches.changed(away("job", attempt=7))
    await until(lambda: post.engine.looks("job") > 0)
    await post.add("other")
    await until(lambda: post.engine.looks("other") > 2)

    assert (await post.job()).state is State.RUNNING
    assert post.engine.looks("job") == 1  # and it is let go


# --- trouble -----------------------------------------------------------------------------------


async def test_a_poll_that_fails_is_made_again(post: Post) -> None:
    post.engine.poll_troubles += [DOWN, KeyError("bug")]
    post.engine.verdicts["job"] = [Done()]
    with capture_logs() as logs:
        await post.add("job")
        await post.until(State.SAVING)

    assert [each["event"] for each in logs].count("poll_failed") == 2


async def test_a_ticket_that_is_answered_nothing_slows_no_other(post: Post) -> None:
    post.engine.verdicts["job"] = [Unclear("no_answer", "the upstream answered 200")]
    post.engine.verdicts["other"] = [*[Running()] * 40, Done()]
    with capture_logs() as logs:
        await post.add("job", "other")
        began_s = asyncio.get_running_loop().time()
        await post.until(State.SAVING, "other")
        took_s = asyncio.get_running_loop().time() - began_s

    assert took_s < 41 * 4 * INTERVAL_S
    assert post.engine.looks("job") < post.engine.looks("other") / 2
    assert [each["event"] for each in logs].count("odd_answer") <= 3  # not one for each look


async def test_what_an_answer_says_to_nobody_is_told_to_who_waits(post: Post) -> None:
    post.engine.verdicts["job"] = [Waiting(), Unclear("odd_answer", "what is blessed?")]
    with capture_logs():
        await post.add("job", "other")
        await until(lambda: post.stalls.jobs > 0)
        stall = post.stalls.of(await post.job())
        well = post.stalls.of(await post.job("other"))
        post.engine.verdicts["job"] = [Running()]
        await until(lambda: post.stalls.jobs == 0)

    assert stall is not None
    assert (stall.code, stall.message) == ("odd_answer", "what is blessed?")
    assert well is None


@pytest.mark.slow
async def test_an_upstream_that_is_down_holds_up_its_jobs_until_it_answers(post: Post) -> None:
    post.engine.poll_troubles += [Unreachable(NotSent(DOWN.message))] * 2
    with capture_logs() as logs:
        await post.add("job")
        await until(lambda: bool(list(post.stalls.engines())))
        stall = post.stalls.of(await post.job())
        await until(lambda: not list(post.stalls.engines()))

    assert stall is not None
    assert (stall.code, stall.message) == ("connection_failed", DOWN.message)
    assert "engine_moves" in {each["event"] for each in logs}


async def test_a_fault_of_ours_is_told_without_its_words(post: Post) -> None:
    post.engine.poll_troubles += [KeyError("secret")]
    with capture_logs():
        await post.add("job")
        await until(lambda: bool(list(post.stalls.engines())))
        stall = post.stalls.of(await post.job())

    assert stall is not None
    assert stall.code == "internal_error"
    assert "secret" not in stall.message


async def test_an_upstream_that_answers_nothing_is_asked_less_and_less_often(
    tmp_path: Path,
) -> None:
    engine = ScriptedRemote()
    engine.poll_troubles += [DOWN] * 100
    with capture_logs():
        async with opened(tmp_path, engine, job=away("job")):
            await until(lambda: len(engine.rounds) == 2)
            await asyncio.sleep(1.2)  # longer than the first pause, shorter than the second

    assert len(engine.rounds) == 2


async def test_a_ticket_that_is_not_answered_is_asked_for_again(post: Post) -> None:
    post.engine.silent.add("job")
    await post.add("job", "other")
    await until(lambda: post.engine.looks("job") > 3)

    assert (await post.job()).state is State.RUNNING


async def test_a_verdict_that_cannot_be_stored_is_asked_for_again(post: Post) -> None:
    post.engine.verdicts["job"] = [Done()]
    post.store.is_refused = lambda change: change.to is State.SAVING
    with capture_logs() as logs:
        await post.add("job")
        await until(lambda: post.store.refused >= 2)
        post.store.is_refused = lambda _: False
        await post.until(State.SAVING)

    assert "verdicts_not_stored" in {each["event"] for each in logs}


async def test_an_engine_with_a_fault_of_ours_holds_up_no_other_of_its_account(
    tmp_path: Path,
) -> None:
    broken, well = ScriptedRemote("broken"), ScriptedRemote("well")
    broken.poll_troubles += [KeyError("bug")] * 100
    well.verdicts["2"] = [Done()]
    jobs = {"1": away("1", "broken"), "2": away("2", "well")}
    with capture_logs():
        async with opened(tmp_path, broken, well, **jobs) as post:
            await post.until(State.SAVING, "2")

    assert (broken.looks("2"), well.looks("1")) == (0, 0)


# --- deadlines ---------------------------------------------------------------------------------


async def test_what_its_upstream_still_goes_on_with_fails_at_its_deadline(post: Post) -> None:
    await post.add("job", deadline_ms=START_MS + 1)
    await until(lambda: post.engine.looks("job") == 2)
    before = await post.job()
    post.uptime_ms += 1
    job = await post.until(State.FAILED)

    assert before.state is State.RUNNING
    assert job.failure is not None
    assert job.failure.code == "deadline_exceeded"


async def test_a_wall_clock_that_jumps_ends_no_job(post: Post) -> None:
    await post.add("job", deadline_ms=START_MS + DAY_MS)
    await until(lambda: post.engine.looks("job") == 1)
    post.now_ms += 25 * HOUR_MS
    await until(lambda: post.engine.looks("job") == 4)

    assert (await post.job()).state is State.RUNNING


@pytest.mark.parametrize(("looks", "state"), [(-2, State.RUNNING), (0, State.FAILED)])
async def test_what_is_late_is_asked_for_often_enough_where_its_upstream_does_not_say(
    post: Post, looks: int, state: State
) -> None:
    post.engine.silent.add("job")
    await post.add("job", deadline_ms=START_MS)
    post.engine.verdicts["other"] = [*[Waiting()] * (LEAST_LATE_LOOKS + looks), Done()]
    await post.add("other")
    await post.until(State.SAVING, "other")

    # One round more or less than of the other, at most.
    assert abs(post.engine.looks("job") - LEAST_LATE_LOOKS - looks) <= 1
    if state is State.FAILED:
        job = await post.until(state)
        assert job.failure is not None
        assert job.failure.code == "deadline_exceeded"
    else:
        assert (await post.job()).state is state


@pytest.mark.slow
async def test_what_had_finished_comes_home_though_its_upstream_was_away_at_the_late_start(
    tmp_path: Path,
) -> None:
    engine = ScriptedRemote()
    engine.poll_troubles += [DOWN, DOWN]
    engine.verdicts["job"] = [Done()]
    with capture_logs():
        async with opened(tmp_path, engine, job=away("job", deadline_ms=START_MS - 1)) as post:
            job = await post.until(State.SAVING)

    assert job.failure is None


async def test_what_had_finished_before_a_late_start_is_brought_home(tmp_path: Path) -> None:
    engine = ScriptedRemote()
    engine.verdicts["job"] = [Done()]
    async with opened(tmp_path, engine, job=away("job", deadline_ms=START_MS - 1)) as post:
        job = await post.until(State.SAVING)

    assert job.failure is None


async def test_a_job_of_an_engine_that_was_removed_fails_at_its_deadline(tmp_path: Path) -> None:
    jobs = {
        "late": away("late", "removed", deadline_ms=START_MS),
        "early": away("early", "removed", deadline_ms=START_MS + 1),
    }
    with capture_logs() as logs:
        async with opened(tmp_path, **jobs) as post:
            late = await post.until(State.FAILED, "late")
            early = await post.job("early")

    assert late.failure is not None
    assert (late.failure.code, early.state) == ("engine_removed", State.RUNNING)
    assert [(name, stall.code) for name, _, stall in post.stalls.engines()] == [
        ("removed", "engine_removed")
    ]
    assert {"engine": "removed", "tickets": 2}.items() <= logs[0].items()


# --- the end -----------------------------------------------------------------------------------


async def test_a_watch_ends_in_the_middle_of_a_cancel_and_of_a_round(tmp_path: Path) -> None:
    engine = ScriptedRemote()
    async with opened(tmp_path, engine, job=away("job", wants_cancel=True)):
        await until(lambda: len(engine.rounds) > 0)

    assert asyncio.all_tasks() == {asyncio.current_task()}
