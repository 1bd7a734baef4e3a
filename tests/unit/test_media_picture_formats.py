"""What a picture is by its first bytes."""

from __future__ import annotations

import io
import struct
import time
from typing import get_args

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unstill.media.picture_formats import ENOUGH_BYTES, Format, dimensions, format_of

pillow_heif.register_heif_opener()

PILLOW_NAMES = {"HEIC": "HEIF", "WebP": "WEBP"}
SIZED = ("JPEG", "PNG", "WebP", "BMP", "GIF")


def picture(name: str, *, mode: str = "RGB", **options: object) -> bytes:
    """A picture of 37x21 px."""
    file = io.BytesIO()
    image = Image.new(mode, (37, 21), 90 if mode == "L" else None)
    image.save(file, PILLOW_NAMES.get(name, name), **options)
    return file.getvalue()


PICTURES = {name: picture(name) for name in get_args(Format)}


@pytest.mark.parametrize("name", get_args(Format))
def test_every_format_is_known_by_its_first_bytes(name: Format) -> None:
    assert format_of(PICTURES[name][:ENOUGH_BYTES]) == name


@pytest.mark.parametrize("name", SIZED)
def test_the_size_is_read_from_the_header(name: str) -> None:
    assert dimensions(PICTURES[name]) == (37, 21)


@pytest.mark.parametrize(
    "data",
    [
        picture("JPEG", progressive=True),
        picture("JPEG", comment=b"c" * 60_000, icc_profile=b"p" * 150_000),
        picture("JPEG", mode="L"),
        picture("WebP", lossless=True),
        picture("WebP", mode="RGBA"),
        picture("WebP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
        picture("GIF", save_all=True, append_images=[Image.new("RGB", (37, 21), "red")]),
        picture("BMP", mode="L"),
        PICTURES["JPEG"][:2] + b"\xff" * 100 + PICTURES["JPEG"][2:],
    ],
)
def test_the_size_is_read_in_every_shape_of_a_header(data: bytes) -> None:
    assert dimensions(data) == (37, 21)


def test_a_bmp_with_its_first_row_on_top_has_a_positive_height() -> None:
    data = bytearray(PICTURES["BMP"])
    struct.pack_into("<i", data, 22, -21)

    assert dimensions(bytes(data)) == (37, 21)


@pytest.mark.parametrize("name", ["AVIF", "HEIC"])
def test_sizes_that_lie_deep_are_left_to_the_decoder(name: Format) -> None:
    assert dimensions(PICTURES[name]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!DOCTYPE html><html>",
        b'{"error": "not found"}',
        b"BMW is a car maker, and this is a text",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41",
        b"%PDF-1.7",
        b"II*\x00\x08\x00\x00\x00",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_what_is_no_picture_of_ours_is_none(data: bytes) -> None:
    assert format_of(data) is None
    assert dimensions(data) is None


def test_a_heif_whose_major_brand_is_general_is_known_by_the_others() -> None:
    head = b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00"

    assert format_of(head + b"mif1heicmiaf") == "HEIC"
    assert format_of(head + b"mif1avifmiaf") == "AVIF"
    assert format_of(head + b"mif1miafMiHB") is None


def test_a_jpeg_of_nothing_but_padding_costs_no_time() -> None:
    data = b"\xff\xd8" + b"\xff" * 20_000_000
    began = time.process_time()

    assert dimensions(data) is None
    assert time.process_time() - began < 0.5


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    size = dimensions(data)

    assert format_of(data) in {None, *get_args(Format)}
    assert size is None or min(size) > 0


@given(
    st.sampled_from(sorted(PICTURES)),
    st.integers(0, 400),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 255)), max_size=6),
)
def test_no_broken_header_raises(name: str, length: int, changes: list[tuple[int, int]]) -> None:
    data = bytearray(PICTURES[name])
    for at, value in changes:
        data[at % len(data)] = value

    size = dimensions(bytes(data[:length]))

    assert size is None or min(size) > 0
