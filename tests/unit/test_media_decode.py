"""Pictures from callers: which are taken, what they look like, and why others are refused."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from unstill.domain.errors import BadImage
from unstill.media.decode import Pixels, check_frame, open_frame
from unstill.media.tasks import FrameCheck, FrameFacts

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

ORANGE = (230, 120, 40)


def kept(folder: Path, image: Image.Image, form: str, **options: Any) -> Path:
    """The picture as a file whose name says nothing."""
    path = folder / f"frame-{len(list(folder.iterdir()))}"
    image.save(path, form, **options)
    return path


def checked(path: Path, **limits: Any) -> FrameFacts:
    loose = {"min_side_px": 1, "max_ratio": 100.0}
    return check_frame(FrameCheck(path=str(path), param="img_url", **{**loose, **limits}))


def refusal(path: Path, **limits: Any) -> str:
    with pytest.raises(BadImage) as refused:
        checked(path, **limits)
    assert refused.value.param == "img_url"
    return refused.value.allowed


def plain(colour: tuple[int, ...] = ORANGE, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (40, 30), colour)


def corners() -> Image.Image:
    """Upright, 40x20: red in the upper left, green upper right, blue lower left, white."""
    image = Image.new("RGB", (40, 20), "white")
    for colour, box in {"red": (0, 0), "lime": (20, 0), "blue": (0, 10)}.items():
        image.paste(colour, (*box, box[0] + 20, box[1] + 10))
    return image


def assert_close(pixels: Pixels, colour: tuple[int, ...], most: float = 3) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    difference = np.abs(pixels.reshape(-1, 3).astype(int) - colour)
    assert difference.mean() <= most, f"{pixels.reshape(-1, 3).mean(0)} is not {colour}"


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


# --- orientation and colour ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_picture_is_turned_upright(
    tmp_path: Path, form: str, orientation: int, undo: Image.Transpose | None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = corners() if undo is None else corners().transpose(undo)
    options = {"quality": 95} if form != "PNG" else {}
    path = kept(tmp_path, stored, form, exif=exif, **options)

    pixels = open_frame(path)

    facts = checked(path)
    assert (facts.width, facts.height) == (40, 20)
    assert pixels.shape == (20, 40, 3)
    assert_close(pixels[2:8, 2:18], (255, 0, 0), most=8)
    assert_close(pixels[2:8, 22:38], (0, 255, 0), most=8)
    assert_close(pixels[12:18, 2:18], (0, 0, 255), most=8)


def test_a_turned_heic_is_turned_once(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = corners().transpose(Image.Transpose.ROTATE_90)
    path = kept(tmp_path, stored, "HEIF", exif=exif.tobytes(), quality=95)

    pixels = open_frame(path)

    assert (checked(path).width, checked(path).height) == (40, 20)
    assert_close(pixels[2:8, 2:18], (255, 0, 0), most=8)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0broken", b"Exif\0\0MM\0*\xff\xff\xff\xff"])
def test_a_broken_exif_block_is_no_reason_to_refuse(tmp_path: Path, exif: bytes) -> None:
    path = kept(tmp_path, plain(), "JPEG", exif=exif)

    assert checked(path).width == 40
    assert_close(open_frame(path), ORANGE)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF", "HEIF"])
def test_transparency_is_laid_over_white(tmp_path: Path, form: str) -> None:
    path = kept(tmp_path, plain((*ORANGE, 0), "RGBA"), form)
    half = kept(tmp_path, plain((0, 0, 0, 128), "RGBA"), form)

    assert_close(open_frame(path), (255, 255, 255))
    assert_close(open_frame(half), (127, 127, 127))


@pytest.mark.parametrize("form", ["GIF", "PNG"])
def test_a_transparent_palette_colour_is_white(tmp_path: Path, form: str) -> None:
    image = Image.new("P", (40, 30), 1)
    image.putpalette([0, 0, 0, *ORANGE])
    image.paste(0, (0, 0, 20, 30))
    path = kept(tmp_path, image, form, transparency=0)

    pixels = open_frame(path)

    assert_close(pixels[:, :20], (255, 255, 255))
    assert_close(pixels[:, 20:], ORANGE)


@pytest.mark.parametrize(
    ("mode", "colour", "shown"),
    [
        ("L", (90,), (90, 90, 90)),
        ("LA", (0, 128), (127, 127, 127)),
        ("1", (1,), (255, 255, 255)),
        ("I;16", (40_000,), (156, 156, 156)),
        ("RGB", ORANGE, ORANGE),
    ],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_every_png_mode_keeps_its_colour(
    tmp_path: Path, mode: str, colour: tuple[int, ...], shown: tuple[int, ...], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.new(mode, (40, 30), colour if len(colour) > 1 else colour[0])
    path = kept(tmp_path, image, "PNG", exif=exif)

    assert_close(open_frame(path), shown, most=1)


def test_a_png_colour_that_is_declared_transparent_is_white(tmp_path: Path) -> None:
    path = kept(tmp_path, plain(), "PNG", transparency=ORANGE)

    assert_close(open_frame(path), (255, 255, 255))


def test_cmyk_ink_becomes_the_colour_that_it_prints(tmp_path: Path) -> None:
    path = kept(tmp_path, Image.new("CMYK", (40, 30), (0, 255, 255, 0)), "JPEG", quality=95)

    assert_close(open_frame(path), (255, 0, 0), most=8)


def test_an_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    profile = swapped_profile()
    path = kept(tmp_path, plain((255, 0, 0)), "PNG", icc_profile=profile)
    clear = kept(tmp_path, plain((255, 0, 0, 128), "RGBA"), "PNG", icc_profile=profile)

    assert_close(open_frame(path), (0, 255, 0), most=6)
    assert_close(open_frame(clear), (127, 255, 127), most=6)


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", data, 128)
    at = {bytes(data[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    data[at[b"rXYZ"] : at[b"rXYZ"] + 4], data[at[b"gXYZ"] : at[b"gXYZ"] + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "gRBG".encode("utf-16-be"))


@pytest.mark.parametrize("profile", [b"broken", b"\0" * 200, b"x" * 70_000])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_broken_profile_changes_nothing(tmp_path: Path, form: str, profile: bytes) -> None:
    path = kept(tmp_path, plain(), form, icc_profile=profile)

    assert checked(path).width == 40
    assert_close(open_frame(path), ORANGE, most=4)


def with_primaries(*colours: tuple[float, float, float]) -> bytes:
    """sRGB's curves with other primaries, as XYZ under D50, under a name of its own."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", data, 128)
    at = {
        bytes(data[132 + 12 * n : 136 + 12 * n]): struct.unpack_from(">I", data, 136 + 12 * n)[0]
        for n in range(count)
    }
    for tag, colour in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours, strict=True):
        struct.pack_into(">iii", data, at[tag] + 8, *(round(each * 65536) for each in colour))
    return bytes(data).replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))


