"""What each step reads: its job's row once, by the lane that hands it over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.jobs import a_job
from support.scripted_engine import render_for_ever
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.scripted_media import VIDEO
from support.scripted_upstream import ScriptedRemote
from support.waits import until
from unstill.domain.job import Job, State, cancelled
from unstill.domain.request import Size

SIZE = Size(1280, 720)
READY = {"state": State.READY, "size": SIZE}
# By the lane that does it: a job that waits for the step, and what has become of it afterwards.
STEPS: dict[str, tuple[Callable[[], Job], State]] = {
    "frames": (a_job, State.READY),
    "engine:camera": (lambda: a_job(**READY), State.SAVING),
    "engine:bailian": (lambda: a_job(**READY, engine="bailian"), State.RUNNING),
    "save:camera": (lambda: a_job(state=State.SAVING, size=SIZE, attempt=1), State.SUCCEEDED),
}


async def keep_files(house: House, job: Job) -> None:
    await house.files.keep(job.id, "first-frame", PNG)
    if job.state is State.SAVING:
        await house.files.keep(job.id, "video-1.part", VIDEO)


def serve(house: House, name: str) -> None:
    """Open one lane alone, so that no other step follows."""
    house.store.queue.serve([lane for lane in house.runner.lanes() if lane.name == name])


@pytest.mark.parametrize("lane", STEPS)
async def test_a_step_reads_its_row_once(tmp_path: Path, lane: str) -> None:
    make, after = STEPS[lane]
    job = make()
    async with opened(
        tmp_path, serves=False, remotes={"bailian": ScriptedRemote("bailian")}
    ) as house:
        await keep_files(house, job)
        await house.store.jobs.add(job)
        serve(house, lane)
        await until(lambda: after in house.seen)
        await house.store.queue.rest(5)

        assert house.store.reads[job.id] == 1


async def test_a_step_that_is_cancelled_with_its_job_reads_no_row_again(tmp_path: Path) -> None:
    job = a_job(**READY)
    async with opened(tmp_path, serves=False) as house:
        await keep_files(house, job)
        house.engine.acts = [render_for_ever]
        await house.store.jobs.add(job)
        serve(house, "engine:camera")
        await until(lambda: house.engine.under_way == 1)
        await house.store.jobs.change(job.id, cancelled(house.clock_ms(), is_hidden=True))
        await until(lambda: house.engine.under_way == 0)
        await house.store.queue.rest(5)

        assert house.store.reads[job.id] == 1
        assert not house.folder(job.id).exists()
