"""Pictures from callers: which are taken, what they look like, and why others are refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from support.picture_files import ORANGE, assert_close, checked, kept, plain, refusal
from unstill.domain.errors import BadImage
from unstill.media.decode import open_frame
from unstill.media.tasks import FrameFacts

pillow_heif.register_heif_opener()
PHOTOS = Path(__file__).parents[2] / "photos"
NAMES = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WEBP": "WebP",
    "BMP": "BMP",
    "GIF": "GIF",
    "AVIF": "AVIF",
    "HEIF": "HEIC",
}  # Pillow's, ours


def corners() -> Image.Image:
    """Upright, 40x20: red in the upper left, green upper right, blue lower left, white."""
    image = Image.new("RGB", (40, 20), "white")
    for colour, box in {"red": (0, 0), "lime": (20, 0), "blue": (0, 10)}.items():
        image.paste(colour, (*box, box[0] + 20, box[1] + 10))
    return image


# --- formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", NAMES)
def test_every_format_is_decoded_whatever_its_file_is_called(tmp_path: Path, form: str) -> None:
    path = kept(tmp_path, plain(), form)

    assert checked(path) == FrameFacts(width=40, height=30, format=NAMES[form])  # type: ignore[arg-type]
    assert open_frame(path).shape == (30, 40, 3)
    assert_close(open_frame(path), ORANGE)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_a_real_photo_is_decoded_to_its_own_pixels(name: str) -> None:
    path = PHOTOS / f"{name}.jpg"
    with Image.open(path) as image:
        expected = np.array(image.convert("RGB"))

    pixels = open_frame(path)

    assert np.array_equal(pixels, expected)
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


def test_a_phones_multi_picture_jpeg_is_a_jpeg(tmp_path: Path) -> None:
    path = kept(tmp_path, plain(), "MPO", save_all=True, append_images=[plain((0, 0, 0))])

    assert checked(path).format == "JPEG"
    assert_close(open_frame(path), ORANGE)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_moving_picture_gives_its_first_frame(tmp_path: Path, form: str) -> None:
    others = [plain((0, 0, 0)), plain((0, 0, 255))]
    path = kept(tmp_path, plain(), form, save_all=True, append_images=others, duration=100)

    assert_close(open_frame(path), ORANGE, most=6)


def test_heic_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    path = kept(tmp_path, plain(), "HEIF")
    extra = tmp_path / "pillow_heif.py"
    extra.write_text("raise ImportError('a machine without the extra')")
    code = "import sys, pathlib; from unstill.media.decode import open_frame;"
    code += "open_frame(pathlib.Path(sys.argv[1]))"

    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert "BadImage: image: HEIC needs the heic extra" in run.stderr
    assert "pip install pillow-heif" in run.stderr


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"", b"<!DOCTYPE html><p>Not Found</p>", b"II*\0\x08\0\0\0", b"GIF", bytes(5000)]
)
def test_what_is_no_picture_is_refused_by_the_list_of_formats(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "first-frame.jpg"
    path.write_bytes(data)

    assert refusal(path).endswith(
        " is not an image unstill can read"
        " (JPEG, PNG, WebP, BMP, GIF, AVIF, HEIC with the heic extra)"
    )


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_picture_that_is_cut_short_is_refused(tmp_path: Path, form: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    path = kept(tmp_path, Image.fromarray(noise), form)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])

    assert "cut short or broken" in refusal(path) or "header is broken" in refusal(path)


def test_a_truncated_photo_is_refused_by_name(tmp_path: Path) -> None:
    data = (PHOTOS / "chelsea.jpg").read_bytes()
    path = tmp_path / "first-frame"
    path.write_bytes(data[: len(data) - 2000])

    assert refusal(path) == "this image is cut short or broken, it cannot be decoded"


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, on its way to refuse
@pytest.mark.parametrize("form", NAMES)
def test_no_broken_picture_raises_anything_else(tmp_path: Path, form: str) -> None:
    random = np.random.default_rng(1)
    path = kept(tmp_path, corners(), form)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    refused = 0

    for _ in range(60):
        broken = whole.copy()
        at = random.integers(12, len(broken), 6)
        broken[at] = random.integers(0, 256, 6)
        path.write_bytes(broken.tobytes())
        try:
            assert open_frame(path).shape[2] == 3
        except BadImage:
            refused += 1

    assert refused > 0 or form == "BMP"


def test_sides_below_the_limit_are_refused_with_both(tmp_path: Path) -> None:
    path = kept(tmp_path, Image.new("RGB", (1, 1)), "PNG")

    assert refusal(path, min_side_px=240) == "the sides must be at least 240 px, got 1x1"


def test_sides_at_the_limits_are_taken(tmp_path: Path) -> None:
    path = kept(tmp_path, plain(), "PNG")

    assert checked(path, min_side_px=30).width == 40


def test_limits_are_told_of_the_picture_as_it_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = kept(tmp_path, Image.new("RGB", (300, 30)), "JPEG", exif=exif)

    assert refusal(path, max_ratio=2.5) == "the ratio must be 1:2.5 to 2.5:1, got 30x300"


def test_a_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "first-frame"
    with path.open("wb") as file:
        file.truncate(21 * 2**20)

    assert refusal(path) == "the file must be at most 20 MiB, got 21.0 MiB"


def png_header(width: int, height: int) -> bytes:
    """A PNG that says this size and has next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_955, 20_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = tmp_path / "first-frame"
    path.write_bytes(png_header(side, side))

    assert refusal(path) == f"a PNG must have at most 120 megapixels, got {side}x{side}"


def test_a_gif_whose_frame_outgrows_its_screen_is_refused_by_its_header(tmp_path: Path) -> None:
    file = io.BytesIO()
    plain().save(file, "GIF")
    data = bytearray(file.getvalue())
    at = data.index(b",", data.rindex(b"!") if b"!" in data else 13)
    struct.pack_into("<HH", data, at + 5, 65_535, 65_535)
    path = tmp_path / "first-frame"
    path.write_bytes(data)

    assert "at most 120 megapixels" in refusal(path)
