"""Large pictures: scaled down while they are decoded, in bounded memory, and never distorted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from unstill.domain.errors import BadImage
from unstill.media.convert import fit_frame
from unstill.media.decode import check_frame, open_frame
from unstill.media.picture_limits import MAX_PIXELS, MAX_WEBP_PIXELS, check_pixels
from unstill.media.tasks import FrameCheck, FrameFit

pillow_heif.register_heif_opener()

RED, GREEN, BLUE = (200, 40, 40), (40, 160, 60), (40, 60, 200)


def corners(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """White, with red in the upper left, green upper right, blue lower left."""
    image = Image.new("RGB", (width, height), "white")
    for colour, left, top in ((RED, 0, 0), (GREEN, width // 2, 0), (BLUE, 0, height // 2)):
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image if mode == "RGB" else image.convert(mode)


def kept(folder: Path, image: Image.Image, form: str, **options: Any) -> Path:
    path = folder / "first-frame"
    image.save(path, form, **options)
    return path


def assert_corners(pixels: np.ndarray[Any, np.dtype[np.uint8]], most: int = 12) -> None:
    height, width = pixels.shape[:2]
    for colour, across, down in (
        (RED, 1, 1),
        (GREEN, 3, 1),
        (BLUE, 1, 3),
        ((255, 255, 255), 3, 3),
    ):
        found = pixels[height * down // 4, width * across // 4].astype(int)
        assert np.abs(found - colour).max() <= most, (found, colour)


@pytest.mark.parametrize(
    ("size", "scaled"),
    [
        ((8064, 6048), (4032, 3024)),  # 48 MP of a phone
        ((16_000, 2000), (8000, 1000)),  # a panorama
        ((1080, 8640), (540, 4320)),  # a long screenshot
        ((8000, 1000), (8000, 1000)),
        ((8001, 1001), (4001, 501)),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.slow
def test_no_side_is_longer_than_was_asked_and_the_shape_stays(
    tmp_path: Path, form: str, size: tuple[int, int], scaled: tuple[int, int]
) -> None:
    path = kept(tmp_path, corners(*size), form)

    pixels = open_frame(path, most_side_px=8000)

    assert pixels.shape == (scaled[1], scaled[0], 3)
    assert_corners(pixels)


def test_a_check_tells_the_sides_of_the_whole_picture_as_it_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = kept(tmp_path, Image.new("RGB", (9001, 1202)), "JPEG", exif=exif)

    facts = check_frame(FrameCheck(str(path), "image", min_side_px=240, max_ratio=8.0))

    assert (facts.width, facts.height) == (1202, 9001)


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("GIF", "P"),
        ("BMP", "RGB"),
        ("WEBP", "RGB"),
        ("AVIF", "RGB"),
        ("HEIF", "RGB"),
    ],
)
def test_every_format_is_scaled_down_in_its_own_colours(
    tmp_path: Path, form: str, mode: str
) -> None:
    path = kept(tmp_path, corners(1203, 901, mode), form)

    pixels = open_frame(path, enough_px=100)

    assert 100 <= min(pixels.shape[:2]) < 200
    # CMYK has no red like this one; a palette is that of the web
    assert_corners(pixels, most=12 if mode in {"RGB", "RGBA"} else 60)


@pytest.mark.parametrize(
    ("mode", "colour", "shown"),
    [
        ("1", 1, 255),
        ("L", 90, 90),
        ("LA", (0, 128), 127),
        ("I;16", 40_000, 156),
        ("RGBA", (0, 0, 0, 128), 127),
    ],
)
def test_every_mode_is_scaled_down_in_its_own_colours(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], shown: int
) -> None:
    path = kept(tmp_path, Image.new(mode, (640, 480), colour), "PNG")

    pixels = open_frame(path, enough_px=100)

    assert pixels.shape == (120, 160, 3)
    assert np.abs(pixels.astype(int) - shown).max() <= 1


def test_a_transparent_colour_is_white_after_scaling(tmp_path: Path) -> None:
    path = kept(tmp_path, Image.new("RGB", (640, 480), RED), "PNG", transparency=RED)

    assert open_frame(path, enough_px=100).min() == 255


def test_what_is_not_large_is_decoded_to_its_own_pixels(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (199, 250, 3), dtype=np.uint8)
    path = kept(tmp_path, Image.fromarray(noise), "PNG")

    assert np.array_equal(open_frame(path, enough_px=100, most_side_px=250), noise)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WebP"])
def test_an_upstream_gets_no_longer_side_than_its_model_takes(tmp_path: Path, form: str) -> None:
    path = kept(tmp_path, corners(8100, 1200), form.upper())
    out = tmp_path / "out"
    fit = FrameFit(str(path), str(out), frozenset({"JPEG", "PNG", "WebP"}), 10 * 2**20)

    assert not fit_frame(fit)
    assert fit_frame(FrameFit(fit.path, fit.out, fit.formats, fit.most_bytes, most_side_px=8000))

    with Image.open(out) as image:
        assert image.size == (4050, 600)
        assert_corners(np.array(image.convert("RGB")))


def test_the_limits_of_pixels_are_told_with_the_figures() -> None:
    check_pixels(12_000, 10_000, "PNG", "image")
    check_pixels(8_000, 8_000, "WebP", "image")

    with pytest.raises(BadImage, match="a PNG must have at most 120 megapixels, got 12000x10001"):
        check_pixels(12_000, 10_001, "PNG", "image")
    with pytest.raises(BadImage, match="a WebP must have at most 64 megapixels, got 8000x8001"):
        check_pixels(8_000, 8_001, "WebP", "image")
    assert (MAX_PIXELS, MAX_WEBP_PIXELS) == (120_000_000, 64_000_000)


MEASURED = """
import sys
from pathlib import Path
from unstill.media.tasks import FrameCheck
from unstill.media.decode import check_frame, open_frame
path = Path(sys.argv[1])
facts = check_frame(FrameCheck(str(path), "image", min_side_px=240, max_ratio=8.0))
shape = open_frame(path, enough_px=1792).shape
# not ru_maxrss, which begins with what the parent had
peak = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(facts.width, facts.height, *shape, int(peak.split()[1]) // 1024)
"""


def test_a_jpeg_of_108_megapixels_takes_little_memory(tmp_path: Path) -> None:
    path = kept(tmp_path, Image.new("L", (12_000, 9_000), 90), "JPEG")

    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True
    )

    width, height, rows, columns, _, memory_mb = map(int, ran.stdout.split())
    assert (width, height) == (12_000, 9_000)
    assert (rows, columns) == (2250, 3000)
    assert memory_mb < 200  # 324 as RGB alone
