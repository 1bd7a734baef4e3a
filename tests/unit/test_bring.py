"""Bringing a finished video home: fetched if it is elsewhere, checked, put in its place."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scripted import VIDEO, Checks, a_job
from unstill.bring import FETCHES, REMOTE_TOLERANCE_S, Bringer
from unstill.engines.remote import Done
from unstill.engines.upstream import Trouble
from unstill.errors import EngineDied, UpstreamError
from unstill.files.local import LocalFiles
from unstill.job import Job, Result, State, Usage, apply
from unstill.media.errors import BadVideo
from unstill.media.facts import VideoCheck
from upstreams import ScriptedRemote

NOW_MS = 1_800_000_000_000
LINK = "https://results.example.com/v.mp4"


class Home:
    """A bringer with one upstream, and the folder it brings to."""

    def __init__(self, data_dir: Path) -> None:
        self.files = LocalFiles(data_dir)
        self.media = Checks()
        self.remote = ScriptedRemote()
        self.now_ms = NOW_MS
        self.bringer = Bringer(
            files=self.files,
            media=self.media,
            remotes={"bailian": self.remote},
            clock_ms=lambda: self.now_ms,
        )

    async def brought(self, job: Job) -> Job:
        after = apply(job, await self.bringer.bring(job))
        assert after is not None
        return after

    def names(self, job: Job) -> set[str]:
        return {path.name for path in self.files.path(job.id, "x").parent.iterdir()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def elsewhere(usage: dict[str, int | float] | None = None) -> Job:
    """A job whose video an upstream has."""
    return a_job(
        engine="bailian",
        state=State.SAVING,
        attempt=2,
        ticket="t-1",
        upstream_model="wan2.7-i2v",
        result=Result(LINK, usage or {}),
        started_ms=NOW_MS,
        deadline_ms=NOW_MS + 1,
    )


def quiet(job: Job) -> Job:
    request = msgspec.structs.replace(job.request, generate_audio=False)
    return msgspec.structs.replace(job, request=request)


async def rendered(home: Home) -> Job:
    """A job that a local engine has rendered."""
    job = a_job(state=State.SAVING, attempt=1)
    await home.files.prepare(job.id)
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


async def test_an_upstreams_length_may_be_off_by_a_group_of_frames_ours_not(home: Home) -> None:
    home.remote.fetches = [VIDEO]
    await home.brought(elsewhere())
    await home.brought(await rendered(home))

    remote, local = (check for check in home.media.checks if isinstance(check, VideoCheck))
    assert remote.tolerance_s == REMOTE_TOLERANCE_S
    assert local.tolerance_s < REMOTE_TOLERANCE_S


async def test_what_the_upstream_billed_is_the_jobs_usage(home: Home) -> None:
    home.remote.fetches = [VIDEO]

    after = await home.brought(elsewhere({"duration": 6, "SR": 480, "video_count": 1}))

    assert after.usage == Usage(duration_s=6, video_count=1, tier_height=480)


async def test_where_the_upstream_says_nothing_usage_is_what_was_asked_for(home: Home) -> None:
    home.remote.fetches = [VIDEO]

    after = await home.brought(elsewhere())

    assert after.usage == Usage(duration_s=5, video_count=1, tier_height=720)


async def test_a_download_that_is_not_whole_is_made_once_more(home: Home) -> None:
    home.remote.fetches = [b"half a vid", VIDEO]

    after = await home.brought(elsewhere())

    assert after.state is State.SUCCEEDED
    assert len(home.remote.fetched) == FETCHES


async def test_a_video_that_is_never_whole_is_refused(home: Home) -> None:
    home.remote.fetches = [b"<html>", b"<html>", VIDEO]

    with pytest.raises(BadVideo):
        await home.brought(elsewhere())
    assert len(home.remote.fetched) == FETCHES


@pytest.mark.parametrize("late_ms", [0, 1])
async def test_trouble_is_passed_on_and_ends_at_the_deadline(home: Home, late_ms: int) -> None:
    job = elsewhere()
    home.now_ms += late_ms
    home.remote.fetches = [Trouble("the upstream is away")]

    with pytest.raises(UpstreamError) as error:
        await home.brought(job)
    assert isinstance(error.value, Trouble) is (late_ms == 0)


async def test_a_video_at_an_engine_that_was_removed_waits_for_it(home: Home) -> None:
    job = msgspec.structs.replace(elsewhere(), engine="removed")

    with pytest.raises(Trouble, match="removed that has the video is not configured"):
        await home.brought(job)


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
    await home.files.prepare(job.id)
    home.files.path(job.id, name).write_bytes(VIDEO)

    after = await home.brought(job)

    assert home.remote.fetched == []
    assert after.video is not None
    assert after.video.file_name == name


async def test_parts_of_earlier_attempts_are_dropped(home: Home) -> None:
    job = elsewhere()
    await home.files.prepare(job.id)
    home.files.path(job.id, "video-1.part").write_bytes(b"half")
    home.remote.fetches = [VIDEO]

    await home.brought(job)

    assert home.names(job) == {"video-2.mp4"}


async def test_a_media_child_that_dies_is_asked_once_more(home: Home) -> None:
    home.media.troubles = [EngineDied("media", "Killed")]

    after = await home.brought(await rendered(home))

    assert after.state is State.SUCCEEDED
