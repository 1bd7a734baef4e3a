"""The pictures of a body taken out of its value, as the files that they are. Pure.

What comes as base64 in JSON or in a form's text is as good as an uploaded file then, and what is
left is small. Refusals are those of a small body's pictures, in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from unstill.domain.errors import BadBody, BadField, BadImage
from unstill.media.picture_base64 import begins_as_a_picture
from unstill.media.picture_limits import check_file_size
from unstill.server.body_limits import LARGE_BYTES
from unstill.server.json_body import TOO_DEEP
from unstill.server.large_body import Steps, named
from unstill.service.pictures import picture_in

SHORTEST_CHARS = 1024  # a shorter text is not taken out: a picture of less weighs nothing
# Longer than any prompt: a picture whatever it begins with, or JSON that holds one.
MOST_PROSE_CHARS = 64 * 1024
MOST_TEXT_CHARS = LARGE_BYTES  # one that is no picture has no more

_BEGINNING_CHARS = 4096


class File(NamedTuple):
    """A picture, or whatever else was uploaded, and where it belongs."""

    steps: Steps
    data: bytes


def unpacked(value: object) -> tuple[object, list[File]]:
    """The value with None in place of each file, and the files. Raises BadBody, BadField."""
    files: list[File] = []
    try:
        return _rest(value, (), files), files
    except RecursionError:
        raise BadBody(TOO_DEEP) from None


def put_back(rest: object, files: Iterable[File]) -> object:
    """The value that these were made of, each of its pictures being its bytes."""
    top = [rest]
    for steps, data in files:
        *way, last = (0, *steps)
        holder: Any = top
        for step in way:
            holder = holder[step]
        holder[last] = data
    return top[0]


def _rest(value: Any, steps: Steps, files: list[File]) -> object:
    match value:
        case bytes():
            check_file_size(len(value), named(steps))
            files.append(File(steps, value))
            return None
        case str() if len(value) > SHORTEST_CHARS:
            return _rest_of_text(value, steps, files)
        case dict():
            return {key: _rest(each, (*steps, key), files) for key, each in value.items()}
        case list():
            return [_rest(each, (*steps, n), files) for n, each in enumerate(value)]
        case _:
            return value


def _rest_of_text(text: str, steps: Steps, files: list[File]) -> object:
    beginning = text[:_BEGINNING_CHARS].lstrip()
    is_declared = begins_as_a_picture(beginning)
    if len(text) <= MOST_PROSE_CHARS and not is_declared:
        return text
    if beginning.startswith(("{", "[")):
        try:
            decoded = msgspec.json.decode(text, type=dict[str, Any] | list[Any])
            return _rest(decoded, steps, files)
        except msgspec.DecodeError:
            pass
    try:
        files.append(File(steps, picture_in(named(steps), text)))
    except BadField as error:
        if len(text) <= MOST_TEXT_CHARS:
            return text  # for whoever reads that field, if anybody does
        if is_declared or isinstance(error, BadImage):
            raise
        allowed = f"a picture, or a text of at most {MOST_TEXT_CHARS} characters"
        found = f"{len(text)} characters"
        raise BadField(named(steps), allowed, text, found=found) from None
    return None
