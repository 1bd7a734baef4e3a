"""What the media child is asked about a file, and what it found. Without any decoder."""

from __future__ import annotations

import msgspec

from unstill.media.picture_formats import Format


class FrameCheck(msgspec.Struct, frozen=True):
    """A picture to be decoded fully, and the limits it must keep.

    `param` is the caller's own name for it. `max_ratio` r allows shapes from 1:r to r:1.
    """

    path: str
    param: str
    min_side_px: int
    max_ratio: float
    is_fetched: bool = False  # from an address: then that is what answered something else


class FrameFacts(msgspec.Struct, frozen=True):
    """A picture that decodes; its sides as a viewer sees them, after any EXIF orientation."""

    width: int
    height: int
    format: Format


class FrameFit(msgspec.Struct, frozen=True):
    """A checked picture, and the form that an upstream takes it in."""

    path: str
    out: str  # written only if the picture has another form
    formats: frozenset[Format]
    most_bytes: int
    width: int | None = None  # with `height`: scaled and centre-cropped to exactly this
    height: int | None = None
    takes_alpha: bool = True
    most_side_px: int | None = None  # a picture with a longer side is scaled down
    least_side_px: int = 0  # one with a shorter side is scaled up
    most_ratio: float | None = None  # one of a longer shape is cropped around its middle


class VideoCheck(msgspec.Struct, frozen=True):
    """An mp4 to be read to its end; `duration_s` None allows any length."""

    path: str
    duration_s: float | None = None
    tolerance_s: float = 0.5


class SoundCut(msgspec.Struct, frozen=True):
    """A checked mp4 whose sound nobody asked for."""

    path: str
    out: str


class Repack(msgspec.Struct, frozen=True):
    """A video in another container, for an mp4 in its place; `out` is for what is half done."""

    path: str
    out: str


class StillDraw(msgspec.Struct, frozen=True):
    """A checked mp4, and where a picture of it is written."""

    path: str
    out: str


class VideoFacts(msgspec.Struct, frozen=True):
    """An mp4 that is whole."""

    width: int
    height: int
    duration_s: float
    frame_rate: float
    frame_count: int
    size_bytes: int
    has_audio: bool
