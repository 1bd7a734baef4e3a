"""A picture for trials, made by the server's own process."""

from __future__ import annotations

import struct
import zlib

from unstill.domain.request import Size


def plain_png(size: Size) -> bytes:
    """A plain picture without any library: RGB rows of a gradient (RFC 2083)."""
    rows = b"".join(
        b"\0" + bytes(v for x in range(size.width) for v in (x * 255 // size.width, y, 128))
        for y in range(size.height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", size.width, size.height, 8, 2, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return (
        signature + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
