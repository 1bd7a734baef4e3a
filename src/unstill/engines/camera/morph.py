"""From the first frame to the last: a morph where both show the same things, else a dissolve.

Dense optical flow both ways (OpenCV's DIS) says where each part goes. Where the flow explains the
change and both ways agree, parts travel while they dissolve; the worse it does, the less they
travel, down to a plain dissolve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from unstill.engines.camera.picture import Photo
from unstill.engines.camera.warp import SourceGrid, sample
from unstill.media.yuv import Floats, Plane

SIDE_PX = 480  # the flow is computed on pictures of this side
AGREE_SHARE = 0.015  # the way there and back may miss by this share of the side
FLOW_ROUNDS = 3
LUMA_WEIGHTS: Final = np.array([[0.2126, 0.7152, 0.0722]])  # ITU-R BT.709-6


@dataclass(frozen=True, kw_only=True)
class Morph:
    """Flows in units of the camera's path, float32 (h, w, 2) over the first and the last photo."""

    there: Floats
    back: Floats
    half_frame: tuple[float, float]
    confidence: float  # 0 a plain dissolve, 1 a full morph

    def grids(self, grid: SourceGrid, share: float) -> tuple[SourceGrid, SourceGrid]:
        """Where a grid looks in the first and in the last photo, `share` of the way between."""
        if self.confidence == 0:
            return grid, grid
        return (
            travelled(grid, self.there, share, self.half_frame),
            travelled(grid, self.back, 1 - share, self.half_frame),
        )


def travelled(
    grid: SourceGrid, flow: Floats, share: float, half_frame: tuple[float, float]
) -> SourceGrid:
    """Which points of a photo are where the grid looks, after this share of their way."""
    x, y = grid.x, grid.y
    for _ in range(FLOW_ROUNDS):
        way = sample(flow, SourceGrid(x=x, y=y), half_frame) * np.float32(share)
        x, y = grid.x - way[..., 0], grid.y - way[..., 1]
    return SourceGrid(x=x, y=y)


def find_morph(first: Photo, last: Photo) -> Morph:
    one, other = flow_luma(first), flow_luma(last)
    there, back = flow_between(one, other), flow_between(other, one)
    confidence = trust(one, other, there, back)
    to_units = np.float32(2 * first.half_frame[0] / one.shape[1] * confidence)
    soft = SIDE_PX / 60
    return Morph(
        there=cv2.GaussianBlur(there, (0, 0), soft).astype(np.float32) * to_units,
        back=cv2.GaussianBlur(back, (0, 0), soft).astype(np.float32) * to_units,
        half_frame=first.half_frame,
        confidence=confidence,
    )


def flow_luma(photo: Photo) -> Plane:
    """What the frame shows of a photo, small and grey."""
    height, width = photo.rgb.shape[:2]
    columns = round(photo.size.width * photo.density[0] / 2)
    rows = round(photo.size.height * photo.density[1] / 2)
    shown = photo.rgb[
        max(0, height // 2 - rows) : height // 2 + rows,
        max(0, width // 2 - columns) : width // 2 + columns,
    ]
    scale = SIDE_PX / max(photo.size.width, photo.size.height)
    size = (round(photo.size.width * scale), round(photo.size.height * scale))
    small = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    return cv2.transform(small, LUMA_WEIGHTS).astype(np.uint8)


def flow_between(one: Plane, other: Plane) -> Floats:
    # measured: less than half the residual of Farneback's, at a third of its time
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # DIS begins its search at what it is given to write into: no motion, not old memory
    return search.calc(one, other, np.zeros((*one.shape, 2), np.float32)).astype(np.float32)


def trust(one: Plane, other: Plane, there: Floats, back: Floats) -> float:
    """How well the flows explain the change, 0 to 1."""
    rows, columns = one.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    to_x, to_y = x + there[..., 0], y + there[..., 1]
    inside = (to_x >= 0) & (to_x < columns) & (to_y >= 0) & (to_y < rows)
    if inside.mean() < 0.5:
        return 0.0
    moved = cv2.remap(other, to_x, to_y, cv2.INTER_LINEAR)
    returned = cv2.remap(back, to_x, to_y, cv2.INTER_LINEAR)
    missed = np.linalg.norm(there + returned, axis=2)
    agreeing = float((missed[inside] < AGREE_SHARE * SIDE_PX).mean())
    unmoved_error = np.abs(one.astype(np.float32) - other)[inside].mean()
    moved_error = np.abs(one.astype(np.float32) - moved)[inside].mean()
    explained = 1 - float(moved_error) / max(float(unmoved_error), 1.0)
    # pictures of different things: measured 0.97 of the error stays, and one way in eight agrees
    return stepped(agreeing, 0.35, 0.7) * stepped(explained, 0.25, 0.55)


def stepped(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
