"""Calls in doubt whose upstream can tell what became of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from support.settling_desk import LOST, Office, office_over
from support.upstream_steps import BUSY, START_MS
from support.waits import until
from unstill.domain.attempts import Outcome
from unstill.domain.errors import UpstreamError
from unstill.domain.job import State, cancel_requested
from unstill.domain.lease import Lease
from unstill.steps.settle_doubts import ASKED_FOR_MS, QUESTION_S
from unstill.steps.submit_outcome import held_on
from unstill.upstreams.port import (
    Accepted,
    Refused,
    Rejected,
    Submission,
    not_taken,
)

pytestmark = pytest.mark.skips_pauses


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office_over(tmp_path) as desk:
        yield desk


# --- a lost reply ------------------------------------------------------------------------------


async def test_a_call_that_the_upstream_has_goes_on_with_its_ticket(desk: Office) -> None:
    desk.teller.submissions.append(LOST)
    await desk.add("job")
    with capture_logs() as logs:
        job = await desk.step()
    attempt = await desk.last()
    [told] = [each for each in logs if each["event"] == "submit_in_doubt"]

    assert (job.state, job.ticket) == (State.RUNNING, "found-job")
    assert (attempt.outcome, attempt.code) == (Outcome.ACCEPTED, "settled")
    assert attempt.message == "the connection broke; the upstream was asked, and has it"
    assert (told["why"], told["attempt"], told["job_id"]) == (LOST.message, 1, "job")
    assert len(desk.teller.submitted) == 1


async def test_its_key_is_minted_for_it_and_is_in_the_ledger_before_the_call(desk: Office) -> None:
    kept: list[str] = []

    async def look() -> Submission:
        kept.append((await desk.last(desk.teller.submitted[-1])).call_key)
        return LOST

    desk.teller.submissions += [look, look]
    await desk.add("job", "other")
    await desk.step()
    await desk.step("other")

    assert [key for _, key, _ in desk.teller.asked] == kept
    assert UUID(kept[0]).version == 4
    assert len({*kept}) == 2


async def test_an_engine_that_cannot_tell_gets_no_key_and_its_doubts_are_final(
    desk: Office,
) -> None:
    desk.second.submissions.append(LOST)
    desk.routes["wan2.7-i2v"] = ("gpu1",)
    await desk.add("job", engine="gpu1")
    job = await desk.step()

    assert job.state is State.FAILED
    assert ((await desk.last()).call_key, (await desk.last()).code) == ("", "reply_lost")


async def test_what_surely_was_not_taken_is_sent_again_under_another_key(desk: Office) -> None:
    desk.teller.submissions.append(LOST)
    desk.teller.answers_to_questions.append(not_taken("it has no such task"))
    await desk.add("job")
    back = await desk.step()
    first = await desk.last()
    desk.now_ms = back.due_ms
    job = await desk.step()
    second = await desk.last()

    assert (back.state, first.outcome, first.code) == (State.READY, Outcome.UNREACHED, "not_taken")
    assert back.due_ms > START_MS
    assert first.message.endswith("the upstream said: it has no such task")
    assert (job.state, second.n, second.outcome) == (State.RUNNING, 2, Outcome.ACCEPTED)
    assert second.call_key not in {"", first.call_key}


async def test_what_surely_was_not_taken_goes_to_the_next_engine_at_once(desk: Office) -> None:
    desk.routes["wan2.7-i2v"] = ("bailian", "gpu1")
    desk.teller.submissions.append(LOST)
    desk.teller.answers_to_questions.append(not_taken("it has no such task"))
    await desk.add("job")
    back = await desk.step()

    assert (back.state, back.engine, back.due_ms) == (State.READY, "gpu1", START_MS)


@pytest.mark.parametrize(
    ("answer", "outcome", "state"),
    [
        (Rejected("bad", "too long"), Outcome.REJECTED, State.FAILED),
        (Refused("no_model", "none"), Outcome.REFUSED, State.FAILED),
        (BUSY, Outcome.BUSY, State.READY),
    ],
)
async def test_another_sure_answer_counts_as_if_it_had_come_to_the_call(
    desk: Office, answer: Submission, outcome: Outcome, state: State
) -> None:
    desk.teller.submissions.append(LOST)
    desk.teller.answers_to_questions.append(answer)
    await desk.add("job")
    job = await desk.step()

    assert (job.state, (await desk.last()).outcome) == (state, outcome)


async def test_silence_and_trouble_say_nothing_and_it_is_asked_again_at_growing_pauses(
    desk: Office,
) -> None:
    desk.teller.submissions.append(LOST)
    desk.teller.answers_to_questions += [LOST, UpstreamError("away"), ZeroDivisionError()]
    await desk.add("job")
    with capture_logs() as logs:
        job = await desk.step()
    ages = [round(age) for _, _, age in desk.teller.asked]

    assert job.state is State.RUNNING
    assert ages == [1, 3, 7, 15]
    assert "settle_asked_in_vain" in {each["event"] for each in logs}


async def test_after_ten_minutes_without_a_word_it_is_in_doubt_and_never_sent_again(
    desk: Office,
) -> None:
    desk.teller.submissions.append(LOST)
    desk.teller.is_silent = True
    await desk.add("job")
    begun_s = asyncio.get_running_loop().time()
    job = await desk.step()
    took_s = asyncio.get_running_loop().time() - begun_s
    attempt = await desk.last()

    assert ASKED_FOR_MS / 1000 <= took_s <= ASKED_FOR_MS / 1000 + QUESTION_S + 30
    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "submit_unknown")
    assert (attempt.outcome, attempt.code) == (Outcome.UNKNOWN, "reply_lost")
    assert "it did not say: no answer within 60 s" in attempt.message
    assert len(desk.teller.submitted) == 1


async def test_a_cancel_meanwhile_takes_nothing_from_a_call_that_was_taken(desk: Office) -> None:
    desk.teller.submissions.append(LOST)

    async def cancel_first() -> Submission:
        await desk.store.jobs.change("job", cancel_requested(State.SUBMITTING))
        return Accepted("T")

    desk.teller.answers_to_questions.append(cancel_first)
    await desk.add("job")
    job = await desk.step()

    assert (job.state, job.ticket, job.wants_cancel) == (State.RUNNING, "T", True)


async def test_a_cancel_meanwhile_ends_what_was_not_taken_for_free(desk: Office) -> None:
    desk.teller.submissions.append(LOST)

    async def cancel_first() -> Submission:
        await desk.store.jobs.change("job", cancel_requested(State.SUBMITTING))
        return not_taken("none")

    desk.teller.answers_to_questions.append(cancel_first)
    await desk.add("job")

    assert (await desk.step()).state is State.CANCELLED


async def test_its_slot_is_held_while_it_is_asked_for_and_whoever_waits_is_told(
    desk: Office,
) -> None:
    desk.teller.submissions.append(LOST)
    stalls: list[object] = []

    async def look() -> Submission:
        stalls.append(desk.stalls.of(await desk.job()))
        return Accepted("T")

    desk.teller.answers_to_questions.append(look)
    await desk.add("job")
    await desk.step()

    assert [getattr(each, "code", None) for each in stalls] == ["in_doubt"]
    assert desk.stalls.of(await desk.job()) is None


async def test_a_shutdown_leaves_it_open_for_the_next_start(desk: Office) -> None:
    desk.teller.submissions.append(LOST)
    desk.teller.is_silent = True
    await desk.add("job")
    step = asyncio.create_task(desk.step())
    await until(lambda: len(desk.teller.asked) == 1)
    await desk.submitter.stop(1)
    await asyncio.gather(step, return_exceptions=True)

    assert (await desk.job()).state is State.SUBMITTING
    assert (await desk.last()).outcome is Outcome.OPEN


# --- another server ----------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [not_taken("none"), BUSY, LOST])
async def test_what_another_server_asks_about_is_not_this_ones_to_call_untaken(
    desk: Office, answer: Submission
) -> None:
    """It may be sending the call again just then."""

    async def lose_it() -> Submission:
        await desk.store.jobs.change("job", held_on(Lease("another", 2**53), by="server"))
        return answer

    desk.teller.submissions.append(LOST)
    desk.teller.answers_to_questions.append(lose_it)
    await desk.add("job")
    job = await desk.step()

    assert (job.state, (await desk.last()).outcome) == (State.SUBMITTING, Outcome.OPEN)
    assert len(desk.teller.asked) == 1


async def test_a_ticket_counts_whoever_has_the_job_now(desk: Office) -> None:
    async def lose_it() -> Submission:
        await desk.store.jobs.change("job", held_on(Lease("another", 2**53), by="server"))
        return Accepted("T")

    desk.teller.submissions.append(lose_it)
    await desk.add("job")

    assert (await desk.step()).ticket == "T"
