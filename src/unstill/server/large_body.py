"""A large body, as the child program that reads it is told of it and answers. Plain values."""

from __future__ import annotations

import msgspec

from unstill.server.body_limits import LARGE_BYTES

# What is left of it without its pictures is made into objects in the server, at one go.
MOST_REST_BYTES = LARGE_BYTES

Steps = tuple[str | int, ...]  # keys and indexes, from the whole value to a place in it


class LargeBody(msgspec.Struct, frozen=True):
    """Where it lies, and what it says that it is. The file is the child's to add to."""

    path: str
    content_type: str


class PictureAt(msgspec.Struct, frozen=True):
    """Where a picture belongs in the body's value, and where its bytes are in the body's file."""

    steps: Steps
    start: int
    size_bytes: int


class Unpacked(msgspec.Struct, frozen=True):
    """The body's value, with nothing where a picture belongs."""

    rest: msgspec.Raw
    pictures: tuple[PictureAt, ...]


def named(steps: Steps) -> str:
    """The place as errors name it: `input.media[0].url`."""
    name = ""
    for step in steps:
        if isinstance(step, int):
            name += f"[{step}]"
        else:
            name += f".{step[:80]}" if name else step[:80]
    return name
