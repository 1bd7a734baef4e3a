"""The camera's way between two pictures of one scene, and which of them each place is seen in.

Where both show a place, the last one takes over: slowly where they agree, and at once where they do
not, so that nothing is ever seen twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from unstill.engines.camera.morph import travelled
from unstill.engines.camera.path import CameraPath, CameraState, ease
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.residual_parallax import ResidualParallax, find_residual_parallax
from unstill.engines.camera.same_scene import SameScene
from unstill.engines.camera.turns import Matrix, share_of, turned
from unstill.engines.camera.warp import CELL_PX, SourceGrid, sample
from unstill.media.yuv import Floats

HalfSize = tuple[float, float]

SLOWLY, AT_ONCE = 0.5, 0.04  # a place goes from one picture to the other in so much of the way
FINER_FIRST = 0.15  # a share of the way sooner or later, from a zoom of two on
FEATHER = 0.22  # a picture's edge fades over so many units ...
SHARP_WITHIN = 0.35  # ... but less and less in this share of the way at its own end
FILLS_WITHIN = 0.1
LEAST_FEATHER = 1e-3
LITTLE = np.float32(1e-4)
MOST_ZOOM = 1.35  # so much nearer the camera may go on its way, to see no edge
MOMENTS_PER_S = 6
LEAST_ROOM = 0.05
ZOOM_ROUNDS = 6
EDGE_POINTS = 33


@dataclass(frozen=True, kw_only=True)
class Passage:
    """half_photos: how far the first and the last picture reach from their centres, in units."""

    log: Matrix  # the turn's, from the first picture's units to the last one's
    residual: ResidualParallax
    half_photos: tuple[HalfSize, HalfSize]
    cell: float  # the side of a grid's cell in units

    @classmethod
    def between(cls, first: Photo, last: Photo, scene: SameScene) -> Self:
        return cls(
            log=scene.log,
            residual=find_residual_parallax(first, last, scene),
            half_photos=(first.half_photo, last.half_photo),
            cell=CELL_PX / first.unit_px,
        )

    @property
    def takes_over(self) -> float:
        """The share of the way at which the last picture does: early if it is the finer one."""
        turn = share_of(self.log, 1)
        doublings = float(np.log2(abs(np.linalg.det(turn[:2, :2])) / turn[2, 2] ** 2)) / 2
        return 0.5 - FINER_FIRST * min(max(doublings, -1.0), 1.0)

    def looks(self, grid: SourceGrid, share: float) -> tuple[SourceGrid, SourceGrid]:
        """Where a grid looks in the first and in the last picture, `share` of the way between."""
        middle = self.from_half_way(grid, share)
        left = self.residual
        of_first = travelled(middle, left.there, share, left.half)
        of_last = travelled(middle, left.back, 1 - share, left.half)
        return brought(of_first, share_of(self.log, -0.5)), brought(
            of_last, share_of(self.log, 0.5)
        )

    def from_half_way(self, grid: SourceGrid, share: float) -> SourceGrid:
        return brought(grid, share_of(self.log, 0.5 - share))

    def weight(self, grid: SourceGrid, share: float) -> Floats:
        """How much of each cell is the last picture's, 0 to 1."""
        first, last = self.looks(grid, share)
        in_first = covered(first, self.half_photos[0], share, self.cell)
        in_last = covered(last, self.half_photos[1], 1 - share, self.cell)
        middle = self.from_half_way(grid, share)
        alike = sample(self.residual.alike, middle, self.residual.half)
        takes = np.float32(AT_ONCE) + np.float32(SLOWLY - AT_ONCE) * alike
        come = stepped(np.float32(share - self.takes_over) / takes + np.float32(0.5))
        stay = 1 - come
        for_last = in_last * (come + stay * (1 - in_first)) + LITTLE * come
        for_first = in_first * (stay + come * (1 - in_last)) + LITTLE * stay
        weight: Floats = for_last / (for_last + for_first)
        return weight

    def is_seen(self, edge: SourceGrid, share: float) -> bool:
        """Whether all that a frame's edge looks at is in one of the pictures."""
        first, last = self.looks(edge, share)
        inside = np.maximum(
            depth_inside(first, self.half_photos[0]), depth_inside(last, self.half_photos[1])
        )
        return float(inside.min()) > -LEAST_FEATHER


