"""The server's way to the media children."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from support.hostile import jpeg_of_many_scans
from support.waits import until
from unstill.domain.errors import BadImage, EngineDied
from unstill.media.errors import BadVideo
from unstill.media.facade import Media
from unstill.media.tasks import FrameCheck, FrameFacts, SoundCut, VideoCheck

PHOTOS = Path(__file__).parents[2] / "photos"
VIDEO = Path(__file__).parents[1] / "videos" / "av1-10-bit.mp4"


def frame(path: Path) -> FrameCheck:
    return FrameCheck(path=str(path), param="images[0]", min_side_px=240, max_ratio=2.5)


@pytest_asyncio.fixture
async def media() -> AsyncIterator[Media]:
    media = Media(size=1)
    yield media
    await media.close()


async def test_a_photo_is_checked_in_a_child(media: Media) -> None:
    facts = await media.check_frame(frame(PHOTOS / "chelsea.jpg"))

    assert facts == FrameFacts(width=451, height=300, format="JPEG")


async def test_a_bad_picture_is_refused_with_the_callers_own_name(
    media: Media, tmp_path: Path
) -> None:
    path = tmp_path / "first-frame"
    path.write_text("<html>")

    with pytest.raises(BadImage, match=r"^images\[0\]: this is a web page ") as refusal:
        await media.check_frame(frame(path))
    assert refusal.value.param == "images[0]"


async def test_a_picture_that_takes_for_ever_is_the_callers_fault(tmp_path: Path) -> None:
    path = tmp_path / "first-frame"
    path.write_bytes(jpeg_of_many_scans(7000, scans=400))  # within all limits: 49 MP in 150 kB
    media = Media(size=1, frame_timeout_s=0.5)

    with pytest.raises(BadImage, match=r"^images\[0\]: .*too much time") as refusal:
        await media.check_frame(frame(path))
    assert refusal.value.param == "images[0]"
    facts = await media.check_frame(frame(PHOTOS / "chelsea.jpg"))
    assert facts.width == 451
    await media.close()


async def test_a_bad_video_is_refused(media: Media) -> None:
    with pytest.raises(BadVideo, match="not an mp4"):
        await media.check_video(VideoCheck(path=str(PHOTOS / "chelsea.jpg")))


async def test_more_checks_than_children_are_all_answered(media: Media) -> None:
    checks = [media.check_frame(frame(PHOTOS / "coffee.jpg")) for _ in range(8)]

    assert {facts.width for facts in await asyncio.gather(*checks)} == {600}


async def test_a_child_that_dies_at_work_is_asked_once_more(media: Media) -> None:
    check = VideoCheck(path=str(VIDEO))
    await media.check_video(check)
    [child] = media._pool._children
    process_id = child._transport.get_pid()
    os.kill(process_id, signal.SIGSTOP)  # before it can read its task
    asked = asyncio.create_task(media.check_video(check))
    await until(lambda: not media._pool._idle)
    os.kill(process_id, signal.SIGKILL)

    with capture_logs() as logs:
        facts = await asked

    assert facts.frame_count > 0
    assert [(each["event"], each["about"]) for each in logs] == [("media_died", check)]


async def test_a_second_death_is_told(tmp_path: Path) -> None:
    """A cut that can be written nowhere: each child that is asked for it ends."""
    cut = SoundCut(path=str(tmp_path / "no such video"), out=str(tmp_path / "out"))
    media = Media(size=1)

    with capture_logs() as logs, pytest.raises(EngineDied):
        await media.cut_sound(cut)
    await media.close()

    assert [each["event"] for each in logs] == ["media_died"]


def test_the_server_side_loads_no_decoder() -> None:
    code = """
import sys
import unstill.media.facade, unstill.media.picture_formats, unstill.media.errors, unstill.media.pool
print(sorted({"PIL", "numpy", "av", "cv2", "torch", "pillow_heif"} & set(sys.modules)))
"""

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"
