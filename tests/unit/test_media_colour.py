"""What a picture looks like: the right way up, and in the colours that its profile means."""

from __future__ import annotations

import struct
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageCms

from support.picture_files import ORANGE, assert_close, checked, kept, plain
from unstill.media.decode import open_frame

pillow_heif.register_heif_opener()


def corners() -> Image.Image:
    """Upright, 40x20: red in the upper left, green upper right, blue lower left, white."""
    image = Image.new("RGB", (40, 20), "white")
    for colour, box in {"red": (0, 0), "lime": (20, 0), "blue": (0, 10)}.items():
        image.paste(colour, (*box, box[0] + 20, box[1] + 10))
    return image


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