def brought(grid: SourceGrid, turn: Matrix) -> SourceGrid:
    x, y = turned(turn, grid.x, grid.y)
    return SourceGrid(x=x, y=y)


def covered(look: SourceGrid, half_photo: HalfSize, away: float, cell: float) -> Floats:
    """1 in a picture, fading to 0 at its edge; `away`: the way from where it fills a frame."""
    feather = max(LEAST_FEATHER, FEATHER * min(1.0, away / SHARP_WITHIN))
    # a grid has cells around the frame: where the picture fills it, they are the picture's too
    around = cell * max(0.0, 1 - away / FILLS_WITHIN)
    inside = depth_inside(look, half_photo) + np.float32(around)
    return stepped(inside / np.float32(feather))


def depth_inside(look: SourceGrid, half_photo: HalfSize) -> Floats:
    """How far inside a picture a grid looks, in units; negative outside of it."""
    across = np.float32(half_photo[0]) - np.abs(look.x)
    return np.minimum(across, np.float32(half_photo[1]) - np.abs(look.y))


def stepped(x: Floats) -> Floats:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def state_at(path: CameraPath, overscan: float, fraction: float) -> CameraState:
    """The path's state, so much nearer between the ends as the overscan says."""
    state = path.at(fraction)
    return replace(state, zoom=state.zoom * (1 + overscan * room_at(path, fraction)))


def room_at(path: CameraPath, fraction: float) -> float:
    """How much of the overscan there is, 0 to 1: none at the ends, where a whole picture is."""
    share = ease(fraction)
    return max(4 * share * (1 - share), path.sway_at(fraction))


def overscan_of(path: CameraPath, passage: Passage, half_frame: HalfSize) -> float:
    """How much nearer the camera has to be for no frame's edge to be outside both pictures."""
    line = np.linspace(-1, 1, EDGE_POINTS, dtype=np.float32)
    one = np.ones_like(line)
    x = np.concatenate([line, line, one, -one])[None] * np.float32(half_frame[0])
    y = np.concatenate([one, -one, line, line])[None] * np.float32(half_frame[1])
    edge = SourceGrid(x=x, y=y)
    moments = round(path.duration_s * MOMENTS_PER_S)
    needed = 0.0
    for moment in range(1, moments):
        fraction = moment / moments
        room = room_at(path, fraction)
        if room > LEAST_ROOM:
            zoom = least_zoom(edge, path.at(fraction), passage, ease(fraction))
            needed = max(needed, (zoom - 1) / room)
    return min(needed, MOST_ZOOM - 1)


def least_zoom(edge: SourceGrid, state: CameraState, passage: Passage, share: float) -> float:
    """The zoom at which a frame's edge sees one of the pictures everywhere, or the greatest."""
    low, high = 1.0, MOST_ZOOM
    if passage.is_seen(swayed(edge, state, low), share):
        return low
    for _ in range(ZOOM_ROUNDS):
        zoom = (low + high) / 2
        is_enough = passage.is_seen(swayed(edge, state, zoom), share)
        low, high = (low, zoom) if is_enough else (zoom, high)
    return high


def swayed(edge: SourceGrid, state: CameraState, zoom: float) -> SourceGrid:
    cos, sin = np.float32(np.cos(state.roll_rad) / zoom), np.float32(np.sin(state.roll_rad) / zoom)
    return SourceGrid(
        x=edge.x * cos - edge.y * sin + np.float32(state.pan[0]),
        y=edge.x * sin + edge.y * cos + np.float32(state.pan[1]),
    )
