"""Callers' pictures as they come in: told apart, decoded from text, and recognised. Pure.

What can be known of a picture at once is known here, so that the caller hears it in the answer;
what takes fetching or decoding comes later, in a lane.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from unstill.domain.errors import BadField, BadImage
from unstill.domain.request import Frame, GivenFrame, Role
from unstill.media import picture_base64
from unstill.media.frame_limits import frame_check
from unstill.media.picture_formats import Format, dimensions, format_of
from unstill.media.picture_limits import (
    MAX_FILE_BYTES,
    check_file_size,
    check_pixels,
    check_shape,
    not_a_picture,
)
from unstill.media.unsupported_formats import ENOUGH_TO_NAME_BYTES, TEXT, what_it_is
from unstill.models.card import FrameRule

_SHORTEST_PICTURE_CHARS = 44  # the smallest GIF of one pixel has 32 bytes; any other picture more
MOST_URL_CHARS = 8192  # longer ones are refused by most servers; signed links stay under 2,000
_ADDRESSES = ("https://", "http://")
_SHAPES = "an http(s) URL, a data URL, base64 text or an uploaded file"


class IncomingFrame(msgspec.Struct, frozen=True):
    """A frame of the request and, unless it is still to be fetched, its bytes."""

    frame: Frame
    data: bytes | None


def take(given: Sequence[GivenFrame]) -> dict[Role, IncomingFrame]:
    """The frames by role; the same picture twice is one.

    Raises BadImage or BadField, in the caller's name of the frame.
    """
    taken: dict[Role, IncomingFrame] = {}
    for each in given:
        new = _take_one(each)
        earlier = taken.get(each.role)
        if earlier is None:
            taken[each.role] = new
        elif (earlier.frame.url, earlier.frame.sha256) != (new.frame.url, new.frame.sha256):
            allowed = f"the same picture as {earlier.frame.param}"
            raise BadField(each.param, allowed, found="another picture")
    return taken


def _take_one(given: GivenFrame) -> IncomingFrame:
    match given.value:
        case bytes() as file if picture_base64.is_text_of_a_picture(file):
            return _from_text(given, file.decode("ascii"))
        case bytes():
            return _inline(given, given.value)
        case str():
            return _from_text(given, given.value)
        case _:
            raise BadField(given.param, _SHAPES, given.value)


def _from_text(given: GivenFrame, sent: str) -> IncomingFrame:
    is_plain = sent.startswith(_ADDRESSES) and sent[-1].isalnum()  # nothing is around it
    text = sent if is_plain else picture_base64.bare(sent)
    if is_plain or text[:8].lower().startswith(_ADDRESSES):
        if len(text) > MOST_URL_CHARS:
            allowed = f"a URL of at most {MOST_URL_CHARS} characters"
            raise BadField(given.param, allowed, sent, found=f"{len(sent)} characters")
        return IncomingFrame(Frame(given.role, given.param, url=text), None)
    return _inline(given, picture_in(given.param, sent))


def picture_in(param: str, sent: str) -> bytes:
    """The picture that a text is; raises BadImage, or BadField for what is no base64."""
    text = picture_base64.bare(sent)
    if text[:8].lower().startswith("data:") and picture_base64.without_declared(text) is text:
        # The declared type is not believed; how the bytes are written must be.
        raise BadImage(param, "the data URL must be of the form data:...;base64,...")
    data = _decoded(param, sent)
    is_short = 0 < len(text) < _SHORTEST_PICTURE_CHARS
    if is_short and not (picture_base64.begins_as_a_picture(text) or _is_known(data)):
        raise BadField(param, _SHAPES, sent)  # `null`, a file's id or its name
    _check_file(param, data)
    return data


def _is_known(data: bytes) -> bool:
    """Whether it can be told by name what somebody made base64 of."""
    name = what_it_is(data)
    return name is not None and (name != TEXT or data.isascii())


def _decoded(param: str, text: str) -> bytes:
    try:
        packed = picture_base64.packed(text)
        if len(packed) * 3 // 4 > MAX_FILE_BYTES + 3:  # before any of it is decoded
            check_file_size(len(packed) * 3 // 4, param)
        return picture_base64.decoded(packed)
    except picture_base64.NotAPicture as fault:
        # Where it is no picture at all, the place of its first fault says nothing.
        found = str(fault) if picture_base64.begins_as_a_picture(text) else ""
        raise BadField(param, _SHAPES, text, found=found) from None


def _check_file(param: str, data: bytes) -> None:
    if not data:
        raise BadImage(param, "is empty")
    check_file_size(len(data), param)
    if format_of(data) is None:
        raise not_a_picture(data[:ENOUGH_TO_NAME_BYTES], param, is_fetched=False)


def _inline(given: GivenFrame, data: bytes) -> IncomingFrame:
    _check_file(given.param, data)
    sha256 = hashlib.sha256(data).hexdigest()
    return IncomingFrame(Frame(given.role, given.param, sha256=sha256), data)


def check_header(taken: IncomingFrame, rule: FrameRule) -> None:
    """Refuse what the picture's own header shows to be outside the model's limits.

    Raises BadImage. What the header does not tell is found when the picture is decoded.
    """
    name = None if taken.data is None else format_of(taken.data)
    size = None if taken.data is None else dimensions(taken.data)
    if name is not None and size is not None:
        check_sides(*size, name, taken.frame, rule)


def check_sides(
    width: int, height: int, name: Format | None, frame: Frame, rule: FrameRule
) -> None:
    """`name`: None where only the sides are known. Raises BadImage."""
    check_pixels(width, height, name, frame.param)
    check_shape(width, height, frame_check(frame, rule, path=""))
