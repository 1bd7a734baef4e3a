"""Saving a finished video: fetched if it is elsewhere, checked, put in its place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from support.jobs import a_job
from support.scripted_media import VIDEO, Checks
from support.scripted_upstream import ScriptedRemote
from support.waits import until
from unstill.domain.backoff import SAVE
from unstill.domain.errors import EngineDied, StorageFull, UpstreamError
from unstill.domain.job import Job, Result, State, Usage, apply
from unstill.domain.request import Size
from unstill.files.local import LocalFiles
from unstill.media.errors import BadVideo
from unstill.media.tasks import VideoCheck
from unstill.progress.stalls import Stalls
from unstill.steps.save import Saver
from unstill.steps.save_retries import LEAST_TRIES, MOST_TOO_LARGE, MOST_TRIES
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import Done, NotThere, TooLarge

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
LINK = "https://results.example.com/v.mp4"


class Home:
    """A bringer with one upstream, and the folder it brings to."""

    def __init__(self, data_dir: Path) -> None:
        self.files = LocalFiles(data_dir)
        self.media = Checks()
        self.remote = ScriptedRemote()
        self.now_ms = NOW_MS
        self.stalls = Stalls(lambda: self.now_ms)
        self.bringer = Saver(
            files=self.files,
            media=self.media,
            remotes={"bailian": self.remote},
            stalls=self.stalls,
            clock_ms=lambda: self.now_ms,
            uptime_ms=lambda: self.now_ms,
        )

    async def brought(self, job: Job) -> Job:
        after = apply(job, await self.bringer.save(job))
        assert after is not None
        return after

    async def tried(self, job: Job, trouble: Exception | bytes, *, until_ms: int) -> Job:
        """Bring again and again, each time when the job is due, while this is what comes."""
        while self.now_ms < until_ms:
            self.remote.fetches = [trouble]
            job = await self.brought(job)
            self.now_ms = job.due_ms
        return job

    def names(self, job: Job) -> set[str]:
        return {path.name for path in self.files.path(job.id, "x").parent.iterdir()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def elsewhere(
    usage: dict[str, int | float] | None = None, *, deadline_ms: int = NOW_MS + DAY_MS
) -> Job:
    """A job whose video an upstream has."""
    return a_job(
        engine="bailian",
        state=State.SAVING,
        attempt=2,
        ticket="t-1",
        upstream_model="wan2.7-i2v",
        result=Result(LINK, usage or {}),
        started_ms=NOW_MS,
        deadline_ms=deadline_ms,
    )


def quiet(job: Job) -> Job:
    request = msgspec.structs.replace(job.request, generate_audio=False)
    return msgspec.structs.replace(job, request=request)


async def rendered(home: Home) -> Job:
    """A job that a local engine has rendered."""
    job = a_job(state=State.SAVING, attempt=1)
    home.files.path(job.id, "x").parent.mkdir(parents=True)
    home.files.path(job.id, "video-1.part").write_bytes(VIDEO)
    return job


async def test_a_video_elsewhere_is_fetched_with_its_ticket_and_link(home: Home) -> None:
    job = elsewhere()
    home.remote.fetches = [VIDEO]

    after = await home.brought(job)

    ((ticket, done),) = home.remote.fetched
    assert (ticket.id, ticket.upstream_model) == ("t-1", "wan2.7-i2v")
    assert done == Done(LINK, {})
    assert after.state is State.SUCCEEDED
    assert after.video is not None
    assert after.video.file_name == "video-2.mp4"
    assert home.names(job) == {"video-2.mp4"}


async def test_an_upstreams_video_may_have_any_length_ours_not(home: Home) -> None:
    home.remote.fetches = [VIDEO]
    await home.brought(elsewhere())
    await home.brought(await rendered(home))

    remote, local = (check for check in home.media.checks if isinstance(check, VideoCheck))
    assert (remote.duration_s, local.duration_s) == (None, 5.0)


@pytest.mark.parametrize(
    ("got_s", "seconds"), [(0.4, 1), (4.04, 4), (5.06, 5), (5.49, 5), (5.5, 6), (6.06, 6), (15, 15)]
)
async def test_a_video_of_another_length_is_kept_and_its_true_length_told(
    home: Home, got_s: float, seconds: int
) -> None:
    home.remote.fetches = [VIDEO]
    home.media.length_s = got_s

    with capture_logs() as logs:
        after = await home.brought(elsewhere({"duration": 5}))

    assert after.state is State.SUCCEEDED
    assert after.video is not None
    assert after.usage is not None
    assert (after.video.duration_s, after.usage.duration_s) == (got_s, seconds)
    assert after.seconds == seconds
    told = [each["length"] for each in logs if each["event"] == "video_not_as_asked"]
    assert told == ([f"asked 5 s, got {got_s:.2f} s"] if abs(got_s - 5) > 1 else [])


async def test_a_video_without_the_sound_or_shape_that_was_asked_for_is_kept_and_told(
    home: Home,
) -> None:
    job = elsewhere()
    request = msgspec.structs.replace(job.request, generate_audio=True)
    job = msgspec.structs.replace(job, request=request, size=Size(720, 1280))
    home.remote.fetches = [VIDEO]
    home.media.has_audio = False

    with capture_logs() as logs:
        after = await home.brought(job)

    assert after.state is State.SUCCEEDED
    [told] = [each for each in logs if each["event"] == "video_not_as_asked"]
    assert told["sound"] == "asked for, got none"
    assert told["size"] == "asked 720x1280, got 1280x720"


@pytest.mark.parametrize("size", [Size(1280, 720), Size(1280, 704), Size(832, 480), None])
async def test_a_video_as_it_was_asked_for_is_told_of_in_no_log(
    home: Home, size: Size | None
) -> None:
    home.remote.fetches = [VIDEO]

    with capture_logs() as logs:
        await home.brought(msgspec.structs.replace(elsewhere(), size=size))

    assert logs == []


async def test_tier_and_count_of_the_usage_are_what_the_upstream_billed(home: Home) -> None:
    home.remote.fetches = [VIDEO]
    home.media.length_s = 6.0

    after = await home.brought(elsewhere({"duration": 5, "SR": 480, "video_count": 2}))

    assert after.usage == Usage(duration_s=6, video_count=2, tier_height=480)


async def test_where_the_upstream_says_nothing_usage_is_what_was_asked_for(home: Home) -> None:
    home.remote.fetches = [VIDEO]

    after = await home.brought(elsewhere())

    assert after.usage == Usage(duration_s=5, video_count=1, tier_height=720)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("the upstream is away"),
        NotThere("not there yet"),
        TooLarge("is larger than 512 MB"),
        EngineDied("media", "Killed"),  # by this file
        b"half a vid",
        b"<html>",
        b"",
    ],
)
async def test_what_is_wrong_once_costs_no_video(home: Home, trouble: Exception | bytes) -> None:
    job = elsewhere()
    home.remote.fetches = [trouble, VIDEO]
    if isinstance(trouble, EngineDied):
        home.remote.fetches, home.media.troubles = [VIDEO, VIDEO], [trouble]

    again = await home.brought(job)
    after = await home.brought(again)

    assert (again.state, again.due_ms) == (State.SAVING, home.now_ms + SAVE.first_ms)
    assert again.lane == "again:bailian"
    assert after.state is State.SUCCEEDED


@pytest.mark.parametrize(
    ("trouble", "error", "least_s"),
    [
        (b"<html>", BadVideo, 240),
        (b"", BadVideo, 240),
        (b"half a vid", BadVideo, 240),
        (NotThere("no video"), NotThere, 240),
        (TooLarge("is larger than 512 MB"), TooLarge, 2),
    ],
)
async def test_what_stays_wrong_ends_the_job_after_minutes_or_where_it_costs_soon(
    home: Home, trouble: Exception | bytes, error: type[Exception], least_s: int
) -> None:
    job = elsewhere(deadline_ms=NOW_MS + DAY_MS)
    with pytest.raises(error):
        await home.tried(job, trouble, until_ms=NOW_MS + DAY_MS)

    assert home.now_ms - NOW_MS >= 1000 * least_s
    assert home.now_ms - NOW_MS <= 1000 * 2 * least_s
    assert len(home.remote.fetched) == (MOST_TOO_LARGE if error is TooLarge else MOST_TRIES)


async def test_trouble_is_waited_out_until_the_deadline(home: Home) -> None:
    job = elsewhere(deadline_ms=NOW_MS + DAY_MS)
    with capture_logs() as logs, pytest.raises(UpstreamError, match="the deadline: it is away"):
        await home.tried(job, Trouble("it is away"), until_ms=NOW_MS + 2 * DAY_MS)

    assert DAY_MS <= home.now_ms - NOW_MS < DAY_MS + SAVE.longest_ms
    told = [each for each in logs if each["event"] == "video_not_saved"]
    assert 5 < len(told) < 12
    assert told[0]["why"] == "it is away"


async def test_a_start_long_after_the_deadline_tries_often_enough_before_it_gives_up(
    home: Home,
) -> None:
    job = elsewhere(deadline_ms=NOW_MS - DAY_MS)
    with pytest.raises(UpstreamError):
        await home.tried(job, Trouble("it is away"), until_ms=NOW_MS + DAY_MS)

    assert len(home.remote.fetched) == LEAST_TRIES
    assert home.now_ms - NOW_MS >= 30_000


async def test_a_video_that_comes_after_the_deadline_is_kept(home: Home) -> None:
    home.remote.fetches = [VIDEO]

    after = await home.brought(elsewhere(deadline_ms=NOW_MS - DAY_MS))

    assert after.state is State.SUCCEEDED


@pytest.mark.parametrize("trouble", [Trouble("cut"), TooLarge("endless"), b"<html>"])
async def test_nothing_of_a_failed_try_stays_on_the_disk(
    home: Home, trouble: Exception | bytes
) -> None:
    job = elsewhere()
    home.files.path(job.id, "x").parent.mkdir(parents=True)
    home.files.path(job.id, "video-2.part").write_bytes(b"half a gigabyte")
    home.remote.fetches = [trouble]

    await home.brought(job)

    assert home.names(job) == set()


async def test_a_video_at_home_that_was_spoilt_is_fetched_anew(home: Home) -> None:
    job = elsewhere()
    home.files.path(job.id, "x").parent.mkdir(parents=True)
    home.files.path(job.id, "video-2.mp4").write_bytes(b"zeros")
    home.remote.fetches = [VIDEO]

    after = await home.brought(await home.brought(job))

    assert after.state is State.SUCCEEDED


async def test_a_failed_try_drops_nothing_that_another_server_has_brought_home_meanwhile(
    home: Home,
) -> None:
    job = elsewhere()
    home.remote.fetches = [b"no video"]
    home.media.gate.clear()
    trying = asyncio.create_task(home.brought(job))
    await until(lambda: len(home.media.checks) > 0)
    home.files.path(job.id, "video-2.mp4").write_bytes(VIDEO)
    home.media.gate.set()
    again = await trying

    assert again.state is State.SAVING
    assert home.names(job) == {"video-2.mp4"}
    assert (await home.brought(again)).state is State.SUCCEEDED


async def test_a_render_of_this_machine_that_is_no_video_ends_its_job_at_once(home: Home) -> None:
    job = await rendered(home)
    home.files.path(job.id, "video-1.part").write_bytes(b"half a vid")

    with pytest.raises(BadVideo):
        await home.brought(job)


async def test_a_render_that_another_server_brings_home_meanwhile_is_found_there(
    home: Home,
) -> None:
    job = await rendered(home)
    part = home.files.path(job.id, "video-1.part")
    home.media.troubles = [BadVideo("No such file or directory")]
    home.media.gate.clear()
    saving = asyncio.create_task(home.brought(job))
    await until(lambda: len(home.media.checks) > 0)
    part.rename(part.with_suffix(".mp4"))
    home.media.gate.set()
    after = await saving

    assert (after.state, after.video is not None) == (State.SUCCEEDED, True)
    assert home.names(job) == {"video-1.mp4"}


async def test_a_full_disk_says_nothing_of_the_video(home: Home) -> None:
    home.remote.fetches = [VIDEO] * 9
    for _ in range(9):
        home.media.troubles = [StorageFull("full")]
        with pytest.raises(StorageFull):
            await home.brought(elsewhere())


async def test_a_video_at_an_engine_that_was_removed_waits_for_it(home: Home) -> None:
    job = msgspec.structs.replace(elsewhere(), engine="removed")

    with capture_logs() as logs:
        after = await home.brought(job)

    assert after.lane == "again:removed"
    assert "removed that has the video is not configured" in logs[0]["why"]


async def test_sound_that_was_refused_is_cut(home: Home) -> None:
    job = quiet(elsewhere())
    home.remote.fetches = [VIDEO]

    after = await home.brought(job)

    assert after.video is not None
    assert after.video.file_name == "silent-2.mp4"
    assert home.names(job) == {"silent-2.mp4"}


@pytest.mark.parametrize("name", ["video-2.mp4", "silent-2.mp4"])
async def test_a_video_that_is_home_already_is_not_fetched_again(home: Home, name: str) -> None:
    job = quiet(elsewhere())
    home.files.path(job.id, "x").parent.mkdir(parents=True)
    home.files.path(job.id, name).write_bytes(VIDEO)

    after = await home.brought(job)

    assert home.remote.fetched == []
    assert after.video is not None
    assert after.video.file_name == name


async def test_parts_of_earlier_attempts_are_dropped(home: Home) -> None:
    job = elsewhere()
    home.files.path(job.id, "x").parent.mkdir(parents=True)
    home.files.path(job.id, "video-1.part").write_bytes(b"half")
    home.remote.fetches = [VIDEO]

    await home.brought(job)

    assert home.names(job) == {"video-2.mp4"}


async def test_a_render_of_this_machine_has_the_usage_that_its_engine_tells(home: Home) -> None:
    result = Result(usage={"video_count": 2, "SR": 480})
    job = msgspec.structs.replace(await rendered(home), result=result)

    after = await home.brought(job)

    assert home.remote.fetched == []
    assert after.usage == Usage(duration_s=5, video_count=2, tier_height=480)
