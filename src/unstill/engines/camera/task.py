"""What the server tells the camera's child, and what it answers. Plain values, no pixels."""

from __future__ import annotations

from typing import Final

import msgspec

from unstill.domain.request import Role, Size, VideoRequest

NO_MASK: Final = "subject_not_looked_for"  # a note of a child


class RenderTask(msgspec.Struct, frozen=True):
    """A scene with its paths as text, for a line of JSON."""

    job_id: str
    request: VideoRequest
    size: Size
    frames: dict[Role, str]
    out: str
    tells_prompt: bool = False  # in the file's metadata
    loop: bool = False  # the last frame meets the first
    compatible: bool = False  # for players that know no B-frames
    depth_model: str = ""  # a network's file; empty: depth is guessed
    is_alone: bool = False  # a second core has nothing else to do


class Rendered(msgspec.Struct, frozen=True):
    """What was made; `moves` and `effects` are what the prompt was understood as.

    unheard: the pieces of the prompt that had no effect.
    """

    frame_count: int
    moves: tuple[str, ...]
    effects: tuple[str, ...]
    unheard: tuple[str, ...] = ()