# The primaries' XYZ under D50, as the profiles of Apple and Adobe have them.
DISPLAY_P3 = with_primaries(
    (0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)
)
ADOBE_RGB = with_primaries(
    (0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)
)


@pytest.mark.parametrize(
    ("profile", "stored", "shown"),
    [
        (DISPLAY_P3, (234, 51, 35), (255, 0, 0)),  # sRGB's red, as a phone stores it
        (DISPLAY_P3, (128, 128, 128), (128, 128, 128)),
        (ADOBE_RGB, (219, 0, 0), (255, 0, 0)),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_a_wide_gamut_is_shown_in_srgb(
    tmp_path: Path,
    form: str,
    profile: bytes,
    stored: tuple[int, int, int],
    shown: tuple[int, int, int],
) -> None:
    options = {} if form == "PNG" else {"quality": 100}
    path = kept(tmp_path, plain(stored), form, icc_profile=profile, **options)

    assert_close(open_frame(path), shown, most=6)


def grey_profile(gamma: float) -> bytes:
    """The least that a grey profile has: white and a curve (ICC.1:2001-04, 6.3.1.1)."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    name += bytes(-len(name) % 4)
    tags, parts, at = b"", b"", 128 + 4 + 3 * 12
    for kind, part in ((b"desc", name), (b"wtpt", white), (b"kTRC", curve)):
        tags += kind + struct.pack(">II", at + len(parts), len(part))
        parts += part
    size = at + len(parts)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">iii", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", 3) + tags + parts


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize(("gamma", "lightness"), [(1.0, 188), (2.2, 128)])
def test_a_grey_picture_is_shown_by_its_own_curve(
    tmp_path: Path, form: str, gamma: float, lightness: int
) -> None:
    path = kept(tmp_path, Image.new("L", (40, 30), 128), form, icc_profile=grey_profile(gamma))

    assert_close(open_frame(path), (lightness,) * 3, most=2)


def test_a_profile_of_another_mode_changes_nothing(tmp_path: Path) -> None:
    path = kept(tmp_path, Image.new("L", (40, 30), 90), "PNG", icc_profile=swapped_profile())

    assert_close(open_frame(path), (90, 90, 90), most=0)


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
