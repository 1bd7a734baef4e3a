"""Pictures as callers hand them to an upstream: an address, a data URL, base64, or bytes.

Addresses are never followed: an emulator asks nobody. What it gets as bytes is looked at as far as
its header goes.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec
import pybase64

from unstill.media.picture_formats import Format, dimensions, format_of

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?;base64,", re.IGNORECASE)


class PictureRule(msgspec.Struct, frozen=True):
    """What an upstream takes; `most_ratio` r allows shapes from 1:r to r:1."""

    formats: Collection[Format]
    least_side_px: int
    most_side_px: int
    most_bytes: int
    most_ratio: float | None = None


class PictureFault(Exception):
    """Why a picture cannot be used, in plain words."""


def is_address(text: str) -> bool:
    return re.fullmatch(r"https?://[^\s/]+(/\S*)?", text) is not None


def bytes_of_data_url(text: str) -> bytes | None:
    """The bytes of a base64 data URL, or None if it is no data URL. Raises PictureFault."""
    head = _DATA_URL.match(text)
    if head is None:
        return None
    return bytes_of_base64(text[head.end() :])


def bytes_of_base64(text: str) -> bytes:
    """Raises PictureFault."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        raise PictureFault("the base64 of the picture cannot be decoded") from None


def check_bytes(data: bytes, rule: PictureRule) -> None:
    """Raises PictureFault."""
    check_head(data, len(data), rule)


def check_head(head: bytes, size_bytes: int, rule: PictureRule) -> None:
    """The same for a picture of which only the beginning is at hand. Raises PictureFault."""
    if size_bytes > rule.most_bytes:
        raise PictureFault(f"the picture has {size_bytes} bytes, at most {rule.most_bytes}")
    if format_of(head) not in rule.formats:
        raise PictureFault(f"the picture is none of {', '.join(sorted(rule.formats))}")
    sides = dimensions(head)
    if sides is None:
        raise PictureFault("the picture's header cannot be read")
    if min(sides) < rule.least_side_px or max(sides) > rule.most_side_px:
        raise PictureFault(
            f"the picture's sides must be {rule.least_side_px} to {rule.most_side_px} px,"
            f" they are {sides[0]} and {sides[1]}"
        )
    if rule.most_ratio is not None and max(sides) > min(sides) * rule.most_ratio:
        raise PictureFault(f"the picture is longer than {rule.most_ratio:g}:1")
