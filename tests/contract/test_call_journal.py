"""What a call has come to is known after a kill, though it was not committed; and never guessed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.leases import ENDED
from support.scripted_house import House, opened
from support.scripted_upstream import ready
from support.upstream_steps import Desk
from support.waits import until
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.job import Change, Job, State, intended
from unstill.steps.submit_outcome import settled
from unstill.store.call_journal import FILE, OLDER, Ahead, NotedCall, noted_in
from unstill.store.embedded.held_jobs import held_in
from unstill.store.embedded.recovery import recover

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
        await house.store.jobs.add(ready(job_id))
        assert (
            await house.store.jobs.change(job_id, intended(an_attempt(job_id), ENDED)) is not None
        )
        for settlement in noted:
            await house.store.attempts.note_ahead(
                settled(an_attempt(job_id, settlement.n), settlement), None
            )


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
        [attempt] = await house.store.attempts.of("job")

    assert job.state is state
    assert (job.failure.code if job.failure else None) == code
    assert (attempt.outcome, attempt.ticket) == (outcome, settlement.ticket)
    assert job.ticket == (settlement.ticket if state is State.RUNNING else None)
    assert job.upstream_model == ("wan2.7-i2v" if state is State.RUNNING else None)


@pytest.mark.parametrize("outcome", JUDGED)
async def test_a_call_in_a_copy_that_was_put_back_is_made_again_only_if_it_is_released(
    tmp_path: Path, outcome: Outcome
) -> None:
    # Since the copy it may have been refused, and the next one paid for, and not noted.
    settlement, state, _ = JUDGED[outcome]
    await die_with(tmp_path, "job", settlement)
    recovered = await recover(tmp_path, local_engines={"camera"})
    async with opened(tmp_path, serves=False) as house:
        job = await judged(house)
        left = held_in(tmp_path)
    desk = Desk(tmp_path)
    await desk.store.open()
    after = await desk.step("job") if state is State.READY else job
    await desk.submitter.stop(1)
    await desk.store.close()

    assert (recovered.sent, recovered.held) == (0, 0)  # the start judges it
    assert (job.state, after.state) == (state, state)
    assert left == (["job"] if state is State.READY else [])
    assert desk.first.submitted == desk.second.submitted == []


async def test_what_a_start_makes_of_a_call_is_in_the_log_as_each_change_is(tmp_path: Path) -> None:
    await die_with(tmp_path, "job")
    async with opened(tmp_path, serves=False) as house:
        with capture_logs() as logs:
            await judged(house)

    assert [each["event"] for each in logs] == ["job_failed", "job"]
    assert (logs[0]["code"], logs[1]["state"]) == ("submit_unknown", "failed")


async def test_without_a_note_it_stays_a_doubt(tmp_path: Path) -> None:
    await die_with(tmp_path, "job")
    async with opened(tmp_path, serves=False) as house:
        job = await judged(house)

    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "submit_unknown")


async def test_the_note_of_another_attempt_or_job_says_nothing(tmp_path: Path) -> None:
    await die_with(tmp_path, "job", Settlement(2, Outcome.ACCEPTED, 1_000, ticket="other"))
    async with opened(tmp_path, serves=False) as house:
        await house.store.attempts.note_ahead(settled(an_attempt("another"), ACCEPTED), None)
        job = await judged(house)

    assert (job.state, job.ticket) == (State.FAILED, None)


async def test_a_call_that_had_begun_and_was_not_answered_stays_a_doubt(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(ready("job"))
        await house.store.jobs.change("job", intended(an_attempt(), ENDED))
        await house.store.attempts.note_ahead(an_attempt(), None)
    async with opened(tmp_path, serves=False) as house:
        job = await judged(house)

    assert job.failure is not None
    assert (job.state, job.failure.code) == (State.FAILED, "submit_unknown")


async def test_notes_are_kept_over_starts_though_each_start_asks_once(tmp_path: Path) -> None:
    await die_with(tmp_path, "job", ACCEPTED)
    async with opened(tmp_path, serves=False) as house:
        await judged(house)
        found = house.store.attempts.noted_ahead("job", 1)

    assert found is None
    assert noted_in(tmp_path)["job", 1].attempt.ticket == "task-1"


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
    await desk.store.open()
    await desk.add("job")
    desk.store.is_refused = closes
    step = asyncio.create_task(desk.submitter.submit(await desk.job()))
    await until(lambda: desk.store.refused == 2)
    noted = (tmp_path / FILE).read_bytes()
    desk.store.is_refused = lambda _: False
    await step
    await desk.store.close()

    assert b'"ticket":"task-job-1"' in noted


async def test_a_call_is_noted_before_it_is_made(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.store.open()
    await desk.add("job")
    desk.first.gate.clear()
    step = asyncio.create_task(desk.submitter.submit(await desk.job()))
    await until(lambda: desk.first.under_way == 1)
    [begun] = noted_in(tmp_path).values()
    desk.first.gate.set()
    await step
    [ended] = noted_in(tmp_path).values()
    await desk.store.close()

    assert (begun.attempt.outcome, ended.attempt.outcome) == (Outcome.OPEN, Outcome.ACCEPTED)


def closes(change: Change) -> bool:
    return change.closes is not None


def accepted_call(job_id: str) -> NotedCall:
    return NotedCall(settled(an_attempt(job_id), ACCEPTED))


def test_a_line_that_a_kill_has_cut_is_skipped_and_spoils_none_after_it(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path)
    ahead.note(accepted_call("job"))
    ahead.note(accepted_call("cut"))
    ahead.close()
    text = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(text[:-9])
    again = Ahead(tmp_path)
    again.note(accepted_call("after"))
    again.close()

    assert [job_id for job_id, _ in noted_in(tmp_path)] == ["job", "after"]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_the_files_stay_small_and_keep_what_is_new_and_what_is_not_committed(
    tmp_path: Path,
) -> None:
    ahead = Ahead(tmp_path, most_bytes=20_000)
    ahead.note(accepted_call("open"))
    most = 0
    for number in range(1_000):
        ahead.note(accepted_call(f"job-{number}"))
        ahead.committed(f"job-{number}", 1)
        most = max(most, sum((tmp_path / each).stat().st_size for each in files_in(tmp_path)))
    ahead.close()
    found = noted_in(tmp_path)

    assert most <= 41_000
    assert found["open", 1] == accepted_call("open")
    assert all((f"job-{number}", 1) in found for number in range(940, 1_000))
    assert ("job-0", 1) not in found


def files_in(folder: Path) -> list[str]:
    return [each for each in (FILE, OLDER) if (folder / each).exists()]


def test_a_note_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path)
    ahead.close()
    ahead.note(accepted_call("job"))
    ahead.sync()
    with capture_logs() as logs:
        ahead.note(accepted_call("again"))

    assert [log["event"] for log in logs] == ["not_noted_ahead"]
