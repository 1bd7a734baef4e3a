"""The runner's steps begun again after a crash, and ended early by a caller or by the server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.jobs import a_job
from support.requests import URL
from support.scripted_engine import die, render_for_ever, render_well
from support.scripted_fetches import PNG
from support.scripted_house import opened
from support.scripted_media import VIDEO
from support.waits import until
from unstill.domain.engine import Report, Scene
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.progress.board import RENDERED

AT_ONCE_S = 4.0  # on a busy machine; what is not ended is waited for longer


async def end_slowly(scene: Scene, report: Report) -> None:
    try:
        await render_for_ever(scene, report)
    finally:
        await asyncio.sleep(0.2)


# --- begun again ------------------------------------------------------------------------------


async def test_what_a_video_was_made_by_is_told_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.label = "camera; kind=loads"
        untold = await house.until(await house.submit())
        house.engine.made_by = "camera; kind=made; steps=4"
        job_id = (await house.until(await house.submit())).id
    async with opened(tmp_path) as house:
        job = await house.job(job_id)

        assert untold.result is None
        assert house.service.made_by(untold) == "camera"
        assert house.service.made_by(job) == "camera; kind=made; steps=4"
        house.engine.label = "camera; kind=loads"
        assert house.service.made_by(untold) == "camera; kind=loads"
        assert house.service.made_by(a_job(engine="gone")) == "gone"


async def test_the_words_that_had_no_effect_are_told_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        heard = await house.until(await house.submit())
        house.engine.unheard = ("waves crash", "头发飘动")
        job_id = (await house.until(await house.submit())).id
    async with opened(tmp_path) as house:
        job = await house.job(job_id)

        assert heard.unheard == ()
        assert job.unheard == ("waves crash", "头发飘动")


async def test_a_render_after_a_restart_knows_of_the_deaths_before_it(tmp_path: Path) -> None:
    job = a_job(state=State.RUNNING, attempt=2, deaths=1, size=Size(640, 480))
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, "first-frame", PNG)
    async with opened(tmp_path) as house:
        await house.until(job.id)

        assert [scene.deaths for scene in house.engine.scenes] == [1]


async def test_a_frame_that_was_fetched_before_the_crash_is_not_fetched_again(
    tmp_path: Path,
) -> None:
    job = a_job()
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, "first-frame", PNG)
    async with opened(tmp_path) as house:
        ended = await house.until(job.id)

        assert (ended.state, house.fetcher.urls) == (State.SUCCEEDED, [])


async def test_a_render_that_was_under_way_at_the_crash_is_done_again(tmp_path: Path) -> None:
    job = a_job(state=State.RUNNING, attempt=1, size=Size(640, 480))
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, "first-frame", PNG)
        await house.files.keep(job.id, "video-1.part", b"half a vid")
    async with opened(tmp_path) as house:
        ended = await house.until(job.id)

        assert (ended.state, ended.attempt, ended.deaths) == (State.SUCCEEDED, 2, 0)
        assert house.names(job.id) == {"first-frame", "video-2.mp4"}


async def test_a_render_that_a_stop_or_a_crash_interrupted_is_the_first_to_be_done_again(
    tmp_path: Path,
) -> None:
    jobs = [
        a_job(id=job_id, state=state, attempt=1, size=Size(640, 480))
        for job_id, state in (("b", State.RUNNING), ("c", State.READY), ("a", State.READY))
    ]
    async with opened(tmp_path, serves=False) as house:
        for job in jobs:
            await house.store.jobs.add(job)
            await house.files.keep(job.id, "first-frame", PNG)
    async with opened(tmp_path, serves=False) as house:
        house.engine.acts.extend([render_well, render_for_ever])
        await house.runner.startup()
        await house.until("b", State.RUNNING)
    async with opened(tmp_path) as house:
        await house.until("c")

        assert [scene.job_id for scene in house.engine.scenes] == ["b", "c"]


@pytest.mark.parametrize("name", ["video-1.part", "video-1.mp4"])
async def test_a_video_is_brought_home_whichever_side_of_its_rename_the_crash_was(
    tmp_path: Path, name: str
) -> None:
    job = a_job(state=State.SAVING, attempt=1, size=Size(640, 480))
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
        await house.files.keep(job.id, name, VIDEO)
    async with opened(tmp_path) as house:
        ended = await house.until(job.id)

        assert (ended.state, house.engine.scenes) == (State.SUCCEEDED, [])
        assert house.names(job.id) == {"video-1.mp4"}


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_a_job_that_had_ended_is_left_alone(tmp_path: Path, state: State) -> None:
    job = a_job(state=state, attempt=1)
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
    async with opened(tmp_path) as house:
        other = await house.until(await house.submit())

        assert other.state is State.SUCCEEDED
        assert await house.job(job.id) == job


async def test_a_job_of_an_engine_that_was_removed_waits_and_is_named_at_the_start(
    tmp_path: Path,
) -> None:
    job = a_job(engine="gpu")
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)
    with capture_logs() as logs:
        async with opened(tmp_path) as house:
            waiting = await house.until(job.id, State.READY)

    assert waiting.failure is None
    assert [log["engine"] for log in logs if log["event"] == "engine_missing"] == ["gpu"]


# --- ended early ------------------------------------------------------------------------------


async def test_a_cancelled_render_is_stopped_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [render_for_ever]
        job_id = await house.submit()
        await until(lambda: house.engine.under_way == 1)
        asked_at = time.monotonic()
        await house.service.delete(job_id, Owner("team-a"))
        await until(lambda: house.engine.under_way == 0)

        assert time.monotonic() - asked_at < AT_ONCE_S
        assert (await house.job(job_id)).state is State.CANCELLED


async def test_a_cancelled_job_stays_cancelled_when_the_engine_finishes_late(
    tmp_path: Path,
) -> None:
    finished = asyncio.Event()

    async def finish_anyway(scene: Scene, report: Report) -> None:
        try:
            await render_for_ever(scene, report)
        except asyncio.CancelledError:
            report(1.0)
            finished.set()

    async with opened(tmp_path) as house:
        house.engine.acts = [finish_anyway]
        job_id = await house.submit()
        await until(lambda: house.engine.under_way == 1)
        await house.service.delete(job_id, Owner("team-a"))
        await finished.wait()
        other = await house.until(await house.submit())

        assert other.state is State.SUCCEEDED
        assert (await house.job(job_id)).state is State.CANCELLED
        shown = house.outlook.progress(await house.job(job_id))
        assert shown == pytest.approx(0.5 * RENDERED)  # not the late report's


async def test_a_cancel_that_overtakes_the_answer_to_the_start_ends_the_render(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [render_for_ever]
        house.store.late = State.RUNNING
        job_id = await house.submit(PNG)
        await house.until(job_id, State.RUNNING)
        await house.service.delete(job_id, Owner("team-a"))
        house.store.answers.set()
        house.engine.acts = []
        other = await house.until(await house.submit())

        assert other.state is State.SUCCEEDED
        assert house.engine.under_way == 0


async def test_a_deleted_jobs_fetch_ends_at_once(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with opened(tmp_path) as house:
            house.fetcher.gate.clear()
            job_id = await house.submit()
            await until(lambda: house.fetcher.urls == [URL])
            await house.service.delete(job_id, Owner("team-a"))
            await until(lambda: not house.folder(job_id).exists())
            ended = await house.job(job_id)

    assert ended.state is State.CANCELLED
    assert {log["log_level"] for log in logs} == {"info"}


async def test_a_job_deleted_while_its_video_is_checked_leaves_no_files(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:

        async def render_and_hold(scene: Scene, report: Report) -> None:
            await render_well(scene, report)
            house.media.gate.clear()

        house.engine.acts = [render_and_hold]
        job_id = await house.submit()
        await house.until(job_id, State.SAVING)
        deleted = await house.service.delete(job_id, Owner("team-a"))
        was_there = house.names(job_id)
        house.media.gate.set()
        job = await house.until(job_id)
        await until(lambda: not house.folder(job_id).exists())

        assert (deleted.state, was_there) == (State.SAVING, {"first-frame", "video-1.part"})
        assert (job.state, job.is_hidden) == (State.SUCCEEDED, True)


async def test_a_stop_puts_renders_back_and_starts_no_others(tmp_path: Path) -> None:
    async with opened(tmp_path, slots=2) as house:
        house.engine.acts = [render_for_ever, end_slowly]
        ids = [await house.submit(PNG) for _ in range(4)]
        await until(lambda: house.engine.under_way == 2)
        await asyncio.gather(*(house.until(job_id, State.READY) for job_id in ids[2:]))
        began = time.monotonic()
        await house.runner.stop()
        await house.store.queue.rest(5)
        jobs = [await house.job(job_id) for job_id in ids]

        assert time.monotonic() - began < AT_ONCE_S
        assert {job.state for job in jobs} == {State.READY}
        assert (sum(job.deaths for job in jobs), len(house.engine.scenes)) == (0, 2)


async def test_a_stop_does_not_wait_for_a_picture(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.fetcher.gate.clear()
        job_id = await house.submit()
        await until(lambda: house.fetcher.urls == [URL])
        began = time.monotonic()
        await house.stop()
    async with opened(tmp_path) as house:
        job = await house.until(job_id)

        assert time.monotonic() - began < AT_ONCE_S
        assert job.state is State.SUCCEEDED


async def test_a_stop_in_the_middle_of_a_start_leaves_nothing_running(tmp_path: Path) -> None:
    for turn in range(10):
        async with opened(tmp_path / str(turn), slots=4) as house:
            house.engine.acts = [render_for_ever] * 4
            ids = [await house.submit(PNG) for _ in range(4)]
            await asyncio.sleep(turn / 1000)
            await house.runner.stop()
            await house.store.queue.rest(5)
            states = {(await house.job(job_id)).state for job_id in ids}

            assert states <= {State.QUEUED, State.READY}


async def test_files_that_cannot_be_removed_are_no_trouble_of_the_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job_id = await house.submit()
        await house.until(job_id)
        (house.folder(job_id)).rename(tmp_path / "elsewhere")
        house.folder(job_id).write_text("a file where a folder should be")
        with capture_logs() as logs:
            deleted = await house.service.delete(job_id, Owner("team-a"))

        assert deleted.is_hidden
        assert [log["event"] for log in logs if log["log_level"] == "warning"] == [
            "files_not_removed"
        ]


async def test_progress_stands_still_while_a_dead_engines_work_is_done_again(
    tmp_path: Path,
) -> None:
    async def die_and_report_late(scene: Scene, report: Report) -> None:  # at 90 %
        try:
            await die(scene, report)
        finally:
            asyncio.get_running_loop().call_later(0.2, report, 0.95)

    async with opened(tmp_path) as house:
        house.engine.acts = [die_and_report_late, render_for_ever]  # the latter at 50 %
        job_id = await house.submit()
        shown: list[float] = []
        while len(house.engine.scenes) < 2:
            shown.append(house.outlook.progress(await house.job(job_id)))
            await asyncio.sleep(0.002)
        shown.append(house.outlook.progress(await house.job(job_id)))

        assert shown == sorted(shown)
        assert shown[-1] == pytest.approx(0.9 * RENDERED)
