"""A photo as the planes that the encoder wants, at the size that the frame needs.

Everything after this works on those planes (media/yuv.py), so that no frame is ever converted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from unstill.domain.request import Size
from unstill.engines.camera.marked import Mark
from unstill.engines.camera.regions import find_sky
from unstill.engines.camera.subject import Box, Subject
from unstill.media.yuv import BLACK, WHITE, Floats, Plane, YuvPicture, planes_of

MOST_SPARE = 0.4  # pans have so much of the frame's side beyond the frame
DETAIL = 1.4  # source pixels per frame pixel: a push finds detail, an eye no shimmer
BEAT_PX = 2.0  # over so many pixels of difference, photo and frame are in and out of step
SHARPEN_SIGMA_PX = 0.8
SHARPEN_SHRUNK, SHARPEN_ENLARGED = 0.5, 0.12  # what fetching and shrinking take, given back

MIDDLE = (0.5, 0.5)
WHOLE = Box(left=0, top=0, right=1, bottom=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A photo made ready for frames of `size`; it may reach beyond the frame. Equal to itself only.

    rgb: uint8 (h, w, 3); density: source pixels per frame pixel, in x and in y; sharpen: how much
    crisper its planes are than `rgb`, so that frames fetched from between pixels are as crisp;
    home: where the frame's middle rests, in units from the photo's; subject: in shares of `rgb`;
    near: what a network says, float32 (h, w) over all of it, 0 far to 1 near; remains: what of the
    picture it is, in shares of that; marks: what moves in it where the caller says.
    """

    rgb: Plane
    size: Size
    density: tuple[float, float]
    sharpen: float = 0.0
    home: tuple[float, float] = (0.0, 0.0)
    subject: Subject | None = None
    near: Floats | None = None
    remains: Box = WHOLE
    marks: tuple[Mark, ...] = ()

    @property
    def unit_px(self) -> float:
        """Frame pixels per unit of the camera's path."""
        return math.sqrt(self.size.width * self.size.height) / 2

    @property
    def half_frame(self) -> tuple[float, float]:
        return self.size.width / 2 / self.unit_px, self.size.height / 2 / self.unit_px

    @property
    def half_photo(self) -> tuple[float, float]:
        """How far the photo reaches from its centre, in units."""
        height, width = self.rgb.shape[:2]
        return (
            width / 2 / self.density[0] / self.unit_px,
            height / 2 / self.density[1] / self.unit_px,
        )

    @cached_property
    def sky(self) -> Plane | None:
        """Where it is, 0 or 255 at the size of `regions.SIDE_PX`; None where it is not sure."""
        return find_sky(self.rgb)

    @cached_property
    def planes(self) -> YuvPicture:
        """What frames are fetched from; not to be written to."""
        planes = planes_of(self.rgb)
        soft = cv2.GaussianBlur(planes.y, (0, 0), SHARPEN_SIGMA_PX)
        crisp = cv2.addWeighted(planes.y, 1 + self.sharpen, soft, -self.sharpen, 0)
        return replace(planes, y=crisp.clip(BLACK, WHITE).astype(np.uint8))


def enough_px(size: Size) -> int:
    """How long the short side of a picture has to be for `fit_photo` to find all its detail."""
    return math.ceil(DETAIL * max(size.width, size.height))


def fit_photo(
    rgb: Plane,
    size: Size,
    *,
    middle: tuple[float, float] = MIDDLE,
    subject: Subject | None = None,
    near: Floats | None = None,
) -> Photo:
    """Scale a picture so that it covers the frame, and cut off what no move can reach.

    rgb: uint8 (height, width, 3), sRGB; middle: where the frame rests, in shares of the picture;
    subject: what it is of, in shares of the picture; near: float32 (h, w) over the picture.
    """
    height, width = rgb.shape[:2]
    scale = max(size.width / width, size.height / height)
    if abs(scale - 1) * size.width < BEAT_PX:
        # pixel on pixel is crisper than any frame after it can be: it would soften as it moves off
        scale = 1 + BEAT_PX / size.width
    left, columns = kept(width, size.width, scale=scale, middle=middle[0])
    top, rows = kept(height, size.height, scale=scale, middle=middle[1])
    across, down = (max(2, round(side * scale * DETAIL / 2) * 2) for side in (columns, rows))
    cut = rgb[top : top + rows, left : left + columns]
    is_shrunk = scale * DETAIL < 1
    how = cv2.INTER_AREA if is_shrunk else cv2.INTER_LANCZOS4
    scaled = cv2.resize(cut, (across, down), interpolation=how)
    # where nothing is spare, the frame's edges are the photo's edges to the last bit
    covered = max(size.width, columns * scale), max(size.height, rows * scale)
    remains = Box(
        left=left / width,
        top=top / height,
        right=(left + columns) / width,
        bottom=(top + rows) / height,
    )
    rest = remains.of(middle)
    unit_px = math.sqrt(size.width * size.height) / 2
    home = (
        resting(rest[0], kept_px=covered[0], frame_px=size.width, pixel=scale),
        resting(rest[1], kept_px=covered[1], frame_px=size.height, pixel=scale),
    )
    return Photo(
        rgb=scaled.astype(np.uint8, copy=False),
        size=size,
        density=(across / covered[0], down / covered[1]),
        sharpen=SHARPEN_SHRUNK if is_shrunk else SHARPEN_ENLARGED,
        home=(home[0] / unit_px, home[1] / unit_px),
        subject=subject and subject.seen_in(remains),
        near=None if near is None else remains.cut(near),
        remains=remains,
    )


def kept(photo_px: int, frame_px: int, *, scale: float, middle: float) -> tuple[int, int]:
    """The first pixel kept of a side, and how many are."""
    spare = max(photo_px * scale - frame_px, 0.0)
    before = min(max(middle * photo_px * scale - frame_px / 2, 0.0), spare)
    reach = MOST_SPARE * frame_px
    around = min(before, reach) + min(spare - before, reach)
    keep = min(photo_px, max(1, round((frame_px + around) / scale)))
    beyond = before - min(before, reach)  # is cut off ahead of what is kept
    cut = photo_px - keep
    share = beyond / (spare - around) if spare - around > 0 else 0.5
    return math.floor(cut * share), keep


def resting(rest: float, *, kept_px: float, frame_px: int, pixel: float) -> float:
    """How far the frame's middle is from that of what is kept, in frame pixels.

    rest: where it is, as a share of what is kept; half a pixel of the picture is no turn.
    """
    spare = max((kept_px - frame_px) / 2, 0.0)
    away = (rest - 0.5) * kept_px
    return 0.0 if abs(away) <= 0.51 * pixel else min(max(away, -spare), spare)
