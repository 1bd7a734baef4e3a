"""Two layers: the subject whole, and behind it a background that goes on where it was.

Depth over one picture has to be smooth, or silhouettes tear: then near and far can move past each
other only a little. Cut in two they may as far as depth says. The subject moves as a plane at one
depth, so that its shape is kept; the background is brought to that depth where it stands on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.cutout import Rim, find_rim
from unstill.engines.camera.depth import Depth, resized
from unstill.engines.camera.level import Level, evened
from unstill.engines.camera.path import CameraPath, CameraState
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.scaling import with_side
from unstill.engines.camera.subject import INSIDE, VAGUE, Box, vagueness
from unstill.engines.camera.warp import Lens, SourceGrid, sample
from unstill.media.yuv import Floats

# A mask is sure where all of this holds; in doubt a photo stays one layer.
SHARES = (0.03, 0.65)  # shares of the picture that is the subject
MOST_VAGUE = 0.035  # the share, away from its rim, that the mask says nothing of
LEAST_WHOLE = 0.88  # the share that is one thing
CUT_BORDER, MOST_CUT = 0.1, 2  # a border is cut where so much of it is the subject; so many may be
MOST_ALIKE = 0.075  # the share of its rim where both sides have like colours
MOST_STRANGE = 13.0  # steps of 255, of colours beside it: hair, fuzz and a busy background

# An edge that goes on over the mask's rim: steps of luma to both sides of it, and points of a line.
LINES_SIDE_PX, BESIDE_PX, LEAST_EDGE, LEAST_POINTS = 640, 2, 8.0, 6

APART = (0.55, 0.7)  # shares of depth, between the subject and what is behind its upper part
MOST_PARTED = 0.065  # a share of the frame's longer side: less than is filled well
FAR_RANK = 35  # percentile of depth behind it
FEET = 0.12  # a share of the subject's height: what reaches so near to its lowest stands there
AT_EDGE = 0.02  # a share of the picture's height: what is cut off there stands nowhere
GENTLE = 0.06  # a share of the picture's longer side
GROUND = 0.1  # a share of the longer side: so far around its feet the ground is as near


class LayeredLens:
    """The geometry of a photo in two layers; where there is but one answer, the background's."""

    def __init__(self, photo: Photo, behind: Floats, subject: Floats, near: float) -> None:
        self._photo, self._subject, self._near = photo, subject, near
        self._far = float(behind.min())
        self.back = Lens(photo, behind)
        self.front = Lens(photo, np.full((2, 2), near, np.float32))

    def grid(self, state: CameraState) -> SourceGrid:
        return self.back.grid(state)

    def overshoot(self, state: CameraState) -> float:
        return max(self.back.overshoot(state), self.front.overshoot(state))

    def sees(self, state: CameraState, boxes: tuple[Box, ...]) -> list[Box]:
        return self.front.sees(state, boxes)

    def folds(self, path: CameraPath) -> bool:
        """Whether the background is stretched too far, or too much of it is seen that is filled."""
        return self._parts(path) > MOST_PARTED or self.back.folds(path)

    def _parts(self, path: CameraPath) -> float:
        """How far both layers go past each other, as a share of the frame's longer side."""
        apart = (self._near - self._far) * path.relief
        most = max(abs(step) for pose in path.poses for step in pose.truck)
        return most * apart / 2 / max(self._photo.half_frame)

    def seen_at(self, state: CameraState, places: Floats) -> Floats:
        """Where lines of the photo are in the frame; each belongs to the layer that has more."""
        is_front = in_front(places, self._subject, self._photo)
        seen = self.back.seen_at(state, places)
        if is_front.any():
            seen[is_front] = self.front.seen_at(state, places[is_front])
        return seen

    def near_in(self, state: CameraState) -> Floats:
        """Depth where each cell of a frame looks."""
        share = sample(self._subject, self.front.grid(state), self._photo.half_photo)
        behind = self.back.near_in(state)
        return np.asarray(behind + (np.float32(self._near) - behind) * share, np.float32)

    def near_around(self, point: tuple[float, float]) -> float:
        is_front = seen_in(self._subject, np.array([[point]], np.float32), self._photo) > INSIDE
        return self._near if is_front.all() else self.back.near_around(point)


def in_front(lines: Floats, mask: Floats, photo: Photo) -> NDArray[np.bool_]:
    """Which lines are the subject's; points on each, float32 (n, points, 2), in units."""
    return np.asarray((seen_in(mask, lines, photo) > INSIDE).mean(axis=1) > 0.5)


def seen_in(field: Floats, places: Floats, photo: Photo) -> Floats:
    """A field over the whole photo at places of it, float32 (..., 2), in units."""
    x, y = (np.ascontiguousarray(places[..., axis], np.float32) for axis in (0, 1))
    return sample(field, SourceGrid(x=x, y=y), photo.half_photo)


@dataclass(frozen=True, kw_only=True)
class Split:
    """What a photo in two layers is made from; level: what of the background is even."""

    photo: Photo
    rim: Rim
    lens: LayeredLens
    level: Level


