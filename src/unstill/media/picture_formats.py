"""What a picture is by its own first bytes, whatever its name or declared type says.

Covers the formats that `frames` decodes and nothing else. Pure, standard library only: the server
uses it to refuse an upload at create. Hostile bytes give None, never an exception.
"""

from __future__ import annotations

import struct
from typing import Literal, get_args

Format = Literal["JPEG", "PNG", "WebP", "BMP", "GIF", "AVIF", "HEIC"]
FORMATS: frozenset[Format] = frozenset(get_args(Format))

ENOUGH_BYTES = 64  # `format_of` needs so much of a file's beginning

# ISO 23000-12 and the AVIF specification 1.1: brands of still pictures and of sequences
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})

# ITU T.81, table B.1: start of frame, without DHT (C4), JPG (C8) and DAC (CC)
JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_BARE_MARKERS = frozenset(range(0xD0, 0xD9)) | {0x01}  # these have no length after them
JPEG_SCAN_OR_END = frozenset({0xD9, 0xDA})
MOST_JPEG_STEPS = 4096  # markers and fill bytes looked at; real files have their frame within 100


def format_of(data: bytes) -> Format | None:
    """The format that the first `ENOUGH_BYTES` show, or None if it is none of ours."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:2] == b"BM" and _bmp_header_bytes(data) is not None:
        return "BMP"
    return _format_of_brands(data) if data[4:8] == b"ftyp" else None


def dimensions(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the header says them, before any EXIF orientation.

    None where the header is cut short or broken, and for AVIF and HEIC, whose sizes lie deeper.
    """
    try:
        match format_of(data):
            case "PNG":
                size = struct.unpack_from(">II", data, 16)
            case "GIF":
                size = struct.unpack_from("<HH", data, 6)
            case "BMP":
                size = _bmp_size(data)
            case "WebP":
                size = _webp_size(data)
            case "JPEG":
                size = _jpeg_size(data)
            case _:
                return None
    except (struct.error, IndexError):
        return None
    width, height = size
    return (width, height) if width > 0 and height > 0 else None


def _format_of_brands(data: bytes) -> Format | None:
    box = data[: max(16, min(int.from_bytes(data[:4], "big"), ENOUGH_BYTES))]
    # After the major brand at 8 come four bytes of version, then the compatible brands.
    brands = [box[8:12], *(box[at : at + 4] for at in range(16, len(box) - 3, 4))]
    for brand in brands:
        if brand in AVIF_BRANDS:
            return "AVIF"
        if brand in HEIC_BRANDS:
            return "HEIC"
    return None


def _bmp_header_bytes(data: bytes) -> int | None:
    """The length of the second header: "BM" alone is also how a text may begin."""
    length = int.from_bytes(data[14:18], "little")
    return length if length in {12, 40, 52, 56, 64, 108, 124} else None


def _bmp_size(data: bytes) -> tuple[int, int]:
    if _bmp_header_bytes(data) == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height says that the first row is the top one


def _webp_size(data: bytes) -> tuple[int, int]:
    """Source: RFC 9649, sections 2.5 to 2.7."""
    match data[12:16]:
        case b"VP8X":
            width = int.from_bytes(data[24:27], "little") + 1
            height = int.from_bytes(data[27:30], "little") + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        case _:
            return 0, 0
    return (width, height) if len(data) >= 30 else (0, 0)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(MOST_JPEG_STEPS):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in JPEG_BARE_MARKERS:
            at += 2
        elif marker in JPEG_FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        elif marker in JPEG_SCAN_OR_END:
            break
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return 0, 0
