"""Whether two pictures show one scene, and which turn of the plane brings the first to the last.

Points that look alike in both (SIFT) vote for a homography. Pictures of one scene agree on one in
hundreds; pictures of different things in a few at most, and on one that no camera makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.picture import Photo
from unstill.engines.camera.turns import Matrix, log_of, turned
from unstill.media.yuv import Floats, Plane

SIDE_PX = 512  # points are found on pictures of this side at most
MOST_POINTS = 1500
LEAST_CONTRAST = 0.02  # half of SIFT's own: a cloudy sky has points too
UNLIKE_THE_NEXT = 0.8  # Lowe, "Distinctive Image Features", IJCV 2004, section 7.1
# A plane's points fit so well, in units (half a frame's side is about one); those of a scene in
# the round so loosely.
CLOSE, LOOSE, ROUGH = 0.012, 0.05, 0.2
LEAST_AGREEING = 30  # measured: at least 60 of one scene, at most 27 of two
SIMPLE_ENOUGH = 0.8  # a share of the points that a homography explains: then a similarity does
LEAST_AREA = 0.15  # a share of the frame: a logo or a mark that both pictures bear is no scene
MOST_ZOOM = 6.0
MOST_TILT = 0.6  # how unlike the scale may be from one corner to the next
MOST_TURN_RAD = 1.8
LEAST_TRAVEL = 0.05  # units that a picture has to move, else it is one picture
CORNERS: Final = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32)


@dataclass(frozen=True, kw_only=True)
class SameScene:
    """How the first picture becomes the last one.

    log: (3, 3), of the homography from the first picture's units to the last one's; matched:
    points of both pictures that are the same, float32 (n, 2) in units.
    """

    log: Matrix
    matched: tuple[Floats, Floats]

    @property
    def is_travelled(self) -> bool:
        """Whether so much of the picture changes its place that the way is a move of its own."""
        one, other = self.matched
        return float(np.percentile(np.linalg.norm(other - one, axis=1), 90)) > LEAST_TRAVEL


def find_same_scene(first: Photo, last: Photo) -> SameScene | None:
    """None if the pictures do not show one scene, or no camera goes from one to the other."""
    return scene_between(points_of(first), points_of(last), first.half_frame)


def scene_between(
    first: tuple[Floats, Floats], last: tuple[Floats, Floats], half_frame: tuple[float, float]
) -> SameScene | None:
    """The same of the pictures' points."""
    (one, described_one), (other, described_other) = first, last
    if min(len(one), len(other)) < LEAST_AGREEING:
        return None
    of_one, of_other = mutual(described_one, described_other)
    a, b = one[of_one], other[of_other]
    if len(a) < LEAST_AGREEING:
        return None
    found = homography(a, b, half_frame)
    if found is None:
        return None
    log = log_of(found)
    return None if log is None else SameScene(log=log, matched=(a, b))


def points_of(photo: Photo) -> tuple[Floats, Floats]:
    """Places in units, float32 (n, 2), and what is seen there, float32 (n, 128)."""
    height, width = photo.rgb.shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    grey: Plane = cv2.cvtColor(
        cv2.resize(photo.rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    ).astype(np.uint8)
    sift = cv2.SIFT.create(nfeatures=MOST_POINTS, contrastThreshold=LEAST_CONTRAST)
    points, described = sift.detectAndCompute(grey, None)
    if not points:
        return np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
    at = np.array([point.pt for point in points], np.float32) + np.float32(0.5)
    half = np.array(photo.half_photo, np.float32)
    length = np.linalg.norm(described, axis=1, keepdims=True)
    units = (2 * at / np.array(size, np.float32) - 1) * half
    return units.astype(np.float32), (described / np.maximum(length, 1e-6)).astype(np.float32)


def mutual(one: Floats, other: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which of the first are the nearest of which of the last, both ways, and clearly so."""
    alike = one @ other.T
    best = alike.argmax(axis=1)
    rows = np.arange(len(one))
    apart = distance(alike[rows, best])
    alike[rows, best] = -1
    next_apart = distance(alike.max(axis=1))
    alike[rows, best] = 1 - apart**2 / 2
    is_mutual = (alike.argmax(axis=0)[best] == rows) & (apart < UNLIKE_THE_NEXT * next_apart)
    return rows[is_mutual], best[is_mutual]


def distance(alike: Floats) -> Floats:
    return np.sqrt(np.maximum(2 - 2 * alike, 0))


def homography(a: Floats, b: Floats, half_frame: tuple[float, float]) -> Matrix | None:
    """The simplest turn of the plane that brings most points of `a` to theirs of `b`."""
    close, is_close = cv2.findHomography(a, b, cv2.RANSAC, CLOSE)
    loose, is_loose = cv2.findHomography(a, b, cv2.RANSAC, LOOSE)
    if close is None or loose is None or is_close.sum() < LEAST_AGREEING:
        return None
    simple, is_simple = cv2.estimateAffinePartial2D(
        a, b, method=cv2.RANSAC, ransacReprojThreshold=LOOSE
    )
    kept = is_loose.ravel().astype(bool)
    if max(area(a[kept]), area(b[kept])) < LEAST_AREA:
        return None
    enough = SIMPLE_ENOUGH * kept.sum()
    found = [loose]
    if is_close.sum() >= enough:
        found = [close, *found]
    if simple is not None and is_simple.sum() >= enough:
        found = [similar(simple), *found]
    # where the plane that most points are on is turned too far, no plane's turn leads there
    rough, _ = cv2.estimateAffinePartial2D(
        a[kept], b[kept], method=cv2.RANSAC, ransacReprojThreshold=ROUGH
    )
    if rough is not None:
        found.append(similar(rough))
    turns = (np.asarray(turn, np.float64) for turn in found)
    return next((turn for turn in turns if is_a_camera(turn, half_frame)), None)


def similar(turn: NDArray[Any]) -> Matrix:
    return np.vstack([turn, [0, 0, 1]])


def area(points: Floats) -> float:
    """How large the hull around points is, in frames: a frame has 4 square units."""
    return float(cv2.contourArea(cv2.convexHull(points))) / 4


def is_a_camera(found: Matrix, half_frame: tuple[float, float]) -> bool:
    """Whether a camera can do this: no mirror, no turn upside down, no zoom out of all bounds."""
    corners = CORNERS * np.array(half_frame, np.float32)
    depth = np.c_[corners, np.ones(4)] @ found[2]
    if depth.min() <= 0 or depth.max() > depth.min() * (1 + MOST_TILT) / (1 - MOST_TILT):
        return False
    to = turned(found, corners[:, 0], corners[:, 1])
    sides = np.roll(np.stack(to, axis=1), -1, axis=0) - np.stack(to, axis=1)
    before = np.roll(corners, -1, axis=0) - corners
    grown = np.linalg.norm(sides, axis=1) / np.linalg.norm(before, axis=1)
    across = sides * np.roll(sides, -1, axis=0)[:, ::-1]
    is_convex = bool((across[:, 0] > across[:, 1]).all())
    angle = np.angle((sides @ [1, 1j]) / (before @ [1, 1j]))
    return bool(
        is_convex
        and grown.max() < MOST_ZOOM
        and grown.min() > 1 / MOST_ZOOM
        and np.abs(angle).max() < MOST_TURN_RAD
    )
