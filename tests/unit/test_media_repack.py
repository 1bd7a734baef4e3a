"""Videos in other containers than mp4: paid for, and kept."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest

from unstill.media.containers import container_of
from unstill.media.errors import BadVideo
from unstill.media.repack import as_mp4
from unstill.media.tasks import Repack, VideoCheck
from unstill.media.video_check import check_video

FRAMES = 48


def video(container: str, codec: str, sound: str = "") -> bytes:
    """Two seconds of 64x66."""
    file = BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 66, "yuv420p"
        audio = out.add_stream(sound, rate=48_000) if sound else None
        for number in range(FRAMES):
            shade = np.full((66, 64, 3), 5 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(shade)))
        out.mux(stream.encode(None))
        if isinstance(audio, av.AudioStream):
            size = audio.codec_context.frame_size or 960
            for number in range(96_000 // size):
                still = np.zeros((2, size), np.float32)
                frame = av.AudioFrame.from_ndarray(still, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = 48_000, number * size
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(
    ("container", "codec", "sound"),
    [
        ("webm", "libvpx-vp9", ""),
        ("webm", "libvpx-vp9", "libopus"),
        ("webm", "libvpx", ""),
        ("matroska", "libx264", "aac"),
        ("mpegts", "libx264", ""),
        ("mpegts", "libx264", "aac"),
    ],
)
def test_a_video_in_another_container_is_a_whole_mp4_afterwards(
    tmp_path: Path, container: str, codec: str, sound: str
) -> None:
    path, out = tmp_path / "v.part", tmp_path / "silent.part"
    path.write_bytes(video(container, codec, sound))

    as_mp4(Repack(str(path), str(out)))

    facts = check_video(VideoCheck(str(path), duration_s=2.0, tolerance_s=0.2))
    assert (facts.width, facts.height, facts.frame_count) == (64, 66, FRAMES)
    assert facts.has_audio == bool(sound)
    assert not out.exists()


def test_a_cut_or_false_one_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "v.part"
    for data in (b"\x1aE\xdf\xa3" + b"\0" * 600, b"FLV\x01" + b"\xff" * 600, b"not a video"):
        path.write_bytes(data)
        with pytest.raises(BadVideo):
            as_mp4(Repack(str(path), str(tmp_path / "out")))


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\x1aE\xdf\xa3\x01", "matroska"),
        (b"RIFF\0\0\0\0AVI LIST", "avi"),
        (b"RIFF\0\0\0\0WEBPVP8 ", None),
        (b"FLV\x01\x05", "flv"),
        (b"G" + b"\0" * 187 + b"G", "mpegts"),
        (b"G" + b"\0" * 200, None),
        (b"\0\0\0\x20ftypisom", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_a_container_is_known_by_its_first_bytes(head: bytes, container: str | None) -> None:
    assert container_of(head) == container
