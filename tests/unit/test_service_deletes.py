"""Deletion in each state of a job: what is cancelled, hidden and taken away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.jobs import OWNER, a_job
from support.scripted_engine import render_for_ever
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.scripted_media import VIDEO
from support.waits import until
from unstill.domain.errors import (
    NoSuchJob,
)
from unstill.domain.job import Job, State, rendered
from unstill.domain.request import Size


async def deleted(house: House, job_id: str) -> Job:
    answered = await house.service.delete(job_id, OWNER)
    with pytest.raises(NoSuchJob):
        await house.service.find(job_id, OWNER)
    with pytest.raises(NoSuchJob):
        await house.service.delete(job_id, OWNER)
    return answered


@pytest.mark.parametrize("state", [State.QUEUED, State.READY, State.RUNNING])
async def test_deleting_what_is_not_rendered_yet_cancels_and_hides_it(
    tmp_path: Path, state: State
) -> None:
    job = a_job(state=state, size=Size(640, 480))
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, "first-frame", PNG)
        answered = await deleted(house, job.id)

        assert (answered.state, answered.is_hidden) == (State.CANCELLED, True)
        assert answered.ended_ms is not None
        assert not house.folder(job.id).exists()


async def test_a_video_that_is_being_saved_is_hidden_and_goes_on(tmp_path: Path) -> None:
    job = a_job(state=State.SAVING)
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, "video-1.part", VIDEO)
        answered = await deleted(house, job.id)

        assert (answered.state, answered.is_hidden) == (State.SAVING, True)
        assert house.names(job.id) == {"video-1.part"}


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_deleting_what_has_ended_hides_it_and_takes_its_files(
    tmp_path: Path, state: State
) -> None:
    job = a_job(state=state)
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, "first-frame", PNG)
        answered = await deleted(house, job.id)

        assert (answered.state, answered.is_hidden) == (state, True)
        assert not house.folder(job.id).exists()


async def test_a_job_that_moves_under_its_deletion_is_deleted_where_it_is_then(
    tmp_path: Path,
) -> None:
    job = a_job(state=State.RUNNING)
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        house.store.overtaken = {State.CANCELLED: rendered()}
        answered = await deleted(house, job.id)

        assert (answered.state, answered.is_hidden) == (State.SAVING, True)


async def test_two_deletions_at_once_are_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [render_for_ever]
        job_id = await house.submit()
        await until(lambda: house.engine.under_way == 1)
        both = await asyncio.gather(
            house.service.delete(job_id, OWNER),
            house.service.delete(job_id, OWNER),
            return_exceptions=True,
        )
        await until(lambda: not house.folder(job_id).exists())

        assert (await house.job(job_id)).state is State.CANCELLED
        assert all(isinstance(each, Job | NoSuchJob) for each in both)
        assert any(isinstance(each, Job) for each in both)