def find_split(photo: Photo, depth: Depth, level: Level) -> Split | None:
    """Where the photo is cut in two; None where it is not sure what its subject is.

    level: what of the whole photo is even.
    """
    if photo.subject is None or level.kept == 0:
        return None
    mask = sure_mask(photo.subject.mask)
    if mask is None:
        return None
    if len(level.lines) and run_on(level.lines, photo, mask):
        return None
    rim = find_rim(photo.planes, mask)
    if rim.alike > MOST_ALIKE or rim.strange > MOST_STRANGE:
        return None
    behind = gentle(depth.without(1 - rim.outer))
    lines = level.lines[~in_front(level.lines, mask, photo)]
    if len(lines):
        behind = evened(behind, lines, photo.half_photo)
    inside = resized(mask, behind.shape[1], behind.shape[0]) > INSIDE
    own, far = float(np.median(depth.near[inside])), float(np.percentile(behind[inside], FAR_RANK))
    near = min(max(own, far + APART[0]), far + APART[1])
    # what is nearer than near is at it, and the rest as far behind it
    near, behind = min(near, 1.0), behind - np.float32(max(near - 1.0, 0.0))
    behind = stood_on(behind, inside, near)
    return Split(
        photo=photo,
        rim=rim,
        lens=LayeredLens(photo, behind, mask, near),
        level=Level(near=behind, lines=level.lines, kept=level.kept),
    )


def sure_mask(mask: Floats) -> Floats | None:
    """The mask without its small parts; None where it is not sure by itself."""
    inside = (mask > INSIDE).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count == 1:
        return None
    whole = np.asarray(labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax(), np.uint8)
    share, kept = float(whole.mean()), float(whole.sum() / inside.sum())
    borders = (whole[0], whole[-1], whole[:, 0], whole[:, -1])
    cut = sum(float(border.mean()) > CUT_BORDER for border in borders)
    if not SHARES[0] < share < SHARES[1] or kept < LEAST_WHOLE or cut > MOST_CUT:
        return None
    if vagueness(mask, inside) > MOST_VAGUE:
        return None
    return mask * cv2.dilate(whole, np.ones((9, 9), np.uint8))


def gentle(behind: Floats) -> Floats:
    """Without what would tear: a background of one picture is one slope or another."""
    return cv2.GaussianBlur(behind, (0, 0), GENTLE * max(behind.shape)).astype(np.float32)


def stood_on(behind: Floats, inside: NDArray[np.bool_], near: float) -> Floats:
    """The depth behind a subject, brought to the subject's where it stands on something."""
    rows, columns = inside.shape
    lowest = np.where(inside.any(axis=0), rows - 1 - inside[::-1].argmax(axis=0), -1)
    height = lowest.max() - int(np.flatnonzero(inside.any(axis=1))[0]) + 1
    stands = (lowest > lowest.max() - FEET * height) & (lowest < (1 - AT_EDGE) * rows - 1)
    across = np.flatnonzero(stands)
    if not across.size:
        return behind
    # ground comes nearer all the way from behind the subject's top; then what each foot still lacks
    foot = int(np.median(lowest[across]))
    rise = np.clip((np.arange(rows) - foot + height) / height, 0, 1)[:, None]
    behind = behind + np.float32(near - np.median(behind[lowest[across], across])) * rise
    lack, felt = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    lack[lowest[across], across] = near - behind[lowest[across], across]
    felt[lowest[across], across] = 1
    reach = GROUND * max(rows, columns)
    weight = cv2.GaussianBlur(felt, (0, 0), reach)
    change = cv2.GaussianBlur(lack, (0, 0), reach) / np.maximum(weight, 1e-6)
    # beside the outermost foot there is half as much of them as between them
    share = np.minimum(weight / (0.5 * float(weight.max())), 1)
    return np.asarray(behind + change * share, np.float32)


def run_on(lines: Floats, photo: Photo, mask: Floats) -> bool:
    """Whether an edge goes straight on over the mask's rim: then it is through a thing.

    lines: points on each, float32 (n, points, 2), in units.
    """
    luma = with_side(photo.planes.y, LINES_SIDE_PX).astype(np.float32)
    ways = lines[:, -1] - lines[:, 0]
    across = np.stack([-ways[:, 1], ways[:, 0]], axis=1)
    lengths = np.maximum(np.hypot(ways[:, 0], ways[:, 1]), 1e-6)
    reach = 2 * BESIDE_PX / LINES_SIDE_PX * max(photo.half_photo)
    step = np.asarray(across * (reach / lengths)[:, None], np.float32)[:, None]

    edge = seen_in(luma, lines + step, photo) - seen_in(luma, lines - step, photo)
    share = seen_in(mask, lines, photo)
    inside, outside = share > 1 - VAGUE[0], share < VAGUE[0]
    is_mixed = np.minimum(inside.sum(axis=1), outside.sum(axis=1)) >= LEAST_POINTS
    within, without = (
        (edge * side).sum(axis=1) / np.maximum(side.sum(axis=1), 1) for side in (inside, outside)
    )
    same = np.sign(within) == np.sign(without)
    is_one = same & (np.minimum(np.abs(within), np.abs(without)) > LEAST_EDGE)
    return bool((is_mixed & is_one).any())
