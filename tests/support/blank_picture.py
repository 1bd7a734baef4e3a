"""A picture that passes at the border and costs no render: a PNG's header, without pixels."""

from __future__ import annotations

import struct
import zlib

_SIDE_PX = 320  # every model takes it


def _header() -> bytes:
    data = b"IHDR" + struct.pack(">IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 2, 0, 0, 0)
    return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


HEADER_ONLY = b"\x89PNG\r\n\x1a\n" + _header()
