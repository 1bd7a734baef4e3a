"""A server that was taken for gone comes back to a render that another one has begun anew."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.jobs import a_job
from support.scripted_engine import render_well
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from unstill.domain.engine import Report, Scene
from unstill.domain.errors import EngineDied
from unstill.domain.job import Job, State, put_back, rendered, started
from unstill.domain.lease import Lease
from unstill.domain.request import Size
from unstill.steps.interrupted_jobs import AT_ONCE

JOB = a_job(state=State.READY, size=Size(320, 256))


async def to_render(house: House) -> Job:
    for frame in JOB.request.frames:
        await house.files.keep(JOB.id, frame.file_name, PNG)
    return await house.store.jobs.add(JOB)


async def render(house: House, job: Job) -> None:
    """The step, as a lane has it done."""
    [step] = [lane.step for lane in house.runner.lanes() if lane.name == "engine:camera"]
    await step(job)


async def take_over(house: House) -> None:
    """What another server does with the job of one that is gone."""
    await house.store.jobs.change(JOB.id, put_back(AT_ONCE))
    await house.store.jobs.change(JOB.id, started(0, Lease("another", 2**53)))


async def test_what_it_has_rendered_late_changes_nothing_and_is_dropped(tmp_path: Path) -> None:
    async def act(scene: Scene, report: Report) -> None:
        await take_over(house)
        await render_well(scene, report)

    async with opened(tmp_path, serves=False) as house:
        house.engine.acts = [act]
        await render(house, await to_render(house))
        after = await house.job(JOB.id)

        assert (after.state, after.attempt) == (State.RUNNING, 2)
        assert "video-1.part" not in house.names(JOB.id)


async def test_its_failure_fails_nobody_elses_render(tmp_path: Path) -> None:
    async def act(scene: Scene, report: Report) -> None:
        await take_over(house)
        raise ZeroDivisionError(scene, report)

    async def die(scene: Scene, report: Report) -> None:
        del scene, report
        await take_over(house)
        raise EngineDied("camera", "out of memory")

    for each in (act, die):
        async with opened(tmp_path / each.__name__, serves=False) as house:
            house.engine.acts = [each]
            await render(house, await to_render(house))
            after = await house.job(JOB.id)

            assert (after.state, after.attempt, after.deaths) == (State.RUNNING, 2, 0)


async def test_its_end_puts_nobody_elses_render_back(tmp_path: Path) -> None:
    has_taken = asyncio.Event()

    async def act(scene: Scene, report: Report) -> None:
        del scene, report
        await take_over(house)
        has_taken.set()
        await asyncio.Event().wait()

    async with opened(tmp_path, serves=False) as house:
        house.engine.acts = [act]
        step = asyncio.create_task(render(house, await to_render(house)))
        await has_taken.wait()
        step.cancel()
        with pytest.raises(asyncio.CancelledError):
            await step

        assert (await house.job(JOB.id)).state is State.RUNNING


async def test_what_is_rendered_in_time_stays_where_the_answer_of_its_write_was_lost(
    tmp_path: Path,
) -> None:
    async def act(scene: Scene, report: Report) -> None:
        await render_well(scene, report)
        # As a write that was done and not answered, and is done again.
        await house.store.jobs.change(JOB.id, rendered())

    async with opened(tmp_path, serves=False) as house:
        house.engine.acts = [act]
        await render(house, await to_render(house))

        assert (await house.job(JOB.id)).state is State.SAVING
        assert "video-1.part" in house.names(JOB.id)


async def test_what_goes_wrong_before_it_is_taken_over_ends_the_job(tmp_path: Path) -> None:
    async def stumble(scene: Scene, report: Report) -> None:
        raise ZeroDivisionError(scene, report)

    async with opened(tmp_path, serves=False) as house:
        house.engine.acts = [stumble]
        await render(house, await to_render(house))

        assert (await house.job(JOB.id)).state is State.FAILED
