"""Finished videos of 4K as upstreams send them, HEVC in 10 bits, within the children's limits."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from PIL import Image

from unstill.media.facade import Media
from unstill.media.tasks import StillDraw, VideoCheck

FRAMES, FRAME_RATE = 9, 24


def made(path: Path) -> Path:
    """A ramp that moves, with sound of one channel, as Ark's documents have it for 4k."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=FRAME_RATE)
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p10le"
        stream.options = {"preset": "ultrafast", "x265-params": "log-level=error:pools=1"}
        ramp = np.linspace(0, 255, 3840, dtype=np.uint8)[None, :, None].repeat(2160, 0).repeat(3, 2)
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.roll(ramp, number * 8, 1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate, silence.pts = 48_000, 0
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    return path


@pytest.mark.slow
@pytest.mark.skipif("libx265" not in av.codecs_available, reason="this ffmpeg has no libx265")
async def test_a_4k_video_is_checked_and_its_pictures_drawn(tmp_path: Path) -> None:
    video, sheet, last = made(tmp_path / "v.mp4"), tmp_path / "sheet.jpg", tmp_path / "last.png"
    media = Media(size=1, drawings=1)
    try:
        facts = await media.check_video(VideoCheck(path=str(video), duration_s=FRAMES / FRAME_RATE))
        await media.draw_spritesheet(StillDraw(path=str(video), out=str(sheet)))
        await media.draw_last_frame(StillDraw(path=str(video), out=str(last)))
    finally:
        await media.close()

    assert (facts.width, facts.height, facts.frame_count) == (3840, 2160, FRAMES)
    assert facts.has_audio
    with Image.open(sheet) as image:
        assert image.width == 4 * 320
    with Image.open(last) as image:
        assert image.size == (3840, 2160)
