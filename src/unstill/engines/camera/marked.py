"""The regions that a caller has marked: how much of each place of the photo moves with one.

A region ends softly, inside of its own edge: nothing outside of it moves, and no rim is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from unstill.domain.request import MarkedRegion, RegionKind
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.subject import Box
from unstill.media.yuv import Floats, Plane

SIDE_PX = 512  # the picture that regions are drawn in has such a side
RIM = 0.04  # a share of that side, inside the edge: from still to all of the motion
MOST_RIM = 0.7  # a share of how far a region reaches inwards: in a small one something moves too
LEAST_SEEN = 0.1  # a share of the motion, somewhere in the photo; less is not to be seen
EFFECTS_OF: Final[Mapping[RegionKind, Effect]] = {
    RegionKind.WATER: Effect.WATER,
    RegionKind.SMOKE: Effect.SMOKE,
    RegionKind.HAIR: Effect.HAIR,
    RegionKind.LEAVES: Effect.WIND,
}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """share: float32 (h, w) over all of a photo, 0 where nothing moves to 1."""

    effect: Effect
    share: Floats

    @property
    def is_seen(self) -> bool:
        """Whether there is any of it in what a crop has left of the picture."""
        return float(self.share.max()) > LEAST_SEEN


def mark_of(region: MarkedRegion, mask: Plane | None, shape: tuple[int, ...], remains: Box) -> Mark:
    """A region in what remains of a picture.

    mask: uint8 (h, w, 3), over the whole picture, of any size; shape: the picture's rows, columns.
    """
    scale = SIDE_PX / max(shape[:2])
    rows, columns = (max(1, round(side * scale)) for side in shape[:2])
    field = np.zeros((rows, columns), np.float32)
    for left, top, right, bottom in region.boxes:
        across = slice(round(left * columns), max(round(right * columns), 1))
        field[round(top * rows) : max(round(bottom * rows), 1), across] = 1
    if mask is not None:
        grey = cv2.cvtColor(mask, cv2.COLOR_RGB2GRAY)
        fitted = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
        field = np.maximum(field, fitted.astype(np.float32) / 255)
    return Mark(effect=EFFECTS_OF[region.kind], share=remains.cut(softened(field)))


def softened(field: Floats) -> Floats:
    """The same from nothing at its edge to all of it a rim farther in; a picture's edge is none."""
    inside = np.asarray(field > 0.5, np.uint8)
    if inside.all():
        return field
    inwards = cv2.distanceTransform(inside, cv2.DIST_L2, 5).astype(np.float32)
    rim = max(min(RIM * SIDE_PX, MOST_RIM * float(inwards.max())), 1.0)
    # the first pixel inside is still at rest
    way = np.clip((inwards - 1) / rim, 0, 1)
    return np.asarray(np.minimum(way * way * (3 - 2 * way), field), np.float32)


def plane_of(share: Floats, luma: Plane) -> Plane:
    """The share of each pixel of a luma plane, 0 to 255."""
    full = cv2.resize(share, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(np.rint(full * 255), 0, 255), np.uint8)
