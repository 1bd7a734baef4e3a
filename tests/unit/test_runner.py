"""The steps of the runner: each one's way, each one's errors, each begun again and ended early."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.requests import URL
from support.scripted_engine import die, render_for_ever
from support.scripted_fetches import PNG
from support.scripted_house import opened
from support.scripted_media import VIDEO
from support.waits import until
from unstill.domain.engine import Report, Scene
from unstill.domain.errors import BadImage, EngineDied, FetchFailed, StorageFailed, StorageFull
from unstill.domain.job import Change, Failure, State, Usage
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.steps.runner import FRAMES_SLOTS


async def run_out_of_room(scene: Scene, report: Report) -> None:
    del scene, report
    raise StorageFull("no room")


async def write_half(scene: Scene, report: Report) -> None:
    del report
    scene.out.write_bytes(VIDEO[:5])


async def stumble(scene: Scene, report: Report) -> None:
    raise ZeroDivisionError(scene, report)


async def find_the_disk_read_only(scene: Scene, report: Report) -> None:
    del scene, report
    raise StorageFailed("the server could not store a file: Read-only file system")


# --- the way through --------------------------------------------------------------------------


async def test_a_picture_behind_a_url_becomes_a_video(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job_id = await house.submit(URL)
        job = await house.until(job_id)
        await until(lambda: State.SUCCEEDED in house.seen)  # told a moment after it is stored

        assert job.state is State.SUCCEEDED
        assert house.seen == ["queued", "ready", "running", "saving", "succeeded"]
        assert house.fetcher.urls == [URL]
        assert house.names(job_id) == {"first-frame", "video-1.mp4"}


async def test_slow_picture_hosts_of_one_owner_hold_up_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.fetcher.gate.clear()
        for _ in range(100):
            await house.submit(URL, owner=Owner("ann"))
        of_ann = len(house.fetcher.urls)
        await house.submit("https://bob.example/cat.jpg", owner=Owner("bob"))
        await until(lambda: len(house.fetcher.urls) > of_ann)
        house.fetcher.gate.set()

        assert of_ann == FRAMES_SLOTS // 2
        assert house.fetcher.urls[of_ann] == "https://bob.example/cat.jpg"


async def test_an_inline_picture_is_never_fetched(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job_id = await house.submit(PNG)
        job = await house.until(job_id)

        assert job.state is State.SUCCEEDED
        assert house.fetcher.urls == []


async def test_the_engine_gets_all_that_the_job_is_made_of(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job_id = await house.submit(PNG, URL)
        job = await house.until(job_id)
        [scene] = house.engine.scenes

        assert (scene.job_id, scene.request, scene.size) == (job_id, job.request, job.size)
        assert scene.size == Size(1920, 1080)
        assert {role: path.read_bytes() for role, path in scene.frames.items()} == {
            "first": PNG,
            "last": PNG,
        }


async def test_the_row_holds_what_was_measured_of_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await house.until(await house.submit())

        assert job.video is not None
        assert job.usage is not None
        assert job.ended_ms is not None
        assert (job.video.file_name, job.video.size_bytes) == ("video-1.mp4", len(VIDEO))
        assert (job.usage.duration_s, job.usage.tier_height) == (5, 1080)


async def test_renders_beyond_the_slots_wait(tmp_path: Path) -> None:
    async with opened(tmp_path, slots=2) as house:
        house.engine.acts = [render_for_ever, render_for_ever]
        ids = [await house.submit() for _ in range(3)]
        await until(lambda: house.engine.under_way == 2)
        running = [scene.job_id for scene in house.engine.scenes]
        (waiting,) = set(ids) - set(running)
        await house.until(waiting, State.READY)
        await house.service.delete(running[0], Owner("team-a"))

        assert (await house.until(waiting)).state is State.SUCCEEDED


async def test_each_change_of_a_job_is_one_line_in_the_log(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        with capture_logs() as logs:
            job_id = await house.submit()
            await until(lambda: State.SUCCEEDED in house.seen)
        lines = [log for log in logs if log["event"] == "job"]

        assert [line["state"] for line in lines] == house.seen
        assert {line["job_id"] for line in lines} == {job_id}
        assert {"model", "engine", "attempt", "elapsed_s"} <= lines[0].keys()


async def test_a_finished_job_that_is_deleted_has_not_succeeded_twice_in_the_log(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        with capture_logs() as logs:
            job_id = await house.submit()
            await house.until(job_id)
            await house.service.delete(job_id, Owner("team-a"))
        ends = [log["event"] for log in logs if log.get("state") == "succeeded"]

        assert ends == ["job", "job_deleted"]


async def test_progress_is_told_while_it_is_rendered(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [render_for_ever]
        job_id = await house.submit()
        await until(lambda: house.engine.under_way == 1)

        assert house.outlook.progress(await house.job(job_id)) == pytest.approx(0.485)


# --- errors -----------------------------------------------------------------------------------


async def test_a_frame_that_cannot_be_fetched_fails_in_the_callers_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.fetcher.troubles = [FetchFailed("answered 404")]
        job_id = await house.submit(PNG, URL)
        job = await house.until(job_id)

        param = "input.last_frame_url"
        assert job.failure == Failure("invalid_image", f"{param}: answered 404", param)
        assert job.usage is not None
        assert job.usage.duration_s == 0
        assert house.engine.scenes == []


async def test_a_frame_that_cannot_be_decoded_fails_in_the_callers_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.media.troubles = [BadImage("input.first_frame_url", "is cut short")]
        job = await house.until(await house.submit())

        param = "input.first_frame_url"
        assert job.failure == Failure("invalid_image", f"{param}: is cut short", param)


async def test_a_media_child_that_has_died_fails_the_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.media.troubles = [EngineDied("media", "killed")]
        job = await house.until(await house.submit())

        assert job.failure is not None
        assert (job.failure.code, len(house.media.checks)) == ("engine_died", 1)


async def test_what_an_engine_tells_of_its_render_is_the_jobs_usage(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.usage = {"video_count": 3}
        told = await house.until(await house.submit())
        house.engine.usage = {}
        untold = await house.until(await house.submit())

        assert told.usage == Usage(duration_s=5, video_count=3, tier_height=1080)
        assert untold.usage == Usage(duration_s=5, video_count=1, tier_height=1080)
        assert untold.result is None


async def test_an_engine_that_dies_once_renders_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [die]
        job_id = await house.submit()
        job = await house.until(job_id)

        assert (job.state, job.attempt, job.deaths) == (State.SUCCEEDED, 2, 1)
        assert [scene.deaths for scene in house.engine.scenes] == [0, 1]
        assert house.names(job_id) == {"first-frame", "video-2.mp4"}


async def test_an_engine_that_dies_twice_fails_with_its_last_words(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [die, die]
        job = await house.until(await house.submit())

        assert (job.state, job.attempt) == (State.FAILED, 2)
        assert job.failure is not None
        assert job.failure.code == "engine_died"
        assert "OSError: out of memory" in job.failure.message
        assert "/srv" not in job.failure.message


async def test_a_video_that_is_not_whole_fails_the_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [write_half]
        job_id = await house.submit()
        job = await house.until(job_id)

        assert job.failure == Failure("invalid_video", "the video is not whole")
        assert len(house.engine.scenes) == 1
        assert "video-1.mp4" not in house.names(job_id)


async def test_a_fault_of_ours_ends_one_job_and_not_its_lane(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [stumble]
        with capture_logs() as logs:
            first = await house.until(await house.submit())
            second = await house.until(await house.submit())

        assert first.failure == Failure("internal_error", "ZeroDivisionError in unstill itself")
        assert second.state is State.SUCCEEDED
        assert [log["event"] for log in logs if log["log_level"] == "error"] == ["step_failed"]


# --- no room ----------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [State.READY, State.RUNNING, State.SAVING, State.SUCCEEDED])
async def test_a_full_disk_delays_a_job_and_does_not_fail_it(tmp_path: Path, to: State) -> None:
    async with opened(tmp_path) as house:
        house.store.is_refused = lambda change: change.to is to and house.store.refused < 1
        job = await house.until(await house.submit())

        assert house.store.refused == 1
        assert (job.state, len(house.engine.scenes)) == (State.SUCCEEDED, 1)


async def test_a_job_that_waits_for_room_says_so_until_it_moves(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.store.is_refused = lambda change: change.to is State.READY
        job_id = await house.submit()
        await until(lambda: house.stalls.jobs > 0)
        waiting = await house.store.jobs.find(job_id)
        assert waiting is not None
        stall = house.stalls.of(waiting)
        house.store.is_refused = lambda _: False
        await house.until(job_id)

        assert stall is not None
        assert stall.code == "storage_full"
        assert house.stalls.jobs == 0


async def test_a_failure_is_told_even_when_the_disk_was_full_for_it(tmp_path: Path) -> None:
    def is_first_failure(change: Change) -> bool:
        return change.to is State.FAILED and house.store.refused < 1

    async with opened(tmp_path) as house:
        house.store.is_refused = is_first_failure
        house.engine.acts = [die, die]
        job = await house.until(await house.submit())

        assert (job.state, house.store.refused) == (State.FAILED, 1)


async def test_a_fetch_without_room_is_tried_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.fetcher.troubles = [OSError(28, "No space left on device")]
        job = await house.until(await house.submit())

        assert (job.state, len(house.fetcher.urls)) == (State.SUCCEEDED, 2)


async def test_a_render_without_room_is_no_death(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [run_out_of_room]
        job = await house.until(await house.submit())

        assert (job.state, job.attempt, job.deaths) == (State.SUCCEEDED, 2, 0)


async def test_jobs_that_no_render_can_store_say_so_until_one_could(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.engine.acts = [find_the_disk_read_only]
        job_id = await house.submit()
        await until(lambda: house.seen.count(State.READY) == 2)
        put_back = await house.store.jobs.find(job_id)
        assert put_back is not None
        stall = house.stalls.of(put_back)

        assert stall is not None
        assert (stall.code, stall.message[-21:]) == ("storage_failed", "Read-only file system")
        assert [name for name, *_ in house.stalls.engines()] == [put_back.engine]

        await house.until(job_id)
        assert list(house.stalls.engines()) == []


async def test_storage_that_fails_is_not_the_jobs_fault(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.media.troubles = [StorageFailed("the disk does not answer")]
        job = await house.until(await house.submit())

        assert job.state is State.SUCCEEDED


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EIO])
async def test_a_want_of_files_or_a_disk_that_fails_ends_no_job(
    tmp_path: Path, number: int
) -> None:
    async with opened(tmp_path) as house:
        house.media.troubles = [OSError(number, os.strerror(number))]
        house.engine.acts = [find_the_disk_read_only]
        job = await house.until(await house.submit(PNG))

        assert (job.state, job.deaths, job.attempt) == (State.SUCCEEDED, 0, 2)


async def test_a_fault_that_is_no_storages_still_ends_its_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        house.media.troubles = [OSError(errno.EINVAL, "Invalid argument")]
        job = await house.until(await house.submit(PNG))

        assert job.failure is not None
        assert job.failure.code == "internal_error"
