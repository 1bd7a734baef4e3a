"""Finished videos: what a whole one is, and that no broken one passes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from unstill.media.errors import BadVideo
from unstill.media.tasks import VideoCheck, VideoFacts
from unstill.media.video_check import check_video

FASTSTART = {"movflags": "+faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
FRAME_RATE = 24
FRAMES = 48
AUDIO_RATE = 48_000
AV1 = Path(__file__).parents[1] / "videos" / "av1-10-bit.mp4"


def made(
    path: Path,
    *,
    options: dict[str, str] = FASTSTART,
    has_audio: bool = True,
    has_pictures: bool = True,
    coder: dict[str, str] | None = None,
    title: str = "",
    codec: str = "libx264",
    pixels: str = "yuv420p",
) -> Path:
    """Two seconds of moving noise at 160x90, and a tone."""
    with av.open(str(path), "w", format="mp4", options=options) as container:
        container.metadata["title"] = title
        pictures = container.add_stream(codec, rate=FRAME_RATE) if has_pictures else None
        sound = container.add_stream("aac", rate=AUDIO_RATE) if has_audio else None
        if pictures is not None:
            assert isinstance(pictures, VideoStream)
            pictures.pix_fmt = pixels
            write_pictures(container, pictures, coder or {"g": "12"})
        if sound is not None:
            write_sound(container, sound)
    return path


def write_pictures(container: OutputContainer, stream: VideoStream, coder: dict[str, str]) -> None:
    stream.width, stream.height = 160, 90
    stream.options = dict(coder)
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    for number in range(FRAMES):
        frame = av.VideoFrame.from_ndarray(np.roll(noise, number, 1), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_sound(container: OutputContainer, stream: AudioStream) -> None:
    tone = np.sin(np.arange(1024) / 20).astype(np.float32)[None].repeat(2, 0)
    for number in range(FRAMES * AUDIO_RATE // FRAME_RATE // 1024):
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = AUDIO_RATE, number * 1024
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def refusal(path: Path, duration_s: float | None = None) -> str:
    with pytest.raises(BadVideo) as refused:
        check_video(VideoCheck(path=str(path), duration_s=duration_s))
    assert refused.value.code == "invalid_video"
    return str(refused.value)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("video") / "video-1.mp4")


@pytest.mark.parametrize("options", [FASTSTART, {}, FRAGMENTED])
@pytest.mark.parametrize("has_audio", [True, False])
def test_a_whole_video_is_described(
    tmp_path: Path, options: dict[str, str], *, has_audio: bool
) -> None:
    path = made(tmp_path / "video-1.part", options=options, has_audio=has_audio)

    assert check_video(VideoCheck(path=str(path), duration_s=2.0)) == VideoFacts(
        width=160,
        height=90,
        duration_s=2.0,
        frame_rate=24.0,
        frame_count=48,
        size_bytes=path.stat().st_size,
        has_audio=has_audio,
    )


@pytest.mark.parametrize(
    "coder",
    [{"g": "250", "bf": "3"}, {"g": "12", "bf": "0"}, {"x264-params": "open-gop=1:keyint=9"}],
)
def test_a_whole_video_passes_whatever_its_groups_of_pictures(
    tmp_path: Path, coder: dict[str, str]
) -> None:
    path = made(tmp_path / "video-1.mp4", coder=coder)

    assert check_video(VideoCheck(path=str(path))).frame_count == 48


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "pixels"),
    [
        ("libx264", "yuv420p10le"),
        ("libx264", "yuv444p"),
        ("libx265", "yuv420p"),
        ("libx265", "yuv420p10le"),
        ("libvpx-vp9", "yuv420p"),
        ("mpeg4", "yuv420p"),
    ],
)
def test_a_whole_video_passes_whatever_codec_an_upstream_likes(
    tmp_path: Path, codec: str, pixels: str
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this ffmpeg has no {codec}")
    path = made(tmp_path / "video-1.mp4", codec=codec, pixels=pixels, coder={"preset": "9"})
    facts = check_video(VideoCheck(path=str(path)))

    assert (facts.frame_count, facts.duration_s) == (48, 2.0)


def test_a_whole_video_in_av1_passes() -> None:
    facts = check_video(VideoCheck(path=str(AV1), duration_s=2.0))

    assert (facts.frame_count, facts.duration_s, facts.width) == (48, 2.0, 160)


@pytest.mark.parametrize("options", [FASTSTART, {}, FRAGMENTED])
@pytest.mark.parametrize("part", [0.05, 0.3, 0.7, 0.95, 0.999])
def test_a_truncated_video_is_refused(tmp_path: Path, options: dict[str, str], part: float) -> None:
    path = made(tmp_path / "video-1.mp4", options=options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])

    assert refusal(path, duration_s=2.0).startswith("the video ")


def test_a_video_that_lacks_its_last_byte_is_refused(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "video-1.mp4"
    path.write_bytes(whole.read_bytes()[:-1])

    assert "cut short: " in refusal(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video-1.mp4"
    path.touch()

    assert refusal(path) == "the video file is empty"


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html><body>404</body></html>",
        b'{"code": "AccessDenied"}',
        b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1:1/steal.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\0",
    ],
)
def test_what_is_no_mp4_is_refused_with_its_beginning(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "video-1.mp4"
    path.write_bytes(data)

    begin = data[:16].decode()
    assert refusal(path) == f"the file is not an mp4, it begins with {begin!r}"


def test_an_mp4_without_pictures_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "video-1.mp4", has_pictures=False)

    assert refusal(path) == "the video has no pictures"


def test_a_video_in_an_unknown_codec_is_refused(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "unknown.mp4"
    path.write_bytes(whole.read_bytes().replace(b"avc1", b"zzz1"))

    assert refusal(path) == "the pictures of the video are coded in an unknown way"


def test_a_video_whose_pictures_are_overwritten_is_refused(tmp_path: Path, whole: Path) -> None:
    data = bytearray(whole.read_bytes())
    at = data.index(b"mdat") + 4
    data[at:] = bytes(len(data) - at)
    path = tmp_path / "video-1.mp4"
    path.write_bytes(data)

    assert "video" in refusal(path)


B_FRAMES = {"g": "250", "x264-params": "bframes=3:b-adapt=0:b-pyramid=none"}


def packets_of(path: Path) -> list[tuple[int, int, int]]:
    """When each picture is shown, and where its bytes lie: first, and how many."""
    with av.open(str(path)) as container:
        return [
            (packet.pts or 0, packet.pos or 0, packet.size)
            for packet in container.demux(container.streams.video[0])
            if packet.size > 0
        ]


@pytest.mark.parametrize(("place", "passes"), [(-1, False), (-2, True)])
def test_of_the_last_pictures_only_one_that_no_other_needs_may_be_ugly(
    tmp_path: Path, place: int, *, passes: bool
) -> None:
    path = made(tmp_path / "video-1.mp4", coder=B_FRAMES, has_audio=False)
    _, at, size = sorted(packets_of(path))[place]
    data = bytearray(path.read_bytes())
    data[at + 4 : at + size] = bytes(size - 4)
    path.write_bytes(data)

    if passes:
        check_video(VideoCheck(path=str(path), duration_s=2.0))
    else:
        assert "video" in refusal(path)


def test_a_video_may_end_with_a_picture_that_no_other_needs(tmp_path: Path) -> None:
    """As programs leave it that cut without coding anew: the picture after it is gone."""
    whole = made(tmp_path / "whole.mp4", coder=B_FRAMES, has_audio=False)
    path = tmp_path / "video-1.mp4"
    last_shown, _, _ = max(packets_of(whole))
    with av.open(str(whole)) as source, av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size > 0 and packet.pts != last_shown:
                packet.stream = stream
                container.mux(packet)

    assert check_video(VideoCheck(path=str(path), duration_s=None)).frame_count == FRAMES - 1


def test_a_video_that_begins_between_key_frames_is_refused(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "video-1.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if number > 0 and packet.size > 0:
                packet.stream = stream
                container.mux(packet)

    assert refusal(path) == "the video does not begin with a key frame"


def test_metadata_in_another_encoding_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = made(tmp_path / "video-1.mp4", title="made elsewhere")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"made elsewhere", b"made \xe9\xf6\xff\xfewhere"))

    assert path.read_bytes() != data
    assert check_video(VideoCheck(path=str(path))).frame_count == 48


@pytest.mark.parametrize("duration_s", [1.4, 2.6, 5.0])
def test_a_video_of_another_length_is_refused_with_both(whole: Path, duration_s: float) -> None:
    assert refusal(whole, duration_s=duration_s) == (
        f"the video must be {duration_s:g} s long, give or take 0.5 s, got 2.00 s"
    )


@pytest.mark.parametrize("duration_s", [1.5, 1.9, 2.5, None])
def test_a_video_of_about_the_right_length_passes(whole: Path, duration_s: float | None) -> None:
    facts = check_video(VideoCheck(path=str(whole), duration_s=duration_s, tolerance_s=0.5))

    assert facts.duration_s == 2.0


def test_no_broken_video_raises_anything_else(tmp_path: Path, whole: Path) -> None:
    random = np.random.default_rng(2)
    bytes_before = np.frombuffer(whole.read_bytes(), np.uint8)
    path = tmp_path / "video-1.mp4"
    refused = 0

    for _ in range(40):
        broken = bytes_before.copy()
        broken[random.integers(0, 3000, 12)] = random.integers(0, 256, 12)
        path.write_bytes(broken.tobytes())
        try:
            check_video(VideoCheck(path=str(path)))
        except BadVideo:
            refused += 1

    assert refused > 10
