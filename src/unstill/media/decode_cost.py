"""How often a JPEG draws its picture, and of how many parts it or a PNG is: what costs much.

Each scan is a pass over all pixels and a few bytes; each part is a reader's object and four bytes,
if it is empty. A file of some megabytes may have millions: a bomb of its own kind.
"""

from __future__ import annotations

import re

from unstill.domain.errors import BadImage

# A progressive picture has 10 (libjpeg's own script); the most that one of three components can
# use, each bit of each band by itself, stays below 500, where libjpeg-turbo's own fuzzers stop
# (fuzz/decompress.cc, "scan_number > 500").
MOST_SCANS = 500

# Metadata comes in parts of up to 64 KiB, 255 of them for a colour profile (ICC.1, B.4), and a file
# of 20 MiB has room for 320 full ones. Measured: two million empty ones take Pillow half a minute.
MOST_PARTS = 4096
# libpng writes pixels 8 KiB at a time, 2,560 times in 20 MiB; an animation has two or more a frame.
# Measured: 400,000 texts of three bytes take Pillow a dozen seconds.
MOST_CHUNKS = 50_000

_START_OF_SCAN = 0xDA
_END = 0xD9
# In the data of a scan 0xFF is followed by a zero or a restart mark; anything else ends it.
_NEXT_MARK = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")


def check_scans(data: bytes, param: str) -> None:
    """Raises BadImage for a JPEG of more scans or parts than any camera, phone or program makes."""
    marks = _marks(data)
    if marks.count(_START_OF_SCAN) > MOST_SCANS:
        most = f"{MOST_SCANS} scans"
    elif len(marks) > MOST_PARTS:
        most = f"{MOST_PARTS} parts"
    else:
        return
    raise BadImage(param, f"a JPEG must have at most {most}, this one has more: save it anew")


def check_chunks(data: bytes, param: str) -> None:
    """Raises BadImage for a PNG of more chunks than any program makes."""
    at, chunks = 8, 0  # behind the signature
    while at < len(data):
        at += 12 + int.from_bytes(data[at : at + 4])  # beside its data: length, name, checksum
        chunks += 1
        if chunks > MOST_CHUNKS:
            raise BadImage(
                param,
                f"a PNG must have at most {MOST_CHUNKS} chunks, this one has more: save it anew",
            )


def count_scans(data: bytes) -> int:
    """The scans of the first picture in it, among its first `MOST_PARTS` parts."""
    return _marks(data).count(_START_OF_SCAN)


def _marks(data: bytes) -> bytes:
    """What the parts of the first picture in it begin with; one more than `MOST_PARTS` at most."""
    marks, at = bytearray(), 2  # behind the mark of the start
    while len(marks) <= MOST_PARTS:
        found = _NEXT_MARK.search(data, at)
        if found is None or data[found.end() - 1] == _END:
            break
        marks.append(data[found.end() - 1])
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return bytes(marks)
