"""A picture is the one that its sender sees in a viewer: the same way up, and not blank."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unstill.domain.errors import BadImage
from unstill.media.decode import check_frame, form_of, open_frame
from unstill.media.tasks import FrameCheck

RED, GREEN, WHITE = (255, 0, 0), (0, 128, 0), (255, 255, 255)
ON_ITS_SIDE = 6  # EXIF: turned by 90 degrees to be seen
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def left_and_right() -> Image.Image:
    """Upright, 40x20: red, and green."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(GREEN, (20, 0, 40, 20))
    return image


def exif(orientation: int | None) -> bytes:
    block = Image.Exif()
    block[0x0110] = "a camera"
    if orientation is not None:
        block[0x0112] = orientation
    return block.tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(image: Image.Image, extra: bytes) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    data = file.getvalue()
    return data[:33] + extra + data[33:]  # behind the header


def assert_seen(path: Path) -> None:
    facts = check_frame(FrameCheck(str(path), "img_url", 1, 100.0))
    form = form_of(path)
    pixels = open_frame(path).astype(int)

    assert (facts.width, facts.height) == (form.width, form.height) == (40, 20)
    assert pixels.shape == (20, 40, 3)
    assert np.abs(pixels[4:16, 4:16] - RED).max() < 12
    assert np.abs(pixels[4:16, 24:36] - GREEN).max() < 12


@pytest.mark.parametrize("own", [None, exif(None), exif(1)], ids=["none", "silent", "upright"])
@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_what_xmp_says_of_the_orientation_turns_nothing(
    tmp_path: Path, form: str, own: bytes | None
) -> None:
    path = tmp_path / "frame"
    block = {} if own is None else {"exif": own}
    left_and_right().save(path, form, quality=95, xmp=XMP, **block)

    assert_seen(path)


def test_nor_does_it_in_a_png(tmp_path: Path) -> None:
    path = tmp_path / "frame"
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
    path.write_bytes(png_with(left_and_right(), text))

    assert_seen(path)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_what_exif_says_turns_it_whatever_xmp_says(tmp_path: Path, form: str) -> None:
    path = tmp_path / "frame"
    stored = left_and_right().transpose(Image.Transpose.ROTATE_90)
    stored.save(path, form, quality=95, exif=exif(ON_ITS_SIDE), xmp=XMP.replace(b'"6"', b'"1"'))

    assert_seen(path)


def test_a_png_of_imagemagick_is_turned_by_its_exif_as_text(tmp_path: Path) -> None:
    block = exif(ON_ITS_SIDE)
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    stored = left_and_right().transpose(Image.Transpose.ROTATE_90)
    path = tmp_path / "frame"
    path.write_bytes(
        png_with(stored, chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))
    )

    assert_seen(path)


def bmp(alpha: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> bytes:
    """40x20 with four bytes for a pixel and a header that says where alpha is."""
    pixels = np.dstack([np.asarray(left_and_right())[..., ::-1], alpha])[::-1].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, 40, 20, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    body = head + masks + b"BGRs" + bytes(48) + pixels
    return b"BM" + struct.pack("<IHHI", 14 + len(body), 0, 0, 14 + 108) + body


def test_a_bmp_whose_alpha_nobody_filled_in_is_not_blank(tmp_path: Path) -> None:
    path = tmp_path / "frame"
    path.write_bytes(bmp(np.zeros((20, 40), np.uint8)))

    assert_seen(path)


def test_a_bmp_that_is_transparent_in_part_is_laid_over_white(tmp_path: Path) -> None:
    alpha = np.zeros((20, 40), np.uint8)
    alpha[:, 20:] = 255
    path = tmp_path / "frame"
    path.write_bytes(bmp(alpha))

    pixels = open_frame(path)

    assert (pixels[:, :20] == WHITE).all()
    assert (pixels[:, 20:] == GREEN).all()


def test_a_png_that_is_transparent_everywhere_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "frame"
    Image.new("RGBA", (40, 20), (*RED, 0)).save(path, "PNG")

    assert (open_frame(path) == WHITE).all()


@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_a_file_that_is_cut_short_is_said_to_be(tmp_path: Path, form: str) -> None:
    path = tmp_path / "frame"
    left_and_right().save(path, form)
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(BadImage, match="cut short"):
        check_frame(FrameCheck(str(path), "img_url", 1, 100.0))
