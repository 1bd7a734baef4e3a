"""What a call has come to is known after a kill, though it was not committed; and never guessed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from desks import Desk
from scripted import House, opened, until
from unstill.backend.ahead import FILE, MOST_BYTES, Ahead
from unstill.backend.holds import held_in
from unstill.backend.recovery import recover
from unstill.job import Change, Job, State, intended
from unstill.ledger import Attempt, Outcome, Settlement
from upstreams import ready

ACCEPTED = Settlement(1, Outcome.ACCEPTED, 1_000, ticket="task-1")
JUDGED = {
    Outcome.ACCEPTED: (ACCEPTED, State.RUNNING, None),
    Outcome.BUSY: (Settlement(1, Outcome.BUSY, 1_000, code="429"), State.READY, None),
    Outcome.UNREACHED: (Settlement(1, Outcome.UNREACHED, 1_000), State.READY, None),
    Outcome.REFUSED: (Settlement(1, Outcome.REFUSED, 1_000, code="401"), State.READY, None),
    Outcome.REJECTED: (
        Settlement(1, Outcome.REJECTED, 1_000, code="bad", message="no"),
        State.FAILED,
        "bad",
    ),
    Outcome.UNKNOWN: (
        Settlement(1, Outcome.UNKNOWN, 1_000, code="submit_unknown"),
        State.FAILED,
        "submit_unknown",
    ),
}


def an_attempt(job_id: str = "job", n: int = 1) -> Attempt:
    return Attempt(
        job_id=job_id,
        n=n,
        engine="bailian",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=100,
        submit_by_ms=60_100,
    )


async def die_with(folder: Path, job_id: str = "job", *noted: Settlement) -> None:
    """A server that had these answers when it died, and had committed none."""
    async with opened(folder, serves=False) as house:
        await house.backend.add(ready(job_id))
        assert await house.backend.change(job_id, intended(an_attempt(job_id))) is not None
        for settlement in noted:
            await house.backend.note_ahead(job_id, settlement)


async def judged(house: House, job_id: str = "job") -> Job:
    await house.runner.startup()
    return await house.job(job_id)


@pytest.mark.parametrize("outcome", JUDGED)
async def test_a_start_uses_what_the_last_server_had_heard(
    tmp_path: Path, outcome: Outcome
) -> None:
    settlement, state, code = JUDGED[outcome]
    await die_with(tmp_path, "job", settlement)
    async with opened(tmp_path, serves=False) as house:
        job = await judged(house)
        [attempt] = await house.backend.attempts("job")

    assert job.state is state
    assert (job.failure.code if job.failure else None) == code
    assert (attempt.outcome, attempt.ticket) == (outcome, settlement.ticket)
    assert job.ticket == (settlement.ticket if state is State.RUNNING else None)
    assert job.upstream_model == ("wan2.7-i2v" if state is State.RUNNING else None)


@pytest.mark.parametrize("outcome", JUDGED)
async def test_a_call_in_a_copy_that_was_put_back_is_made_again_only_if_it_is_released(
    tmp_path: Path, outcome: Outcome
) -> None:
    # Since the copy it may have been refused, and the next one paid for.
    settlement, state, _ = JUDGED[outcome]
    await die_with(tmp_path, "job", settlement)
    recovered = await recover(tmp_path, local_engines={"camera"})
    async with opened(tmp_path, serves=False) as house:
        job = await judged(house)
        left = held_in(tmp_path)
    desk = Desk(tmp_path)
    await desk.backend.open()
    after = await desk.step("job") if state is State.READY else job
    await desk.submitter.stop(1)
    await desk.backend.close()

    assert recovered.held == 1
    assert (job.state, after.state) == (state, state)
    assert left == (["job"] if state is State.READY else [])
    assert desk.first.submitted == desk.second.submitted == []


async def test_without_a_note_it_stays_a_doubt(tmp_path: Path) -> None:
    await die_with(tmp_path, "job")
    async with opened(tmp_path, serves=False) as house:
        job = await judged(house)

    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "submit_unknown")


async def test_the_note_of_another_attempt_or_job_says_nothing(tmp_path: Path) -> None:
    await die_with(tmp_path, "job", Settlement(2, Outcome.ACCEPTED, 1_000, ticket="other"))
    async with opened(tmp_path, serves=False) as house:
        await house.backend.note_ahead("another", ACCEPTED)
        job = await judged(house)

    assert (job.state, job.ticket) == (State.FAILED, None)


async def test_a_note_is_read_by_one_start_and_then_forgotten(tmp_path: Path) -> None:
    await die_with(tmp_path, "job", ACCEPTED)
    async with opened(tmp_path, serves=False) as house:
        await judged(house)
        found = house.backend.noted_ahead("job", 1)

    assert found is None
    assert (tmp_path / FILE).read_bytes() == b""


async def test_a_note_whose_ticket_is_another_jobs_is_a_doubt(tmp_path: Path) -> None:
    await die_with(tmp_path, "first", ACCEPTED)
    await die_with(tmp_path, "second", ACCEPTED)
    async with opened(tmp_path, serves=False) as house:
        first = await judged(house, "first")
        second = await house.job("second")

    assert (first.state, first.ticket) == (State.RUNNING, "task-1")
    assert second.failure is not None
    assert (second.failure.code, second.ticket) == ("submit_unknown", None)


async def test_an_answer_is_noted_before_it_can_be_committed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.backend.open()
    await desk.add("job")
    desk.backend.is_refused = closes
    step = asyncio.create_task(desk.submitter.submit(await desk.job()))
    await until(lambda: desk.backend.refused == 2)
    noted = (tmp_path / FILE).read_bytes()
    desk.backend.is_refused = lambda _: False
    await step
    await desk.backend.close()

    assert b'"ticket":"task-job-1"' in noted


def closes(change: Change) -> bool:
    return change.closes is not None


def test_a_line_that_a_kill_has_cut_is_skipped(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path)
    ahead.note("job", ACCEPTED)
    ahead.note("cut", ACCEPTED)
    ahead.close()
    text = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(text[:-9])
    again = Ahead(tmp_path)
    found = again.of("job", 1), again.of("cut", 1)
    again.close()

    assert found == (ACCEPTED, None)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_the_file_stays_small_and_keeps_what_is_not_committed(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path)
    ahead.note("open", ACCEPTED)
    most = 0
    for number in range(20_000):
        ahead.note(f"job-{number}", ACCEPTED)
        ahead.committed(f"job-{number}", 1)
        most = max(most, (tmp_path / FILE).stat().st_size)
    ahead.close()
    again = Ahead(tmp_path)
    found = again.of("open", 1)
    again.close()

    assert most <= MOST_BYTES + 1_000
    assert found == ACCEPTED


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path)
    ahead.close()
    ahead.note("job", ACCEPTED)
    ahead.sync()
    with capture_logs() as logs:
        ahead.note("again", ACCEPTED)

    assert [log["event"] for log in logs] == ["not_noted_ahead"]
