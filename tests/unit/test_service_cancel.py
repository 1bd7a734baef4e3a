"""Cancelling, in each state: what is ours stops, what an upstream has is the upstream's to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.jobs import OWNER, a_job
from support.requests import URL
from support.scripted_engine import render_for_ever
from support.scripted_house import House, opened
from support.waits import until
from unstill.domain.errors import NoSuchJob, TooLateToCancel
from unstill.domain.job import Change, Job, State
from unstill.domain.owner import Owner
from unstill.upstreams.port import Cancellation, Cancelled, TooLate, Unsupported

TAKEN = Change(  # what a submit and its settling do together
    of=frozenset({State.READY}), to=State.RUNNING, sets={"ticket": "t-1"}, starts=True
)


async def stored(house: House, **fields: object) -> Job:
    job = a_job(**fields)
    await house.store.jobs.add(job)
    return job


@pytest.mark.parametrize("state", [State.QUEUED, State.READY, State.RUNNING])
async def test_what_is_ours_is_cancelled_at_once_and_still_found(
    tmp_path: Path, state: State
) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house, state=state)
        await house.service.cancel(job.id, Owner(OWNER))
        found = await house.service.find(job.id, Owner(OWNER))

        assert (found.state, found.is_hidden) == (State.CANCELLED, False)
        assert found.ended_ms is not None


async def test_a_child_that_renders_is_stopped(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [render_for_ever]
        job_id = await house.submit(URL)
        await house.until(job_id, State.RUNNING)
        await until(lambda: house.engine.under_way == 1)
        await house.service.cancel(job_id, Owner(OWNER))
        await until(lambda: house.engine.under_way == 0)

        assert (await house.job(job_id)).state is State.CANCELLED


async def test_of_a_call_that_is_just_made_the_wish_is_noted(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house, state=State.SUBMITTING)
        await house.service.cancel(job.id, Owner(OWNER))
        now = await house.job(job.id)

        assert (now.state, now.wants_cancel, now.is_hidden) == (State.SUBMITTING, True, False)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Cancelled(), State.CANCELLED),
        (TooLate(), State.RUNNING),
        (Unsupported(), State.RUNNING),
    ],
)
async def test_an_upstream_is_asked_and_what_it_refuses_goes_on(
    tmp_path: Path, answer: Cancellation, state: State
) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house, state=State.RUNNING, ticket="t-1")
        house.answers = [answer]
        if isinstance(answer, Cancelled):
            await house.service.cancel(job.id, Owner(OWNER))
        else:
            with pytest.raises(TooLateToCancel):
                await house.service.cancel(job.id, Owner(OWNER))

        assert (await house.job(job.id)).state is state
        assert house.answers == []


@pytest.mark.parametrize(
    "state", [State.SAVING, State.SUCCEEDED, State.FAILED, State.CANCELLED], ids=str
)
async def test_what_is_saved_or_over_stays_as_it_is(tmp_path: Path, state: State) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house, state=state)

        with pytest.raises(TooLateToCancel):
            await house.service.cancel(job.id, Owner(OWNER))
        assert await house.job(job.id) == job


async def test_nobody_cancels_what_is_not_theirs(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house)

        with pytest.raises(NoSuchJob):
            await house.service.cancel(job.id, Owner("team-b"))
        assert await house.job(job.id) == job


async def test_a_job_that_an_upstream_has_just_taken_is_not_cancelled_without_it(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house, state=State.READY)
        house.store.overtaken = {State.CANCELLED: TAKEN}
        house.answers = [TooLate()]

        with pytest.raises(TooLateToCancel):
            await house.service.cancel(job.id, Owner(OWNER))
        assert (await house.job(job.id)).state is State.RUNNING


async def test_a_deleted_job_that_an_upstream_has_just_taken_is_wished_away(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        job = await stored(house, state=State.READY)
        house.store.overtaken = {State.CANCELLED: TAKEN}
        await house.service.delete(job.id, Owner(OWNER))
        now = await house.job(job.id)

        assert (now.state, now.wants_cancel, now.is_hidden) == (State.RUNNING, True, True)
