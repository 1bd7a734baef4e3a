"""How often a JPEG draws its picture: each scan costs a pass over all pixels, and a few bytes.

A file of half a megabyte may have thousands, and cost a decoder minutes: a bomb of its own kind.
"""

from __future__ import annotations

import re

from unstill.errors import BadImage

# A progressive picture has 10 (libjpeg's own script); the most that one of three components can
# use, each bit of each band by itself, stays below 500, where libjpeg-turbo's own fuzzers stop
# (fuzz/decompress.cc, "scan_number > 500").
MOST_SCANS = 500

_START_OF_SCAN = 0xDA
_END = 0xD9
# In the data of a scan 0xFF is followed by a zero or a restart mark; anything else ends it.
_NEXT_MARK = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")


def check_scans(data: bytes, param: str) -> None:
    """Raises BadImage for a JPEG of more scans than any camera, phone or program makes."""
    scans = count_scans(data)
    if scans > MOST_SCANS:
        raise BadImage(
            param, f"a JPEG must have at most {MOST_SCANS} scans, this one has more: save it anew"
        )


def count_scans(data: bytes) -> int:
    """The scans of the first picture in it, one more than `MOST_SCANS` at the most."""
    scans, at = 0, 2  # behind the mark of the start
    while scans <= MOST_SCANS:
        found = _NEXT_MARK.search(data, at)
        if found is None or data[found.end() - 1] == _END:
            break
        scans += data[found.end() - 1] == _START_OF_SCAN
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return scans
