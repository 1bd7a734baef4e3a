"""A JPEG that draws its picture again and again: counted before anything decodes it."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from support.hostile import jpeg_of_many_scans, png
from unstill.domain.errors import BadImage
from unstill.media.decode import check_frame
from unstill.media.decode_cost import (
    MOST_CHUNKS,
    MOST_PARTS,
    MOST_SCANS,
    check_chunks,
    check_scans,
    count_scans,
)
from unstill.media.tasks import FrameCheck

PHOTOS = Path(__file__).parents[2] / "photos"


def saved(**options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((320, 320), 60).convert("RGB").save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize(("options", "scans"), [({}, 1), ({"progressive": True}, 10)])
def test_the_scans_of_what_programs_write_are_counted(
    options: dict[str, object], scans: int
) -> None:
    assert count_scans(saved(**options)) == scans


def test_what_only_looks_like_a_scan_in_a_comment_or_behind_the_picture_is_none() -> None:
    assert count_scans(saved(comment=b"\xff\xda" * 2000) + b"\xff\xda" * 2000) == 1


@pytest.mark.parametrize("photo", sorted(PHOTOS.glob("*.jpg")), ids=lambda path: path.name)
def test_photos_have_few(photo: Path) -> None:
    check_scans(photo.read_bytes(), "image")


@pytest.mark.parametrize("cut", [2, 3, 4, 20, 200])
def test_a_picture_that_is_cut_short_is_counted_to_its_end(cut: int) -> None:
    assert count_scans(saved(progressive=True)[:cut]) <= 1


def test_a_picture_of_thousands_of_scans_is_refused_without_decoding(tmp_path: Path) -> None:
    base = count_scans(jpeg_of_many_scans(64, scans=0))
    check_scans(jpeg_of_many_scans(64, scans=MOST_SCANS - base), "image")
    path = tmp_path / "first-frame"
    path.write_bytes(jpeg_of_many_scans(640, scans=MOST_SCANS - base + 1))
    with pytest.raises(BadImage, match=r"^images\[0\]: a JPEG must have at most 500 scans"):
        check_frame(FrameCheck(str(path), "images[0]", 100, 3.0))


def of_parts(count: int) -> bytes:
    """A picture with so many parts, nearly all of them empty comments."""
    plain = saved()
    own = plain.count(b"\xff\xdb") + plain.count(b"\xff\xc4") + len(["APP0", "SOF0", "SOS"])
    return plain[:2] + b"\xff\xfe\0\2" * (count - own) + plain[2:]


def test_a_picture_of_thousands_of_empty_parts_is_refused_without_reading_them(
    tmp_path: Path,
) -> None:
    check_scans(of_parts(MOST_PARTS), "image")
    path = tmp_path / "first-frame"
    path.write_bytes(of_parts(MOST_PARTS + 1))
    with pytest.raises(BadImage, match=r"^images\[0\]: a JPEG must have at most 4096 parts"):
        check_frame(FrameCheck(str(path), "images[0]", 100, 3.0))


def test_a_full_colour_profile_and_much_metadata_are_no_bomb() -> None:
    plain = saved()
    profile = b"\xff\xe2\xff\xff" + b"ICC_PROFILE\0\1\1" + bytes(65_519)
    metadata = b"\xff\xe1\xff\xff" + bytes(65_533)
    check_scans(plain[:2] + profile * 255 + metadata * 65 + plain[2:], "image")


def test_a_png_of_thousands_of_small_texts_is_refused_without_reading_them(tmp_path: Path) -> None:
    text = struct.pack(">I", 3) + b"tEXta\0b" + struct.pack(">I", zlib.crc32(b"tEXta\0b"))
    own = 3  # IHDR, IDAT, IEND
    check_chunks(png(64, 64, text * (MOST_CHUNKS - own)), "image")
    path = tmp_path / "first-frame"
    path.write_bytes(png(640, 480, text * (MOST_CHUNKS - own + 1)))
    with pytest.raises(BadImage, match=r"^image: a PNG must have at most 50000 chunks"):
        check_frame(FrameCheck(str(path), "image", 100, 3.0))


@pytest.mark.parametrize("cut", [0, 7, 8, 9, 30, 60])
def test_the_chunks_of_a_png_that_is_cut_short_are_counted_to_its_end(cut: int) -> None:
    check_chunks(png(64, 64)[:cut], "image")
