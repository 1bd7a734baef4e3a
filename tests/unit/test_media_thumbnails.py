"""Pictures out of finished videos: the right frames, in the right place, of the right size."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from unstill.media.errors import BadVideo
from unstill.media.tasks import StillDraw
from unstill.media.thumbnails import draw_last_frame, draw_spritesheet, draw_thumbnail

FRAME_RATE = 24
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
STEP = 5  # a frame is so much lighter than the one before: it survives the coding


def made(
    folder: Path,
    *,
    frames: int = 48,
    size: tuple[int, int] = (160, 96),
    coder: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A video whose frames get lighter, each by one step."""
    path = folder / "video-1.mp4"
    with av.open(str(path), "w", format="mp4", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = dict(coder or {})
        for number in range(frames):
            pixels = np.full((size[1], size[0], 3), STEP * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def drawn(draw: Callable[[StillDraw], None], path: Path) -> Image.Image:
    out = path.with_name("still.part")
    draw(StillDraw(str(path), str(out)))
    with Image.open(out) as image:
        image.load()
        return image


def shown(image: Image.Image) -> int:
    """The number of the frame that a picture is of."""
    return round(float(np.asarray(image.convert("L")).mean()) / STEP)


def tiles(sheet: Image.Image, size: tuple[int, int]) -> list[int]:
    """Numbers of the frames on a sheet, row by row."""
    width, height = size
    return [
        shown(sheet.crop((x, y, x + width, y + height)))
        for y in range(0, sheet.height, height)
        for x in range(0, sheet.width, width)
    ]


CODERS = [
    {"g": "250"},
    {"g": "12"},
    {"g": "12", "bf": "3", "b_strategy": "0"},
    {"g": "6", "bf": "2", "b_strategy": "0", "flags": "-cgop"},
    {"g": "1"},
]


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("options", [{}, FRAGMENTED])
def test_the_right_frames_are_found_however_the_video_is_coded(
    tmp_path: Path, coder: dict[str, str], options: dict[str, str]
) -> None:
    path = made(tmp_path, coder=coder, options=options)

    assert shown(drawn(draw_thumbnail, path)) == 24
    assert tiles(drawn(draw_spritesheet, path), (160, 96)) == list(range(1, 48, 3))


@pytest.mark.parametrize(
    ("size", "thumbnail", "tile"),
    [
        ((1280, 720), (640, 360), (320, 180)),
        ((720, 1280), (360, 640), (180, 320)),
        ((1920, 1080), (640, 360), (320, 180)),
        ((320, 256), (320, 256), (320, 256)),
        ((96, 96), (96, 96), (96, 96)),
    ],
)
def test_a_picture_is_made_smaller_and_never_larger(
    tmp_path: Path, size: tuple[int, int], thumbnail: tuple[int, int], tile: tuple[int, int]
) -> None:
    path = made(tmp_path, frames=16, size=size)

    assert drawn(draw_thumbnail, path).size == thumbnail
    assert drawn(draw_spritesheet, path).size == (4 * tile[0], 4 * tile[1])


def test_a_thumbnail_is_a_webp_and_a_spritesheet_a_jpeg(tmp_path: Path) -> None:
    path = made(tmp_path)

    assert drawn(draw_thumbnail, path).format == "WEBP"
    assert drawn(draw_spritesheet, path).format == "JPEG"


@pytest.mark.parametrize(
    ("frames", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 4, 1), (5, 4, 2), (15, 4, 4)]
)
def test_a_short_video_has_a_small_sheet(
    tmp_path: Path, frames: int, columns: int, rows: int
) -> None:
    sheet = drawn(draw_spritesheet, made(tmp_path, frames=frames))

    assert sheet.size == (columns * 160, rows * 96)
    blank = columns * rows - frames
    assert tiles(sheet, (160, 96)) == [*range(frames), *[0] * blank]


def test_the_colours_are_the_videos(tmp_path: Path) -> None:
    path = tmp_path / "video-1.mp4"
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        for colour in colours:
            pixels = np.full((64, 64, 3), colour, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())

    sheet = drawn(draw_spritesheet, path).convert("RGB")

    pixels = np.asarray(sheet, dtype=int)
    for number, colour in enumerate(colours):
        assert np.abs(pixels[32, 64 * number + 32] - colour).max() <= 6


def test_an_ugly_frame_is_passed_over_for_the_next_one(tmp_path: Path) -> None:
    path = made(tmp_path, coder={"g": "1", "bf": "0"})
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        at, size_bytes = packets[24].pos, packets[24].size
    assert at is not None
    data = bytearray(path.read_bytes())
    data[at : at + size_bytes] = b"\xff" * size_bytes
    path.write_bytes(data)

    assert shown(drawn(draw_thumbnail, path)) == 25


def last_decoded(path: Path) -> np.ndarray:
    """The last picture that a reader of the whole video comes to."""
    with av.open(str(path)) as container:
        *_, last = container.decode(video=0)
    return last.to_ndarray(format="rgb24")


@pytest.mark.parametrize("coder", [*CODERS, {"g": "24", "bf": "3", "flags": "-cgop"}])
@pytest.mark.parametrize("options", [{}, FRAGMENTED])
@pytest.mark.parametrize("frames", [1, 2, 47])
def test_the_last_frame_is_the_last_one_pixel_for_pixel(
    tmp_path: Path, coder: dict[str, str], options: dict[str, str], frames: int
) -> None:
    path = made(tmp_path, frames=frames, size=(320, 180), coder=coder, options=options)

    image = drawn(draw_last_frame, path)

    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (320, 180))
    assert shown(image) == frames - 1
    assert np.array_equal(np.asarray(image), last_decoded(path))


def test_where_the_last_frames_do_not_decode_the_one_before_is_the_last(tmp_path: Path) -> None:
    path = made(tmp_path, coder={"g": "1", "bf": "0"})
    with av.open(str(path)) as container:
        *_, last = (packet for packet in container.demux(video=0) if packet.size)
        at, size_bytes = last.pos, last.size
    assert at is not None
    data = bytearray(path.read_bytes())
    data[at : at + size_bytes] = b"\xff" * size_bytes
    path.write_bytes(data)

    assert shown(drawn(draw_last_frame, path)) == 46


@pytest.mark.parametrize("draw", [draw_thumbnail, draw_spritesheet, draw_last_frame])
@pytest.mark.parametrize("data", [b"", b"<html>", b"\0\0\0\x18ftypisom" + b"\0" * 40])
def test_what_is_no_video_is_refused(
    tmp_path: Path, draw: Callable[[StillDraw], None], data: bytes
) -> None:
    path = tmp_path / "video-1.mp4"
    path.write_bytes(data)

    with pytest.raises(BadVideo):
        draw(StillDraw(str(path), str(tmp_path / "still.part")))
    assert not (tmp_path / "still.part").exists()


@pytest.mark.parametrize("draw", [draw_thumbnail, draw_spritesheet, draw_last_frame])
def test_a_folder_that_goes_meanwhile_ends_no_child(
    tmp_path: Path, draw: Callable[[StillDraw], None]
) -> None:
    with pytest.raises(BadVideo, match="deleted while"):
        draw(StillDraw(str(made(tmp_path)), str(tmp_path / "gone" / "still.part")))


def test_a_video_of_sound_alone_has_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "video-1.mp4"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp")
        silence.sample_rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))

    with pytest.raises(BadVideo, match="has no pictures"):
        drawn(draw_thumbnail, path)
