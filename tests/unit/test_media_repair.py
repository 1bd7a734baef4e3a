"""Files with a fault outside of their pixels: taken, shown exactly, and mended where they lie."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from unstill.domain.errors import BadImage
from unstill.media.decode import Pixels, check_frame, form_of, open_frame
from unstill.media.tasks import FrameCheck

pillow_heif.register_heif_opener()

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # Pillow's, about what it passes over

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"
FORMS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "AVIF", "HEIF")


def photo(width: int = 161, height: int = 123) -> Image.Image:
    """Odd sides: padding and part blocks are where ends go wrong."""
    with Image.open(PHOTO) as image:
        return image.convert("RGB").resize((width, height))


def written(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def checked(path: Path) -> None:
    check_frame(FrameCheck(str(path), "img_url", min_side_px=1, max_ratio=100.0))


def taken(folder: Path, data: bytes) -> Pixels:
    """The pixels that an engine gets of the file, after its check."""
    path = folder / "first-frame"
    path.write_bytes(data)
    checked(path)
    form_of(path)
    return open_frame(path)


def refusal(folder: Path, data: bytes) -> str:
    path = folder / "first-frame"
    path.write_bytes(data)
    with pytest.raises(BadImage) as refused:
        checked(path)
    assert path.read_bytes() == data
    return refused.value.allowed


# --- PNG: what is not needed --------------------------------------------------------------------


def chunk(kind: bytes, data: bytes, *, wrong: int = 0) -> bytes:
    checksum = zlib.crc32(kind + data) ^ wrong
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


PACKED = zlib.compress(b"node," * 2_000_000)  # 10 MB, a workflow's
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
NOT_NEEDED = {
    "a large zTXt": chunk(b"zTXt", b"workflow\0\0" + PACKED),
    "a large iTXt": chunk(b"iTXt", b"workflow\0\1\0\0\0" + PACKED),
    "a large tEXt": chunk(b"tEXt", b"workflow\0" + b"node," * 400_000),
    "many texts": chunk(b"zTXt", b"w\0\0" + zlib.compress(b"n" * 1_000_000)) * 70,
    "a large profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(10_000_000))),
    "a broken profile": chunk(b"iCCP", b"p\0\0broken"),
    "a profile in an unknown packing": chunk(b"iCCP", b"p\0\7" + zlib.compress(PROFILE)),
    "a text with a wrong checksum": chunk(b"tEXt", b"a\0b", wrong=1),
    "a profile with a wrong checksum": chunk(b"iCCP", b"p\0\0" + zlib.compress(PROFILE), wrong=1),
    "a text in an unknown packing": chunk(b"zTXt", b"w\0\7x"),
    "a broken zTXt": chunk(b"zTXt", b"w\0\0broken"),
    "a short iTXt": chunk(b"iTXt", b"w"),
    "broken XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta"),
    "broken EXIF": chunk(b"eXIf", b"broken"),
    "an empty EXIF block": chunk(b"eXIf", b""),
    "broken EXIF as text": chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 20\nzz"),
    "a short pHYs": chunk(b"pHYs", b"w"),
    "a short gAMA": chunk(b"gAMA", b"w"),
    "a short cHRM": chunk(b"cHRM", b"w"),
    "an empty sRGB": chunk(b"sRGB", b""),
    "an empty tRNS": chunk(b"tRNS", b""),
    "a broken animation": chunk(b"acTL", b"x"),
    "an animation of no pictures": chunk(b"acTL", bytes(8)),
    "a chunk of unknown kind": chunk(b"caBX", b"c2pa" * 50_000),
    "a chunk without a name": chunk(b"\0\0\0\0", b"x"),
}


@pytest.mark.parametrize("is_behind", [False, True], ids=["before the pixels", "behind them"])
@pytest.mark.parametrize("what", NOT_NEEDED)
def test_what_a_png_can_do_without_is_no_reason_to_refuse(
    tmp_path: Path, what: str, *, is_behind: bool
) -> None:
    png = written(photo(), "PNG")
    at = len(png) - 12 if is_behind else 33

    pixels = taken(tmp_path, png[:at] + NOT_NEEDED[what] + png[at:])

    assert np.array_equal(pixels, np.array(photo()))


def test_a_chunk_that_is_cut_short_behind_the_pixels_is_no_reason(tmp_path: Path) -> None:
    png = written(photo(), "PNG")

    pixels = taken(tmp_path, png[:-12] + b"\x7f\xff\xff\xfftEXtand no more")

    assert np.array_equal(pixels, np.array(photo()))


def test_a_mended_png_keeps_its_profile_its_turn_and_its_transparency(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = photo().convert("P")
    image.info["transparency"] = 3
    png = written(image, "PNG", exif=exif, icc_profile=PROFILE, transparency=3)
    path = tmp_path / "first-frame"
    path.write_bytes(png)
    expected = open_frame(path)

    pixels = taken(tmp_path, png[:33] + NOT_NEEDED["a large zTXt"] + png[33:])

    assert pixels.shape == (161, 123, 3)
    assert np.array_equal(pixels, expected)
    with Image.open(path) as mended:
        assert mended.info["icc_profile"] == PROFILE
        assert mended.info["transparency"] == 3


@pytest.mark.parametrize("bits", range(40))
def test_a_png_with_flipped_bits_is_refused_or_can_be_rendered(tmp_path: Path, bits: int) -> None:
    random = np.random.default_rng(bits)
    data = bytearray(written(photo(), "PNG", exif=Image.Exif().tobytes() or b"Exif\0\0II*\0"))
    for at in random.integers(33, len(data), 2):
        data[at] ^= 1 << int(random.integers(0, 8))
    path = tmp_path / "first-frame"
    path.write_bytes(data)

    try:
        checked(path)
    except BadImage:
        return
    assert open_frame(path).shape == (123, 161, 3)


@pytest.mark.parametrize("form", FORMS)
def test_what_passes_the_check_can_be_opened_by_an_engine(tmp_path: Path, form: str) -> None:
    random = np.random.default_rng(4)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description" * 9
    whole = written(photo(), form, exif=exif.tobytes())
    path = tmp_path / "first-frame"
    refused = 0

    for _ in range(50):
        data = bytearray(whole)
        for at in random.integers(12, len(data), 3):
            data[at] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(data)
        try:
            checked(path)
        except BadImage:
            refused += 1
            continue
        form_of(path)
        assert open_frame(path).shape[2] == 3
    assert refused > 0 or form == "BMP"


# --- ends ---------------------------------------------------------------------------------------

JPEGS: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: written(photo(), "JPEG", quality=85),
    "grey": lambda: written(photo().convert("L"), "JPEG"),
    "CMYK": lambda: written(photo().convert("CMYK"), "JPEG"),
    "progressive": lambda: written(photo(), "JPEG", progressive=True),
    "with restarts": lambda: written(photo(), "JPEG", restart_marker_rows=1),
    "4:4:4": lambda: written(photo(), "JPEG", subsampling=0),
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("cut", [1, 2], ids=["half an end mark", "no end mark"])
def test_a_jpeg_without_its_end_mark_is_whole(tmp_path: Path, kind: str, cut: int) -> None:
    whole = JPEGS[kind]()
    expected = taken(tmp_path, whole)

    assert np.array_equal(taken(tmp_path, whole[:-cut]), expected)


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("kept", [0.4, 0.7, 0.9, 0.97])
def test_a_jpeg_cut_in_the_middle_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    whole = JPEGS[kind]()

    assert "cut short or broken" in refusal(tmp_path, whole[: int(len(whole) * kept)])


def test_a_progressive_jpeg_without_its_last_scan_is_refused(tmp_path: Path) -> None:
    whole = JPEGS["progressive"]()
    last_scan = whole.rindex(b"\xff\xda")
    tables = whole.rindex(b"\xff\xc4", 0, last_scan)

    for end in (last_scan, tables):
        assert "cut short or broken" in refusal(tmp_path, whole[:end])


@pytest.mark.parametrize("kind", [kind for kind in JPEGS if kind != "progressive"])
def test_a_jpeg_cut_in_the_middle_and_closed_with_an_end_mark_is_refused(
    tmp_path: Path, kind: str
) -> None:
    whole = JPEGS[kind]()

    closed = whole[: len(whole) * 2 // 3].rstrip(b"\xff") + b"\xff\xd9"

    assert "cut short or broken" in refusal(tmp_path, closed)


@pytest.mark.parametrize("behind", [b"junk" * 99, bytes(999), b"\0\0\0\x18ftypmp42" * 9])
@pytest.mark.parametrize("form", FORMS)
def test_what_lies_behind_the_end_is_no_reason(tmp_path: Path, form: str, behind: bytes) -> None:
    whole = written(photo(), form)
    expected = taken(tmp_path, whole)

    assert np.array_equal(taken(tmp_path, whole + behind), expected)


@pytest.mark.parametrize("behind", [b"junk" * 99, bytes(999)])
def test_a_jpeg_with_something_in_place_of_its_end_mark_is_whole(
    tmp_path: Path, behind: bytes
) -> None:
    whole = JPEGS["baseline"]()
    expected = taken(tmp_path, whole)

    assert np.array_equal(taken(tmp_path, whole[:-2] + behind), expected)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["RGB", "P", "L"])
def test_a_picture_that_lacks_some_bytes_shows_every_pixel_or_is_refused(
    tmp_path: Path, form: str, mode: str
) -> None:
    image = photo().convert(mode) if form in {"PNG", "GIF", "BMP"} or mode == "L" else photo()
    whole = written(image, form)
    expected = taken(tmp_path, whole)
    path = tmp_path / "first-frame"
    refused = 0

    for missing in (*range(1, 30), 50, 100, len(whole) // 4, len(whole) // 2):
        path.write_bytes(whole[:-missing])
        try:
            checked(path)
        except BadImage:
            refused += 1
            continue
        assert np.array_equal(open_frame(path), expected), missing
    assert refused > 0


METADATA = {"exif": b"Exif\0\0II*\0" + bytes(101), "xmp": b"<x:xmpmeta/>" * 9}


def test_a_webp_that_is_cut_short_in_its_metadata_is_whole(tmp_path: Path) -> None:
    whole = written(photo(), "WEBP", icc_profile=PROFILE, **METADATA)
    expected = taken(tmp_path, whole)

    for missing in (1, 2, 9, 50, 150):
        assert np.array_equal(taken(tmp_path, whole[:-missing]), expected)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_a_moving_picture_that_is_cut_short_behind_its_first_is_whole(
    tmp_path: Path, form: str
) -> None:
    others = [photo().rotate(angle) for angle in (20, 40, 60)]
    whole = written(photo(), form, save_all=True, append_images=others)
    expected = taken(tmp_path, whole)

    assert np.array_equal(taken(tmp_path, whole[: len(whole) * 2 // 3]), expected)
    assert refusal(tmp_path, whole[: len(whole) // 9])


def test_a_mended_file_is_one_that_a_strict_reader_takes(tmp_path: Path) -> None:
    png = written(photo(), "PNG")
    faulty = {
        "JPEG": JPEGS["baseline"]()[:-2],
        "PNG": png[:33] + NOT_NEEDED["a large zTXt"] + png[33:],
        "WEBP": written(photo(), "WEBP", **METADATA)[:-9],
    }

    for form, data in faulty.items():
        taken(tmp_path, data)
        with Image.open(tmp_path / "first-frame") as image:
            image.load()
            assert image.format == form
        assert [path.name for path in tmp_path.iterdir()] == ["first-frame"]


def test_a_whole_file_is_left_as_it_came(tmp_path: Path) -> None:
    for form in FORMS:
        data = written(photo(), form)
        taken(tmp_path, data)
        assert (tmp_path / "first-frame").read_bytes() == data
