"""A submit beside a full disk, failed uploads and engines that are held up."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from support.upstream_steps import BAD_KEY, BUSY, START_MS, UNREACHED, Desk
from support.waits import until
from unstill.domain.attempts import Outcome
from unstill.domain.backoff import ACCOUNT
from unstill.domain.errors import StorageFull, UpstreamError
from unstill.domain.job import State
from unstill.upstreams.port import Accepted, Doubt, PrepareRefused, Refused, Rejected, Submission


async def test_no_call_is_made_when_the_intent_cannot_be_stored(desk: Desk) -> None:
    desk.store.is_refused = lambda change: change.to is State.SUBMITTING
    await desk.add("job")

    with pytest.raises(StorageFull):
        await desk.step()
    assert desk.first.submitted == []
    assert (await desk.job()).state is State.READY


@pytest.mark.parametrize(
    ("submission", "state"),
    [
        (Accepted("task"), State.RUNNING),
        (BUSY, State.READY),
        (Doubt("lost", "lost"), State.FAILED),
    ],
)
async def test_what_a_call_came_to_is_stored_as_soon_as_there_is_room(
    desk: Desk, submission: Submission, state: State
) -> None:
    desk.first.submissions.append(submission)
    await desk.add("job")
    desk.store.is_refused = lambda change: change.closes is not None
    with capture_logs() as logs:
        step = asyncio.create_task(desk.step())
        await until(lambda: desk.store.refused >= 3)
        desk.store.is_refused = lambda _: False
        job = await step

    assert job.state is state
    assert desk.first.submitted == ["job"]
    assert [each["event"] for each in logs].count("settle_failed") == 1  # told once for each


async def test_a_ticket_is_in_the_log_before_it_is_stored(desk: Desk) -> None:
    await desk.add("job")
    with capture_logs() as logs:
        await desk.step()

    (line,) = (each for each in logs if each["event"] == "submitted")
    assert (line["job_id"], line["ticket"], line["outcome"]) == ("job", "task-job-1", "accepted")


async def test_frames_that_cannot_be_uploaded_send_the_job_to_the_next_engine(desk: Desk) -> None:
    desk.first.prepare_troubles.append(UpstreamError("a frame could not be uploaded"))
    await desk.add("job")
    with capture_logs():
        after = await desk.step()
    job = await desk.step()

    assert (after.state, after.engine, after.due_ms) == (State.READY, "gpu1", START_MS)
    assert (job.state, job.attempt) == (State.RUNNING, 2)
    assert desk.first.submitted == []
    assert [each.outcome for each in await desk.store.attempts.of("job")] == [
        Outcome.UNPREPARED,
        Outcome.ACCEPTED,
    ]


async def test_frames_that_cannot_be_uploaded_anywhere_are_tried_again_later(desk: Desk) -> None:
    desk.alone()
    desk.first.prepare_troubles.append(UpstreamError("a frame could not be uploaded"))
    await desk.add("job")
    with capture_logs():
        after = await desk.step()
    desk.now_ms = after.due_ms
    job = await desk.step()

    assert after.due_ms > START_MS
    assert job.state is State.RUNNING


@pytest.mark.parametrize("refusal", [BAD_KEY, Refused("404", "no such model")])
async def test_a_refused_upload_sends_the_job_to_the_next_engine_at_once(
    desk: Desk, refusal: Refused
) -> None:
    desk.first.prepare_troubles.append(PrepareRefused(refusal))
    await desk.add("job")
    with capture_logs():
        after = await desk.step()
    job = await desk.step()
    attempts = await desk.store.attempts.of("job")

    assert (after.state, after.engine, after.due_ms) == (State.READY, "gpu1", START_MS)
    assert (job.state, job.attempt) == (State.RUNNING, 2)
    assert desk.first.submitted == []
    assert [each.outcome for each in attempts] == [Outcome.REFUSED, Outcome.ACCEPTED]
    assert attempts[0].of_account == refusal.of_account


async def test_a_refused_upload_fails_the_job_where_no_engine_is_left(desk: Desk) -> None:
    desk.alone()
    desk.first.prepare_troubles.append(PrepareRefused(BAD_KEY))
    await desk.add("job")
    with capture_logs():
        job = await desk.step()

    assert job.failure is not None
    assert (job.state, job.attempt, job.ended_ms) == (State.FAILED, 1, START_MS)
    assert (job.failure.code, job.failure.message) == (BAD_KEY.code, BAD_KEY.message)
    assert ((await desk.last()).n, (await desk.last()).outcome) == (1, Outcome.REFUSED)


async def test_an_account_that_refuses_three_uploads_is_left_alone(desk: Desk) -> None:
    desk.alone()
    desk.first.prepare_troubles.extend([PrepareRefused(BAD_KEY)] * 3)
    with capture_logs():
        for number in range(3):
            await desk.add(f"refused-{number}")
            await desk.step(f"refused-{number}")
    await desk.add("job")
    job = await desk.step()

    assert (job.state, job.attempt) == (State.READY, 0)
    assert job.due_ms >= START_MS + ACCOUNT.first_ms
    assert desk.first.submitted == []


async def test_uploads_refused_side_by_side_close_an_account_for_the_first_pause_only(
    desk: Desk,
) -> None:
    desk.alone()
    desk.first.prepare_troubles.extend([PrepareRefused(BAD_KEY)] * 8)
    desk.first.prepare_gate.clear()
    names = [f"refused-{number}" for number in range(8)]
    await desk.add(*names, "job")
    steps = [asyncio.create_task(desk.step(name)) for name in names]
    await until(lambda: desk.first.preparing == 8)
    desk.now_ms += 1_000
    with capture_logs():
        desk.first.prepare_gate.set()
        await asyncio.gather(*steps)
    job = await desk.step("job")

    assert job.due_ms == START_MS + 1_000 + ACCOUNT.first_ms


@pytest.mark.parametrize(
    ("submission", "code"),
    [(BUSY, "Throttling"), (BAD_KEY, "InvalidApiKey"), (UNREACHED, "connection_failed")],
)
async def test_what_holds_up_an_engine_is_told_to_all_that_wait_for_it(
    desk: Desk, submission: Submission, code: str
) -> None:
    desk.alone()
    desk.first.submissions.append(submission)
    await desk.add("job", "other")
    with capture_logs() as logs:
        await desk.step()

    stall = desk.stalls.of(await desk.job("other"))
    assert stall is not None
    assert stall.code == code
    assert "engine_stalled" in {each["event"] for each in logs}


async def test_a_call_that_is_taken_ends_what_held_up_its_engine(desk: Desk) -> None:
    desk.first.submissions += [BUSY, Accepted("task")]
    desk.alone()
    await desk.add("job")
    job = await desk.step()
    desk.now_ms = job.due_ms
    await desk.step()

    assert list(desk.stalls.engines()) == []


async def test_a_refusal_of_one_model_or_request_holds_up_nobody_else(desk: Desk) -> None:
    desk.first.submissions += [Refused("ModelNotFound", "no"), Rejected("bad", "no")]
    await desk.add("1", "2")
    for job_id in ("1", "2"):
        await desk.step(job_id)

    assert list(desk.stalls.engines()) == []


async def test_a_job_whose_engine_was_removed_says_so(desk: Desk) -> None:
    desk.routes["wan2.7-i2v"] = ()
    await desk.add("job", engine="removed")
    await desk.step()

    stall = desk.stalls.of(await desk.job())
    assert stall is not None
    assert stall.code == "engine_removed"


async def test_a_ticket_given_twice_is_a_doubt_and_the_second_job_gets_no_video_of_the_first(
    desk: Desk,
) -> None:
    desk.alone()
    for job_id in ("first", "second"):
        desk.first.submissions.append(Accepted("T-1"))
        await desk.add(job_id)
    first = await desk.step("first")
    with capture_logs() as logs:
        second = await desk.step("second")
    attempt = await desk.last("second")

    assert (first.state, first.ticket) == (State.RUNNING, "T-1")
    assert second.failure is not None
    assert (second.state, second.ticket) == (State.FAILED, None)
    assert second.failure.code == "submit_unknown"
    assert "the id of another task, 'T-1'" in second.failure.message
    assert (attempt.outcome, attempt.ticket) == (Outcome.UNKNOWN, "T-1")
    assert "ticket_taken" in [log["event"] for log in logs]
    assert desk.first.submitted == ["first", "second"]  # and is not sent again
