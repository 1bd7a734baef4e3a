"""How a camera moved: by where its paths look, and by the frames it drew.

A first frame is never matched with a last one: a fast pan is beyond the reach of any flow, and a
fit of the rest is a fit of noise. Fits of neighbouring frames are chained, and a fit that fewer
than `FEWEST_INLIERS` of its points agree with is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.domain.request import Size
from unstill.engines.camera.path import CameraPath
from unstill.engines.camera.scenes import Scenery, View, blank
from unstill.engines.camera.warp import CELL_PX
from unstill.media.yuv import Floats, Plane

FEWEST_INLIERS: Final = 0.3
MISSES_PX: Final = 1.0
Matrix = NDArray[np.float64]  # (3, 3), from points of one frame to those of a later one


@dataclass(frozen=True, kw_only=True)
class Motion:
    """From one frame to a later one.

    right, down: how far the camera went, in shares of the frame's width and height; wide, high: by
    how much what is seen grew along each axis; turned_rad: how far it was turned, clockwise.
    """

    right: float
    down: float
    wide: float
    high: float
    turned_rad: float

    @property
    def zoom(self) -> float:
        """Growth of the area's side; an orbit's parallax is in it."""
        return float(np.sqrt(self.wide * self.high))

    @property
    def zoom_in_both(self) -> float:
        """Growth that both axes have: an orbit's parallax, which is along one, is not in it."""
        if self.wide > 1 and self.high > 1:
            return min(self.wide, self.high)
        return max(self.wide, self.high) if self.wide < 1 and self.high < 1 else 1.0


def looked(lens: View, path: CameraPath, size: Size, begin: float = 0, end: float = 1) -> Motion:
    """The motion between two moments of a path, 0 to 1, by its look grids."""
    one, other = (affine_of_look(lens, path, moment) for moment in (begin, end))
    return motion_of(np.linalg.inv(other) @ one, size.width / CELL_PX, size.height / CELL_PX)


def affine_of_look(lens: View, path: CameraPath, moment: float) -> Matrix:
    """The affine map from frame to photo that is nearest to a look grid; frame points in cells."""
    grid = lens.grid(path.at(moment))
    rows, columns = grid.x.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float64) - 0.5
    points = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], axis=1)
    looks = np.stack([grid.x.ravel(), grid.y.ravel()], axis=1)
    found, *_ = np.linalg.lstsq(points, looks, rcond=None)
    return np.vstack([found.T, [0, 0, 1]])


def zoomed_most(lens: View, path: CameraPath, size: Size, *, moments: int = 12) -> float:
    """The largest growth of both axes between any two moments, or the smallest, as a ratio > 1."""
    found = 1.0
    for begin in range(moments):
        for end in range(begin + 1, moments + 1):
            zoom = looked(lens, path, size, begin / moments, end / moments).zoom_in_both
            found = max(found, zoom, 1 / zoom)
    return found


def drawn(scene: Scenery, size: Size, *, frames: int) -> list[Plane]:
    """The luma of that many frames over the whole video."""
    into, luma = blank(size), []
    for frame in range(frames):
        scene.show(frame / (frames - 1), None, into)
        luma.append(into.y.copy())
    return luma


def filmed(frames: Sequence[Plane]) -> Motion:
    """The motion from the first frame to the last one, by chained fits of neighbours.

    Raises AssertionError where too few points agree.
    """
    height, width = frames[0].shape
    chained = np.eye(3)
    for one, other in pairwise(frames):
        chained = fitted_between(one, other) @ chained
    return motion_of(chained, width, height)


def fitted_between(one: Plane, other: Plane) -> Matrix:
    """The affine map that takes features of one frame to the next one."""
    corners = cv2.goodFeaturesToTrack(one, 800, 0.005, 6)
    assert corners is not None, "nothing to hold on to in a frame"
    points = np.asarray(corners, np.float32)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        one, other, points, np.empty_like(points), winSize=(21, 21), maxLevel=4
    )
    back, status_back, _ = cv2.calcOpticalFlowPyrLK(
        other, one, found, np.empty_like(points), winSize=(21, 21), maxLevel=4
    )
    returned: Floats = np.linalg.norm(back - points, axis=2).ravel().astype(np.float32)
    held = (status.ravel() == 1) & (status_back.ravel() == 1) & (returned < MISSES_PX)
    cv2.setRNGSeed(1)
    affine, inliers = cv2.estimateAffine2D(
        points[held], found[held], method=cv2.RANSAC, ransacReprojThreshold=MISSES_PX
    )
    agreeing = 0.0 if affine is None else float(inliers.sum()) / len(points)
    assert agreeing >= FEWEST_INLIERS, f"only {agreeing:.0%} of {len(points)} points agree"
    return np.vstack([affine, [0, 0, 1]])


def motion_of(moved: Matrix, width: float, height: float) -> Motion:
    """What a map from points of one frame to those of a later one says; in the frame's lengths."""
    centre = np.array([width / 2, height / 2, 1])
    looks_at = np.linalg.inv(moved) @ centre
    return Motion(
        right=float(looks_at[0] - centre[0]) / width,
        down=float(looks_at[1] - centre[1]) / height,
        wide=float(np.hypot(moved[0, 0], moved[1, 0])),
        high=float(np.hypot(moved[0, 1], moved[1, 1])),
        turned_rad=float(np.arctan2(moved[1, 0], moved[0, 0])),
    )
