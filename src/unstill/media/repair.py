"""Files whose pixels are all there and that strict readers refuse: the same pixels, without the
fault. Pure.

Covers what people send: metadata that is broken or too large, checksums of it, an end that is
missing. A form made here is a proposal: whether all pixels are there, the decoder says.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from unstill.media.picture_formats import JPEG_BARE_MARKERS, JPEG_FRAME_MARKERS, Format
from unstill.media.picture_limits import MOST_PROFILE_BYTES

# Several ends for each format, which a decoder reads only if it misses something: then they show.
# They differ from their first bit on: one that is missing may be either.
_JUNK = (b"\xaa" * 256, b"\x55" * 256, b"\xfe" * 256)
_ENDS: dict[Format, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd9", *(junk + b"\xff\xd9" for junk in _JUNK)),
    "BMP": (bytes(3), b"\xff" * 3, b"\x55" * 3, b"\xaa" * 3),  # a row is padded to four bytes
    "GIF": (bytes(256) + b";", *(junk + b"\0;" for junk in _JUNK)),  # a block has at most 255 bytes
}

_MOST_EXIF_BYTES = 64 * 1024
_PNG_PIXELS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_PNG_LENGTHS = {b"gAMA": (4,), b"sRGB": (1,), b"cHRM": (32,), b"tRNS": (2, 6, *range(1, 257))}
_WEBP_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}  # RFC 9649, 2.7

_SCAN_END = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # ITU T.81, B.1.1.2 and B.1.1.5
_SOS, _EOI = 0xDA, 0xD9


def forms_without_fault(data: bytes, name: Format) -> list[bytes]:
    """The picture in files that a strict reader may take; none if there is no hope.

    Of several all must show the same pixels: else some are missing in `data`.
    """
    match name:
        case "PNG":
            return [_png(data)]
        case "WebP":
            return _webp(data)
        case "JPEG" if not _has_all_scans(data):
            return []
        case "JPEG":
            return [data.rstrip(b"\xff") + end for end in _ENDS[name]]
        case "BMP" | "GIF":
            return [data + end for end in _ENDS[name]]
        case "AVIF" | "HEIC":  # an index in front says where every byte is; none may be missing
            return []


def with_junk_behind_scan(data: bytes) -> bytes | None:
    """A JPEG of one scan with more behind it, which shows if the scan is too short."""
    scans = list(_jpeg_scans(data))
    if len(scans) != 1 or scans[0].end is None or scans[0].is_progressive:
        return None
    end = scans[0].end
    return data[:end] + _JUNK[0] + data[end:]


# --- JPEG ---------------------------------------------------------------------------------------


class _Scan(NamedTuple):
    components: bytes  # the picture has them
    first: int  # coefficient, 0 to 63
    last: int
    low_bit: int  # the lowest bit of them that this scan brings
    is_progressive: bool
    all_components: bytes
    end: int | None  # its data ends there; None if the file does


def _has_all_scans(data: bytes) -> bool:
    """Whether every coefficient of every component is brought to its last bit."""
    missing: set[tuple[int, int]] | None = None
    for scan in _jpeg_scans(data):
        if missing is None:
            missing = {(part, n) for part in scan.all_components for n in range(64)}
        if scan.low_bit == 0:
            brought = range(scan.first, min(scan.last, 63) + 1)
            missing -= {(part, n) for part in scan.components for n in brought}
    return missing == set()


def _jpeg_scans(data: bytes) -> Iterator[_Scan]:
    """Up to the end mark, or to where the file ends or makes no sense. Source: ITU T.81, B.2."""
    at, parts, is_progressive = 2, b"", False
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in JPEG_BARE_MARKERS:
            at += 2
            continue
        if marker == _EOI:
            return
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        at += 2 + max(length, 2)
        if marker in JPEG_FRAME_MARKERS and len(body) >= 6:
            parts, is_progressive = body[6::3][: body[5]], marker in {0xC2, 0xCA}
        elif marker == _SOS and body and len(body) >= 4 + 2 * body[0]:
            found = _SCAN_END.search(data, at)
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            end = None if found is None else found.start()
            here = body[1 : 1 + 2 * body[0] : 2]
            yield _Scan(here, first, last, bits & 15, is_progressive, parts, end)
            if end is None:
                return
            at = end


# --- PNG ----------------------------------------------------------------------------------------


def _png(data: bytes) -> bytes:
    """Only the chunks that pixels and colours need, each with a checksum that is right."""
    kept = [_png_chunk(kind, body) for kind, body in _png_chunks(data) if kind != b"IEND"]
    return data[:8] + b"".join(kept) + _png_chunk(b"IEND", b"")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        body = data[at + 8 : at + 8 + length]
        is_right = data[at + 8 + length : at + 12 + length] == struct.pack(
            ">I", zlib.crc32(kind + body)
        )
        if kind in _PNG_PIXELS or (is_right and _is_good(kind, body)):
            yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length


def _is_good(kind: bytes, body: bytes) -> bool:
    """Whether this is metadata that changes how the picture looks, and is well made."""
    match kind:
        case b"iCCP":
            return _unpacks(body.partition(b"\0")[2])
        case b"eXIf":
            return 0 < len(body) <= _MOST_EXIF_BYTES
        case _:
            return len(body) in _PNG_LENGTHS.get(kind, ())


def _unpacks(method_and_profile: bytes) -> bool:
    if method_and_profile[:1] != b"\0":
        return False
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(method_and_profile[1:], MOST_PROFILE_BYTES)
    except zlib.error:
        return False
    return unpacker.eof


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# --- WebP ---------------------------------------------------------------------------------------


def _webp(data: bytes) -> list[bytes]:
    """The chunks that are whole, with a head that says so. Source: RFC 9649, 2.3 to 2.7."""
    chunks = list(_webp_chunks(data))
    kinds = {kind for kind, _ in chunks}
    if not kinds & {b"VP8 ", b"VP8L", b"ANMF"}:
        return []
    body = b"".join(_webp_chunk(kind, _webp_head(kind, part, kinds)) for kind, part in chunks)
    return [b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body]


def _webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + length]
        if len(body) < length:
            return
        yield kind, body
        at += 8 + length + length % 2


def _webp_head(kind: bytes, body: bytes, kinds: set[bytes]) -> bytes:
    if kind != b"VP8X" or not body:
        return body
    gone = sum(flag for kind, flag in _WEBP_FLAGS.items() if kind not in kinds)
    return bytes([body[0] & ~gone]) + body[1:]


def _webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
