"""The one call that may cost: once, between two commits, and never after a doubt."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest
from structlog.testing import capture_logs

from support.scripted_upstream import hang, ready
from support.upstream_steps import BAD_KEY, BUSY, START_MS, UNREACHED, Desk
from support.waits import until
from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.backoff import Backoff
from unstill.domain.errors import BadField
from unstill.domain.job import Job, State, lost
from unstill.steps.submit import SUBMIT_WITHIN_MS
from unstill.store.lanes import Lanes
from unstill.store.ports.queue import Lane
from unstill.system.clock import clock_ms
from unstill.upstreams.port import Busy, Doubt, Refused, Rejected, Submission

# --- what a call comes to ----------------------------------------------------------------------


async def test_an_accepted_job_runs_under_its_ticket(desk: Desk) -> None:
    await desk.add("job")
    job = await desk.step()

    assert (job.state, job.ticket, job.attempt) == (State.RUNNING, "task-job-1", 1)
    assert job.started_ms == START_MS
    assert await desk.last() == Attempt(
        job_id="job",
        n=1,
        engine="bailian",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=START_MS,
        submit_by_ms=START_MS + SUBMIT_WITHIN_MS,
        outcome=Outcome.ACCEPTED,
        ticket="task-job-1",
        settled_ms=START_MS,
    )


async def test_the_intent_is_in_the_store_before_the_call(desk: Desk) -> None:
    desk.first.gate.clear()
    await desk.add("job")
    step = asyncio.create_task(desk.step())
    await until(lambda: desk.first.under_way == 1)
    job, attempt = await desk.job(), await desk.last()
    desk.first.gate.set()
    await step

    assert job.state is State.SUBMITTING
    assert (attempt.outcome, attempt.settled_ms) == (Outcome.OPEN, None)


@pytest.mark.parametrize("submission", [BUSY, UNREACHED, BAD_KEY, Refused("404", "no such model")])
async def test_what_is_surely_not_taken_goes_to_the_next_engine_at_once(
    desk: Desk, submission: Submission
) -> None:
    desk.first.submissions.append(submission)
    await desk.add("job")
    after = await desk.step()
    job = await desk.step()

    assert (after.state, after.engine, after.due_ms) == (State.READY, "gpu1", START_MS)
    assert (job.state, job.engine) == (State.RUNNING, "gpu1")
    assert (desk.first.submitted, desk.second.submitted) == (["job"], ["job"])


@pytest.mark.parametrize("submission", [BUSY, UNREACHED])
async def test_where_none_is_left_the_same_engine_is_asked_again_within_ten_seconds(
    desk: Desk, submission: Submission
) -> None:
    desk.alone()
    desk.first.submissions.append(submission)
    await desk.add("job")
    after = await desk.step()
    too_soon = await desk.step()
    desk.now_ms = after.due_ms
    job = await desk.step()

    assert (after.state, after.engine) == (State.READY, "bailian")
    assert START_MS < after.due_ms <= START_MS + 10_000
    assert too_soon.state is State.READY
    assert (job.state, job.attempt) == (State.RUNNING, 2)


async def test_a_busy_upstream_is_asked_again_when_it_says(desk: Desk) -> None:
    desk.alone()
    desk.first.submissions.append(Busy("429", "later", retry_after_s=42))
    await desk.add("job")
    after = await desk.step()

    assert after.due_ms == START_MS + 42_000


async def test_a_busy_job_is_sent_until_its_deadline_and_no_longer(desk: Desk) -> None:
    desk.alone()
    desk.first.submission = BUSY
    await desk.add("job", deadline_ms=START_MS + 60_000)
    while (job := await desk.step()).state is State.READY:
        desk.now_ms = job.due_ms

    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "deadline_exceeded")
    assert job.failure.message.endswith(": later")
    assert desk.now_ms == START_MS + 60_000
    assert len(desk.first.submitted) > 5


@pytest.mark.parametrize("submission", [BAD_KEY, Refused("404", "no such model")])
async def test_a_refusal_for_good_fails_the_job_where_no_engine_is_left(
    desk: Desk, submission: Refused
) -> None:
    desk.alone()
    desk.first.submissions.append(submission)
    await desk.add("job")
    job = await desk.step()

    assert job.failure is not None
    assert job.state is State.FAILED
    assert (job.failure.code, job.failure.message) == (submission.code, submission.message)


async def test_a_rejected_request_is_sent_to_no_other_engine(desk: Desk) -> None:
    desk.first.submissions.append(Rejected("InvalidParameter", "the prompt is too long"))
    await desk.add("job")
    job = await desk.step()

    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "InvalidParameter")
    assert desk.second.submitted == []


async def test_an_engine_that_cannot_do_the_request_is_passed_over(desk: Desk) -> None:
    desk.first.submissions.append(BUSY)
    desk.second.misfits = BadField("duration", "5", 8)
    await desk.add("job")
    after = await desk.step()

    assert after.engine == "bailian"
    assert after.due_ms > START_MS


async def test_a_job_that_its_engine_would_take_no_more_still_goes_there(desk: Desk) -> None:
    desk.alone()
    desk.first.misfits = BadField("watermark", "false", got=True)
    await desk.add("job")
    job = await desk.step()

    assert (job.state, desk.first.submitted) == (State.RUNNING, ["job"])


async def test_a_job_of_an_engine_that_was_removed_goes_to_another(desk: Desk) -> None:
    await desk.add("job", engine="removed")
    after = await desk.step()
    job = await desk.step()

    assert (after.engine, job.state) == ("bailian", State.RUNNING)


async def test_a_job_whose_engines_were_all_removed_waits_for_its_deadline(desk: Desk) -> None:
    desk.routes["wan2.7-i2v"] = ()
    await desk.add("job", engine="removed", deadline_ms=START_MS + 5_000)
    after = await desk.step()
    desk.now_ms = after.due_ms
    job = await desk.step()

    assert (after.state, after.due_ms) == (State.READY, START_MS + 5_000)
    assert job.failure is not None
    assert job.failure.code == "deadline_exceeded"


# --- doubts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [Doubt("reply_lost", "the connection broke"), KeyError("bug"), TimeoutError(), OSError("odd")],
    ids=["doubt", "bug", "timeout", "odd"],
)
async def test_a_doubt_ends_the_job_and_is_never_sent_again(
    desk: Desk, act: Submission | Exception
) -> None:
    desk.first.submissions.append(act)
    await desk.add("job")
    with capture_logs():
        job = await desk.step()
        with suppress(Exception):
            await desk.step()

    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "submit_unknown")
    assert "billed" in job.failure.message
    assert (await desk.last()).outcome is Outcome.UNKNOWN
    assert (desk.first.submitted, desk.second.submitted) == (["job"], [])


async def test_a_reply_that_does_not_come_in_time_is_a_doubt(desk: Desk) -> None:
    desk.first.submissions.append(hang)
    submitter = desk.opened({"bailian": desk.first}, submit_within_ms=20)
    await desk.add("job")
    await submitter.submit(await desk.job())
    job, attempt = await desk.job(), await desk.last()

    assert job.failure is not None
    assert job.failure.message.endswith("no reply within 0.02 s")
    assert (attempt.outcome, attempt.submit_by_ms) == (Outcome.UNKNOWN, START_MS + 20)


async def test_a_job_with_a_ticket_is_not_sent_again_however_it_came_to_be_ready(
    desk: Desk,
) -> None:
    await desk.add("job")
    await desk.step()
    await desk.store.jobs.change("job", lost(0))
    job = await desk.step()

    assert job.failure is not None
    assert job.failure.code == "submit_unknown"
    assert (desk.first.submitted, desk.second.submitted) == (["job"], [])


async def test_a_job_that_a_free_engine_has_lost_is_sent_again(desk: Desk) -> None:
    desk.first.is_free_to_repeat = True
    desk.alone()
    await desk.add("job")
    await desk.step()
    await desk.store.jobs.change("job", lost(0))
    desk.now_ms += 10_000
    job = await desk.step()

    assert (job.state, job.ticket) == (State.RUNNING, "task-job-2")


# --- on the lanes ------------------------------------------------------------------------------


async def test_a_job_that_moves_to_the_next_engine_waits_for_no_pause() -> None:
    rows = {"job": ready("job", "bailian")}
    lanes = Lanes(rows.get, clock_ms, pauses=Backoff((60_000,)))
    seen: list[str] = []

    async def step(job: Job) -> None:
        seen.append(job.engine)
        rows[job.id] = msgspec.structs.replace(job, engine="gpu1")
        lanes.offer(rows[job.id])

    lanes.serve([Lane("engine:bailian", 10, step), Lane("engine:gpu1", 10, step)])
    lanes.offer(rows["job"])
    await until(lambda: len(seen) == 2)
    await lanes.rest(1)

    assert seen == ["bailian", "gpu1"]
