"""Frames of a camera that goes from one picture of a scene to another one.

A frame is fetched from both pictures where both are seen, and blended place by place. What the
prompt says of the camera gives way to the pictures; only a hand may shake it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Final

import cv2
import numpy as np

from unstill.domain.request import VideoRequest
from unstill.engines.camera.alive import LOCAL
from unstill.engines.camera.depth import guess_depth
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.passage import Passage, overscan_of, state_at
from unstill.engines.camera.path import ease
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.prompt import Leg, Plan
from unstill.engines.camera.residual_parallax import Light, ResidualParallax
from unstill.engines.camera.same_scene import SameScene
from unstill.engines.camera.scenes import Shown, blank, mix, planned
from unstill.engines.camera.sketch import Drawn
from unstill.engines.camera.warp import CELL_PX, Lens, SourceGrid, sample
from unstill.media.yuv import BLACK, WHITE, Floats, Plane, YuvPicture

FLAT: Final = np.full((2, 2), 0.5, np.float32)  # no depth: the pictures have their own
LEAST_AGREEING = 0.7  # a share of what both show: else their light says nothing of the lamp's
LEAST_GAIN, LEAST_LIFT = 0.03, 2.0  # less of a difference is the scaling's
SEEN = 1 / 256  # less of a picture than this is none
FINE_PX, COARSE_PX = 1.6, 2.6  # source pixels per frame pixel: from one size to its half


class TwoViews:
    """One continuous camera move between two pictures of one scene."""

    def __init__(
        self, photos: tuple[Photo, Photo], scene: SameScene, plan: Plan, request: VideoRequest
    ) -> None:
        first, last = self._photos = photos
        is_sketched = Effect.SKETCH in plan.effects
        self._first = Layer(first, is_sketched=is_sketched)
        self._last = Layer(last, is_sketched=is_sketched)
        self._lens = Lens(first, FLAT)
        self.passage = Passage.between(first, last, scene)
        self.path = planned(first, with_no_move(plan), request, (0.0, 0.0), self._lens)
        self._light = Dimmer(self.passage.residual)
        self._overscan = overscan_of(self.path, self.passage, first.half_frame)
        self._other = blank(first.size)
        self.undrawn = LOCAL & plan.effects.keys()
        self.unmade = frozenset(plan.moves) - {Move.HANDHELD}

    def show(self, fraction: float, drawn: Drawn | None, into: YuvPicture) -> None:
        grid, share = self.grid(fraction), ease(fraction)
        look_first, look_last = self.passage.looks(grid, share)
        weight = self.passage.weight(grid, share)
        if weight.min() > 1 - SEEN:
            self._last.show(look_last, drawn, into)
            self._light.of_last(into.y, share)
            return
        self._first.show(look_first, drawn, into)
        self._light.of_first(into.y, share)
        if weight.max() > SEEN:
            self._last.show(look_last, drawn, self._other)
            self._light.of_last(self._other.y, share)
            blend(into, self._other, weight)

    def grid(self, fraction: float) -> SourceGrid:
        """A frame's cells, as much shaken and enlarged as that frame is."""
        return self._lens.grid(state_at(self.path, self._overscan, fraction))

    def near(self, fraction: float) -> Floats:
        grid, share = self.grid(fraction), ease(fraction)
        looks = self.passage.looks(grid, share)
        first, last = (
            sample(near, look, half)
            for near, look, half in zip(self._depths, looks, self.passage.half_photos, strict=True)
        )
        return np.asarray(first + (last - first) * self.passage.weight(grid, share), np.float32)

    @cached_property
    def _depths(self) -> tuple[Floats, Floats]:
        """Both pictures' own guesses; only haze wants them."""
        first, last = (guess_depth(photo).near for photo in self._photos)
        return first, last


