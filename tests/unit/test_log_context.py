"""Lines of the log that name no job: they have that of the step in which they are written."""

from __future__ import annotations

import asyncio

import structlog
from structlog.testing import capture_logs

from support.child_pools import Words, children
from support.jobs import a_job
from unstill.domain.log_fields import job_fields
from unstill.system.log_context import add_job, lines_about

log = structlog.get_logger()
OURS, OTHER = a_job(request_id="r-1"), a_job(request_id="r-2")


async def test_a_line_in_a_step_has_its_job_also_from_a_task_that_is_begun_there() -> None:
    async def later() -> None:
        await asyncio.sleep(0)
        log.info("later")

    with capture_logs([add_job]) as logs:
        with lines_about(job_fields(OURS)):
            log.info("within")
            begun = asyncio.create_task(later())
        log.info("after")
        await begun
    written = {each.pop("event"): each for each in logs}

    assert written["within"] == written["later"] == job_fields(OURS) | {"log_level": "info"}
    assert written["after"] == {"log_level": "info"}


def test_a_line_about_another_job_gets_nothing_of_the_steps() -> None:
    with capture_logs([add_job]) as logs, lines_about(job_fields(OURS)):
        log.info("its_own", **job_fields(OTHER))
        log.info("id_alone", job_id=OTHER.id)
        log.info("same_id", job_id=OURS.id, why="so")
    own, alone, same = logs

    assert own["request_id"] == "r-2"
    assert alone.keys() == {"event", "job_id", "log_level"}
    assert (same["owner"], same["request_id"], same["why"]) == (OURS.owner, "r-1", "so")


async def test_a_childs_note_has_the_job_that_it_works_for() -> None:
    async with children() as pool:
        with capture_logs([add_job]) as logs, lines_about(job_fields(OURS)):
            await pool.run("note_well", Words(), type(None))

    assert logs[0]["event"] == "weights_loaded"
    assert job_fields(OURS).items() <= logs[0].items()
