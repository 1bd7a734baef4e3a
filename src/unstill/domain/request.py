"""What is asked for: the caller's words as a dialect read them, and the canonical request.

`CreateCall` is what a dialect hands on: the caller's values, unchecked, each with the caller's own
name for it. `VideoRequest` is what a model card makes of it: complete, checked, and without any
bytes, so that it can be a database row. Both are plain values: nothing here knows a protocol or a
limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Role = Literal["first", "last"]
TierName = Literal["480P", "720P", "768P", "1080P", "2K", "4K"]


class Size(msgspec.Struct, frozen=True):
    """Width and height of a picture in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def is_upright(self) -> bool:
        return self.height > self.width

    @property
    def area(self) -> int:
        return self.width * self.height


class Ratio(msgspec.Struct, frozen=True):
    """How the width stands to the height, in whole numbers."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"


class GivenValue(msgspec.Struct, frozen=True):
    """One value as the caller sent it, and the caller's name for it."""

    param: str
    value: Any  # the parse border: the card turns it into its type or refuses it


def says_nothing(value: object) -> bool:
    """Whether a value is what forms and programs send for a field that was not filled in."""
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or (isinstance(value, list) and not value)


class Stray(msgspec.Struct, frozen=True):
    """A field of the canonical `name` at another place than its dialect has it."""

    name: str
    given: GivenValue


class GivenFrame(msgspec.Struct, frozen=True):
    """One picture as the caller sent it: a URL, a data URL or base64 as text, a file as bytes."""

    role: Role
    param: str
    value: str | bytes


class CreateCall(msgspec.Struct, frozen=True):
    """A create request as a dialect read it. `fields` are keyed by the canonical field name."""

    model: GivenValue
    fields: dict[str, GivenValue]
    frames: tuple[GivenFrame, ...]
    names: Mapping[str, str]  # canonical name -> the dialect's name, for what is missing
    unknown: tuple[str, ...] = ()  # the caller's names of fields that the dialect does not have
    strays: tuple[Stray, ...] = ()  # refused where the model has the field
    dialect: str = ""  # its name: a model's own document may name a field otherwise in it
    unfilled: Mapping[str, str] = {}  # canonical name -> the caller's, of what is there and empty
    webhook_url: GivenValue | None = None  # where the caller wants to be told of the job's end


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A first or last frame of a stored request: where its bytes are, never the bytes.

    Exactly one of `url` (still to be fetched) and `sha256` (the bytes are kept in the job's folder
    under `file_name`) is set.
    """

    role: Role
    param: str  # the caller's own name of the field, for errors found later
    url: str | None = None
    sha256: str | None = None  # hex

    @property
    def file_name(self) -> str:
        return f"{self.role}-frame"


class VideoRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """The canonical request: what every engine gets, whatever dialect and spelling it came in."""

    model: str  # canonical id of the card
    prompt: str
    first_frame: Frame
    duration_s: int
    frame_rate: int
    seed: int
    size: Size | None = None  # exact output size, or None for the tier's area at the frame's ratio
    tier: TierName = "720P"
    last_frame: Frame | None = None
    negative_prompt: str = ""
    watermark: bool = False
    generate_audio: bool | None = None  # None: whatever the engine does by itself
    options: dict[str, str | int | float | bool] = {}  # fields that only this model's card has
    version: int = 1  # this layout has it; see tests/golden/rows

    @property
    def frames(self) -> tuple[Frame, ...]:
        """First frame, then the last one if there is one."""
        return (
            (self.first_frame,) if self.last_frame is None else (self.first_frame, self.last_frame)
        )

    @property
    def frame_count(self) -> int:
        return self.duration_s * self.frame_rate
