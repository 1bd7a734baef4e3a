"""The server's way to the media children."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.hostile import jpeg_of_many_scans
from unstill.domain.errors import BadImage
from unstill.media import FrameCheck, FrameFacts, Media, VideoCheck
from unstill.media.errors import BadVideo

PHOTOS = Path(__file__).parents[2] / "photos"


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


def test_the_server_side_loads_no_decoder() -> None:
    code = """
import sys
import unstill.media, unstill.media.picture_formats, unstill.media.errors, unstill.media.pool
print(sorted({"PIL", "numpy", "av", "cv2", "torch", "pillow_heif"} & set(sys.modules)))
"""

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"
