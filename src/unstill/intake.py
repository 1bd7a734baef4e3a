"""Callers' pictures as they come in: told apart, decoded from text, and recognised. Pure.

What can be known of a picture at once is known here, so that the caller hears it in the answer;
what takes fetching or decoding comes later, in a lane.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import pybase64

from unstill.errors import BadField, BadImage
from unstill.media.facts import FrameCheck
from unstill.media.limits import (
    MAX_FILE_BYTES,
    NOT_A_PICTURE,
    check_file_size,
    check_pixels,
    check_shape,
)
from unstill.media.sniff import dimensions, format_of
from unstill.models.card import FrameRule
from unstill.request import Frame, GivenFrame, Role

MOST_URL_CHARS = 8192  # longer ones are refused by most servers; signed links stay under 2,000
_SHAPES = "an http(s) URL, a data URL, base64 text or an uploaded file"


class Taken(msgspec.Struct, frozen=True):
    """A frame of the request and, unless it is still to be fetched, its bytes."""

    frame: Frame
    data: bytes | None


def take(given: Sequence[GivenFrame]) -> dict[Role, Taken]:
    """The frames by role; the same picture twice is one.

    Raises BadImage or BadField, in the caller's name of the frame.
    """
    taken: dict[Role, Taken] = {}
    for each in given:
        new = _take_one(each)
        earlier = taken.get(each.role)
        if earlier is None:
            taken[each.role] = new
        elif (earlier.frame.url, earlier.frame.sha256) != (new.frame.url, new.frame.sha256):
            raise BadField(each.param, f"the same picture as {earlier.frame.param}", "another one")
    return taken


def _take_one(given: GivenFrame) -> Taken:
    match given.value:
        case bytes() as file if _is_address(file):
            return _from_text(given, file.decode("ascii").strip())
        case bytes():
            return _inline(given, given.value)
        case str():
            return _from_text(given, given.value.strip())
        case _:
            raise BadField(given.param, _SHAPES, given.value)


def _is_address(file: bytes) -> bool:
    """Whether an uploaded file holds a URL: LiteLLM sends a URL given as text so. (1.106.2)"""
    return file[:8].lower().startswith((b"http://", b"https://", b"data:")) and file.isascii()


def _from_text(given: GivenFrame, text: str) -> Taken:
    head = text[:8].lower()
    if head.startswith(("http://", "https://")):
        if len(text) > MOST_URL_CHARS:
            allowed = f"a URL of at most {MOST_URL_CHARS} characters"
            raise BadField(given.param, allowed, f"{len(text)} characters")
        return Taken(Frame(given.role, given.param, url=text), None)
    if head.startswith("data:"):
        declared, comma, text = text.partition(",")
        # The declared type is not believed; how the bytes are written must be.
        if not comma or not declared.lower().endswith(";base64"):
            raise BadImage(given.param, "the data URL must be of the form data:...;base64,...")
    return _inline(given, _decoded(given, text))


def _decoded(given: GivenFrame, text: str) -> bytes:
    try:
        # The base64 command wraps its lines; unlike split, this makes no object of each.
        packed = text.encode("ascii").translate(None, delete=b" \t\r\n\v\f")
        if not packed:
            raise BadImage(given.param, "is empty")
        if len(packed) * 3 // 4 > MAX_FILE_BYTES + 3:  # before any of it is decoded
            check_file_size(len(packed) * 3 // 4, given.param)
        return pybase64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except ValueError:
        raise BadField(given.param, _SHAPES, text) from None


def _inline(given: GivenFrame, data: bytes) -> Taken:
    if not data:
        raise BadImage(given.param, "is empty")
    check_file_size(len(data), given.param)
    if format_of(data) is None:
        raise BadImage(given.param, NOT_A_PICTURE)
    sha256 = hashlib.sha256(data).hexdigest()
    return Taken(Frame(given.role, given.param, sha256=sha256), data)


def check_header(taken: Taken, rule: FrameRule) -> None:
    """Refuse what the picture's own header shows to be outside the model's limits.

    Raises BadImage. What the header does not tell is found when the picture is decoded.
    """
    size = None if taken.data is None else dimensions(taken.data)
    if size is not None:
        check_pixels(*size, taken.frame.param)
        check_shape(*size, frame_check(taken.frame, rule, path=""))


def frame_check(frame: Frame, rule: FrameRule, *, path: str) -> FrameCheck:
    """The model's limits for a picture, as the media child is asked."""
    return FrameCheck(
        path=path,
        param=frame.param,
        min_side_px=rule.least_side_px,
        max_side_px=rule.most_side_px,
        max_ratio=rule.most_ratio,
    )
