"""Calls whose server died, at upstreams that can tell what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from support.scripted_settler import ScriptedSettler
from support.scripted_upstream import ScriptedRemote
from support.settling_desk import KEY, Office, office_over
from support.upstream_steps import START_MS
from support.waits import until
from unstill.domain.attempts import Outcome
from unstill.domain.errors import OwnError, StorageFailed, StorageFull, UpstreamError
from unstill.domain.job import State
from unstill.domain.lease import LEASE_MS, Lease
from unstill.steps.submit_outcome import found_open, held_on
from unstill.store.ports.backlog import InterruptedJob
from unstill.upstreams.port import SettlingRemote, not_taken

pytestmark = pytest.mark.skips_pauses


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    async with office_over(tmp_path) as desk:
        yield desk


async def test_after_a_crash_the_upstream_is_asked_under_the_same_key(desk: Office) -> None:
    await desk.interrupted()
    job = await desk.judged()
    attempt = await desk.last()

    assert (job.state, job.ticket, job.attempt) == (State.RUNNING, "found-job", 1)
    assert (attempt.outcome, attempt.code) == (Outcome.ACCEPTED, "settled")
    [(_, key, age_s)] = desk.teller.asked
    assert (key, round(age_s)) == (KEY, LEASE_MS // 1000 + 1)
    assert desk.teller.submitted == []


async def test_after_a_crash_what_was_not_taken_waits_for_its_engine(desk: Office) -> None:
    desk.teller.answers_to_questions.append(not_taken("none"))
    await desk.interrupted()
    job = await desk.judged()

    assert (job.state, (await desk.last()).outcome) == (State.READY, Outcome.UNREACHED)


@pytest.mark.parametrize(
    "changes",
    [
        {"call_key": ""},
        {"engine": "removed"},
        {"engine": "gpu1", "account": "another"},
        {"account": "of a key of before"},
    ],
)
async def test_a_call_of_which_nobody_can_tell_is_in_doubt(
    desk: Office, changes: dict[str, str]
) -> None:
    await desk.interrupted(**changes)
    job = await desk.judged()

    assert (job.state, (await desk.last()).outcome) == (State.FAILED, Outcome.UNKNOWN)
    assert desk.teller.asked == []


async def test_a_held_job_is_in_doubt_since_another_call_may_have_been_paid_for(
    desk: Office,
) -> None:
    desk.store.held_jobs = cast("Any", {"job"})
    desk.submitter = desk.opened({"bailian": desk.teller})
    await desk.interrupted()

    assert (await desk.judged()).state is State.FAILED
    assert desk.teller.asked == []


async def test_a_call_that_would_be_another_one_now_is_in_doubt(desk: Office) -> None:
    desk.teller.upstream_models["wan2.7-i2v"] = "wan3"
    await desk.interrupted()
    job = await desk.judged()

    assert job.state is State.FAILED
    assert desk.teller.asked == []


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (OwnError("its pictures are not kept"), State.FAILED),
        (UpstreamError("the upload's host is away"), State.RUNNING),
        (StorageFailed("the storage of the files cannot be reached"), State.RUNNING),
        (StorageFull("no room for a part of it"), State.RUNNING),
    ],
)
async def test_preparing_that_fails_for_good_is_a_doubt_and_another_trouble_passes(
    desk: Office, trouble: Exception, state: State
) -> None:
    desk.teller.prepare_troubles.append(trouble)
    await desk.interrupted()
    job = await desk.judged()

    assert job.state is state


async def test_a_second_crash_meanwhile_begins_again(desk: Office) -> None:
    await desk.interrupted()
    desk.teller.is_silent = True
    await desk.judge()
    await until(lambda: len(desk.teller.asked) == 1)
    await desk.submitter.stop(1)
    between = await desk.job()
    desk.teller.is_silent = False
    desk.submitter = desk.opened({"bailian": desk.teller})
    taken = await desk.submitter.take_up(InterruptedJob(between, "server"))
    job = await desk.judged()

    assert taken
    assert between.state is State.SUBMITTING
    assert job.ticket == "found-job"
    assert {key for _, key, _ in desk.teller.asked} == {KEY}


async def test_of_two_servers_one_takes_a_call_up(desk: Office) -> None:
    await desk.interrupted()
    found = InterruptedJob(await desk.job(), "gone")
    await desk.store.jobs.change("job", held_on(Lease("faster", 2**53), by="gone"))

    assert await desk.submitter.take_up(found)
    await desk.submitter.stop(10)
    assert desk.teller.asked == []
    assert (await desk.job()).state is State.SUBMITTING


async def test_what_was_judged_meanwhile_is_left_alone(desk: Office) -> None:
    await desk.interrupted()
    found = InterruptedJob(await desk.job(), "gone")
    await desk.store.jobs.change("job", found_open(found.job, START_MS))

    assert await desk.submitter.take_up(found)
    await desk.submitter.stop(10)
    assert desk.teller.asked == []


def test_only_engines_that_settle_are_taken_for_such() -> None:
    assert isinstance(ScriptedSettler(), SettlingRemote)
    assert not isinstance(ScriptedRemote(), SettlingRemote)