class Dimmer:
    """Turns the light of both pictures into that of the way between them."""

    def __init__(self, residual: ResidualParallax) -> None:
        light = residual.light if residual.agreeing > LEAST_AGREEING else Light()
        is_same = abs(light.gain - 1) < LEAST_GAIN and abs(light.lift) < LEAST_LIFT
        self._light = None if is_same else light

    def of_first(self, luma: Plane, share: float) -> None:
        if self._light is not None and share > 0:
            gain, lift = self._light.gain, self._light.lift
            dim(luma, gain=1 + share * (1 / gain - 1), lift=-share * lift / gain)

    def of_last(self, luma: Plane, share: float) -> None:
        if self._light is not None and share < 1:
            away = 1 - share
            dim(luma, gain=1 + away * (self._light.gain - 1), lift=away * self._light.lift)


def dim(luma: Plane, *, gain: float, lift: float) -> None:
    """In place; lift: of 255 levels, where luma has 219 from black on."""
    beta = BLACK * (1 - gain) + lift * (WHITE - BLACK) / 255
    cv2.convertScaleAbs(luma, dst=luma, alpha=gain, beta=beta)


class Layer:
    """A picture in two sizes, so that nothing flickers while it is seen from afar."""

    def __init__(self, photo: Photo, *, is_sketched: bool) -> None:
        self._photo = photo
        self._whole = Shown(photo, is_sketched=is_sketched)
        # a sketch's strokes are as wide as they are
        self._half = None if is_sketched else Shown(halved(photo), is_sketched=False)
        self._spare = blank(photo.size)

    def show(self, grid: SourceGrid, drawn: Drawn | None, into: YuvPicture) -> None:
        share = self._far_share(grid)
        if self._half is None or share == 0:
            self._whole.show(grid, drawn, into)
            return
        self._half.show(grid, drawn, into)
        if share < 1:
            self._whole.show(grid, drawn, self._spare)
            mix(into, self._spare, 1 - share)

    def _far_share(self, grid: SourceGrid) -> float:
        """How much of the frame is the smaller picture's, 0 to 1."""
        middle = grid.x.shape[0] // 2
        cells = grid.x.shape[1] - 1
        step = float(grid.x[middle, -1] - grid.x[middle, 0]) / cells * self._photo.unit_px / CELL_PX
        px = np.log2(max(abs(step) * self._photo.density[0], 1e-3))
        low, high = np.log2(FINE_PX), np.log2(COARSE_PX)
        return float(np.clip((px - low) / (high - low), 0, 1))


def blend(into: YuvPicture, other: YuvPicture, weight: Floats) -> None:
    """weight: how much of each cell is the other's, float32 (rows, columns), 0 to 1."""
    for cell, pairs in (
        (CELL_PX, ((into.y, other.y),)),
        (CELL_PX // 2, ((into.u, other.u), (into.v, other.v))),
    ):
        come = grown_to(pairs[0][0], weight, cell)
        keep = np.float32(1) - come
        for one, two in pairs:
            cv2.blendLinear(one, two, keep, come, dst=one)


def grown_to(plane: Plane, weight: Floats, cell: int) -> Floats:
    """Weights of cells as weights of a plane's pixels."""
    rows, columns = (side * cell for side in weight.shape)
    grown = cv2.resize(weight, (columns, rows), interpolation=cv2.INTER_LINEAR)
    height, width = plane.shape
    return np.ascontiguousarray(grown[cell : cell + height, cell : cell + width], np.float32)


def halved(photo: Photo) -> Photo:
    height, width = (max(2, side // 4 * 2) for side in photo.rgb.shape[:2])
    rgb = cv2.resize(photo.rgb, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    across, down = photo.density
    return replace(
        photo,
        rgb=rgb,
        density=(
            across * width / photo.rgb.shape[1],
            down * height / photo.rgb.shape[0],
        ),
    )


def with_no_move(plan: Plan) -> Plan:
    """The plan of a camera that goes nowhere by itself."""
    moves = (Move.HANDHELD,) if Move.HANDHELD in plan.moves else (Move.STATIC,)
    return replace(plan, legs=(Leg(moves=moves, strength=plan.legs[0].strength),))
