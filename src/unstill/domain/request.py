"""What is asked for: the caller's words as a dialect read them, and the canonical request.

`CreateCall` is what a dialect hands on: the caller's values, unchecked, each with the caller's own
name for it. `VideoRequest` is what a model card makes of it: complete, checked, and without any
bytes, so that it can be a database row. Both are plain values: nothing here knows a protocol or a
limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, get_args

import msgspec

MaskRole = Literal["mask1", "mask2", "mask3", "mask4", "mask5", "mask6", "mask7", "mask8"]
Role = Literal["first", "last", MaskRole]  # the two frames; the masks of regions, by their number
MASK_ROLES: tuple[MaskRole, ...] = get_args(MaskRole)
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
    """A picture of a stored request, a frame or a mask: where its bytes are, never the bytes.

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


class RegionKind(StrEnum):
    """What a region of a picture shows, and so how it moves."""

    WATER = "water"
    SMOKE = "smoke"
    HAIR = "hair"
    LEAVES = "leaves"


class MarkedRegion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the first frame that the caller wants to move: all of its boxes and of its mask.

    A box is left, top, right and bottom, each in shares of the picture, 0 to 1. A mask is as wide
    and as high as the picture, whatever its own size; what is white in it is the region.
    """

    kind: RegionKind
    boxes: tuple[tuple[float, float, float, float], ...] = ()
    mask: MaskRole | None = None  # which of the request's masks


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
    regions: tuple[MarkedRegion, ...] = ()
    masks: tuple[Frame, ...] = ()  # those of regions, in their order
    version: int = 1  # this layout has it; see tests/golden/rows

    @property
    def frames(self) -> tuple[Frame, ...]:
        """First frame, then the last one if there is one, then the masks."""
        last = () if self.last_frame is None else (self.last_frame,)
        return (self.first_frame, *last, *self.masks)

    @property
    def frame_count(self) -> int:
        return self.duration_s * self.frame_rate
