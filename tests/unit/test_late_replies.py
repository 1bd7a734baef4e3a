"""Replies that come after somebody who took their server for gone has failed the job in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from support.upstream_steps import BUSY, START_MS, Desk
from support.waits import until
from unstill.domain.attempts import Outcome
from unstill.domain.job import State
from unstill.steps.submit_outcome import found_open
from unstill.upstreams.port import Doubt, Submission

TOLD = "reply_after_the_end"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    await desk.open()
    yield desk
    await desk.store.close()


async def judged_meanwhile(desk: Desk) -> list[dict[str, Any]]:
    """Let the job be judged while its call is under way; what the log has of its reply."""
    desk.alone()
    desk.first.gate.clear()
    await desk.add("job")
    step = asyncio.create_task(desk.step())
    await until(lambda: desk.first.under_way == 1)
    ended = await desk.store.jobs.change("job", found_open(await desk.job(), START_MS + 5))
    assert ended is not None
    with capture_logs() as logs:
        desk.first.gate.set()
        await step
    assert await desk.job() == ended
    return [dict(each) for each in logs if each["event"] == TOLD]


async def test_an_acceptance_is_in_the_ledger_and_told_once_with_its_ticket(desk: Desk) -> None:
    [told] = await judged_meanwhile(desk)
    call = await desk.last()

    assert (call.outcome, call.ticket) == (Outcome.ACCEPTED, "task-job-1")
    assert (told["log_level"], told["job_id"], told["ticket"], told["engine"]) == (
        "warning",
        "job",
        "task-job-1",
        "bailian",
    )
    assert told["mend"] == "unstill jobs resolve job --charged"
    assert [each.state for each in desk.told][-1] is State.FAILED


@pytest.mark.parametrize(
    ("submission", "outcome"),
    [(BUSY, Outcome.BUSY), (Doubt("odd", "words"), Outcome.UNKNOWN)],
)
async def test_what_has_no_ticket_is_in_the_ledger_alone(
    desk: Desk, submission: Submission, outcome: Outcome
) -> None:
    desk.first.submissions.append(submission)

    assert await judged_meanwhile(desk) == []
    assert (await desk.last()).outcome is outcome


async def test_a_reply_in_time_is_told_no_such_thing(desk: Desk) -> None:
    await desk.add("job")
    with capture_logs() as logs:
        job = await desk.step()

    assert job.state is State.RUNNING
    assert TOLD not in [each["event"] for each in logs]
