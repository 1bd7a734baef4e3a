"""A photo as the planes that the encoder wants, at the size that the frame needs.

Everything after this works on those planes (media/yuv.py), so that no frame is ever converted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from unstill.domain.request import Size
from unstill.media.yuv import Plane, YuvPicture, planes_of

MOST_SPARE = 0.25  # pans have so much of the frame's side beyond the frame
MOST_DETAIL = 1.4  # source pixels per frame pixel: a push finds detail, an eye no shimmer


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo made ready for frames of `size`; it may reach beyond the frame.

    rgb: uint8 (h, w, 3); density: source pixels per frame pixel, in x and in y.
    """

    rgb: Plane
    size: Size
    density: tuple[float, float]

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

    def planes(self) -> YuvPicture:
        return planes_of(self.rgb)


def enough_px(size: Size) -> int:
    """How long the short side of a picture has to be for `fit_photo` to find all its detail."""
    return math.ceil(MOST_DETAIL * max(size.width, size.height))


def fit_photo(rgb: Plane, size: Size) -> Photo:
    """Scale a picture so that it covers the frame, and cut off what no move can reach.

    rgb: uint8 (height, width, 3), sRGB.
    """
    height, width = rgb.shape[:2]
    scale = max(size.width / width, size.height / height)
    detail = min(MOST_DETAIL, max(1.0, 1 / scale))
    left, columns, across = kept(width, size.width, scale=scale, detail=detail)
    top, rows, down = kept(height, size.height, scale=scale, detail=detail)
    cut = rgb[top : top + rows, left : left + columns]
    how = cv2.INTER_AREA if scale * detail < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(cut, (across, down), interpolation=how)
    # where nothing is spare, the frame's edges are the photo's edges to the last bit
    density = (
        across / max(size.width, columns * scale),
        down / max(size.height, rows * scale),
    )
    return Photo(rgb=scaled.astype(np.uint8, copy=False), size=size, density=density)


def kept(photo_px: int, frame_px: int, *, scale: float, detail: float) -> tuple[int, int, int]:
    """The first pixel kept of a side, how many are, and to how many they are scaled (even)."""
    spare = min((photo_px * scale - frame_px) / 2, MOST_SPARE * frame_px)
    keep = min(photo_px, max(1, round((frame_px + 2 * max(spare, 0.0)) / scale)))
    return (photo_px - keep) // 2, keep, max(2, round(keep * scale * detail / 2) * 2)
