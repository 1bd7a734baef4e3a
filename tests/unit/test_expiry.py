"""The expiry: what is kept for a while only goes then, and nothing else ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.jobs import a_job
from support.requests import a_request
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.scripted_media import VIDEO as BYTES
from unstill.domain.errors import NoSuchJob
from unstill.domain.file_errors import VideoRemoved
from unstill.domain.job import FINAL, State, Video
from unstill.domain.request import Frame
from unstill.steps.expiry import FAILED_PICTURES_MS, LONGEST_INTERVAL_MS, Expiry, KeepTimes
from unstill.system.clock import clock_ms

DAY_MS = 24 * 3600 * 1000
VIDEO = Video("video-1.mp4", 1280, 720, 5.0, 30.0, 150, len(BYTES), has_audio=True)
ALL = {"first-frame", "video-1.mp4", "thumbnail.webp"}


async def keep(house: House, state: State, *, age_ms: int, **fields: Any) -> str:
    """A job that ended so long ago, with a picture; with a video where it has one."""
    ended_ms = clock_ms() - age_ms if state in FINAL else None
    made = {"video": VIDEO} if state is State.SUCCEEDED else {}
    request = a_request(first_frame=Frame("first", "img_url", sha256="ab" * 32))
    job = a_job(state=state, ended_ms=ended_ms, request=request, **made | fields)
    await house.store.jobs.add(job)
    await house.files.keep(job.id, "first-frame", PNG)
    if made:
        await house.files.keep(job.id, VIDEO.file_name, BYTES)
        await house.files.keep(job.id, "thumbnail.webp", b"picture")
    return job.id


def expiry(house: House, **terms: int) -> Expiry:
    return Expiry(
        terms=KeepTimes(**terms),
        retention=house.store.retention,
        files=house.files,
        clock_ms=house.clock_ms,
    )


async def test_without_terms_only_the_pictures_of_failed_jobs_go_and_after_a_day(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        made = await keep(house, State.SUCCEEDED, age_ms=10_000 * DAY_MS)
        over, young = FAILED_PICTURES_MS + 1000, FAILED_PICTURES_MS - 60_000
        failed = await keep(house, State.FAILED, age_ms=over)
        cancelled = await keep(house, State.CANCELLED, age_ms=over)
        fresh = await keep(house, State.FAILED, age_ms=young)
        running = await keep(house, State.RUNNING, age_ms=over)
        looking = expiry(house)
        await looking.look()

        assert looking.removals.jobs["failed_pictures"] == 2
        assert house.names(made) == ALL
        assert house.names(failed) == house.names(cancelled) == set()
        assert house.names(fresh) == house.names(running) == {"first-frame"}
        assert (await house.job(failed)).state is State.FAILED


async def test_what_has_gone_is_counted_in_jobs_and_bytes_and_what_stays_is_not(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        for age_ms in (DAY_MS + 1000, DAY_MS + 2000, DAY_MS - 60_000):
            await keep(house, State.SUCCEEDED, age_ms=age_ms)
        await keep(house, State.FAILED, age_ms=FAILED_PICTURES_MS + 1000)
        rounds = expiry(house, videos_ms=DAY_MS)
        before = dict(rounds.removals.jobs)
        await rounds.look()
        await rounds.look()

    assert before == {"video": 0, "failed_pictures": 0}
    assert rounds.removals.jobs == {"video": 2, "failed_pictures": 1}
    assert rounds.removals.freed_bytes == {
        "video": 2 * (len(BYTES) + len(b"picture")),
        "failed_pictures": len(PNG),
    }


async def test_a_video_goes_with_its_pictures_when_its_time_is_over_and_says_so(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        over = await keep(house, State.SUCCEEDED, age_ms=DAY_MS + 1000)
        young = await keep(house, State.SUCCEEDED, age_ms=DAY_MS - 60_000)
        await expiry(house, videos_ms=DAY_MS).look()
        job = await house.job(over)
        with pytest.raises(VideoRemoved, match="was removed on 20"):
            await house.downloads.file(job, "video", str)
        with pytest.raises(VideoRemoved):
            await house.downloads.file(job, "thumbnail", str)

        assert house.names(over) == {"first-frame"}
        assert house.names(young) == ALL
        assert house.downloads.link(job) is not None  # it leads to the words
        assert VideoRemoved.status == 410


async def test_pictures_go_when_their_time_is_over_and_the_video_stays(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        over = await keep(house, State.SUCCEEDED, age_ms=DAY_MS + 1000)
        young = await keep(house, State.SUCCEEDED, age_ms=DAY_MS - 60_000)
        await expiry(house, pictures_ms=DAY_MS).look()

        assert house.names(over) == ALL - {"first-frame"}
        assert house.names(young) == ALL


@pytest.mark.parametrize("terms", [(1, 2), (2, 1), (1, 1)])
async def test_a_job_that_has_lost_both_has_no_folder(
    tmp_path: Path, terms: tuple[int, int]
) -> None:
    async with opened(tmp_path, serves=False) as house:
        over = await keep(house, State.SUCCEEDED, age_ms=3 * DAY_MS)
        videos, pictures = terms
        await expiry(house, videos_ms=videos * DAY_MS, pictures_ms=pictures * DAY_MS).look()

        assert not house.folder(over).exists()
        assert (await house.job(over)).state is State.SUCCEEDED


async def test_a_row_goes_when_its_time_is_over_with_all_that_its_job_has(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        over = await keep(house, State.SUCCEEDED, age_ms=DAY_MS + 1000)
        young = await keep(house, State.SUCCEEDED, age_ms=DAY_MS - 60_000)
        unfinished = await keep(house, State.SAVING, age_ms=0)
        await expiry(house, rows_ms=DAY_MS).look()
        with pytest.raises(NoSuchJob):
            await house.service.find(over, (await house.job(young)).owner)

        assert not house.folder(over).exists()
        assert house.names(young) == ALL
        assert house.names(unfinished) == {"first-frame"}


async def test_a_round_that_was_killed_between_a_file_and_its_row_is_done_by_the_next(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        over = await keep(house, State.SUCCEEDED, age_ms=DAY_MS + 1000)
        await house.files.discard(over, VIDEO.file_name)
        await expiry(house, videos_ms=DAY_MS).look()
        await expiry(house, videos_ms=DAY_MS).look()
        video = (await house.job(over)).video

        assert video is not None
        assert video.removed_ms is not None


@pytest.mark.parametrize(
    ("terms", "interval_ms"),
    [
        ({}, LONGEST_INTERVAL_MS),
        ({"videos_ms": DAY_MS}, LONGEST_INTERVAL_MS),
        ({"rows_ms": 100_000}, 5_000),
        ({"pictures_ms": 1}, 1_000),
    ],
)
def test_short_terms_are_looked_after_more_often(terms: dict[str, int], interval_ms: int) -> None:
    assert KeepTimes(**terms).interval_ms == interval_ms
