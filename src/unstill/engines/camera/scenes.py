"""What a frame is made of: one photo or two as the camera sees them; drawn, snowed on, marked."""

from __future__ import annotations

from typing import Protocol
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from unstill.domain.request import Size, VideoRequest
from unstill.engines.camera.air import AIRS, AirPainter
from unstill.engines.camera.alive import LOCAL, Alive
from unstill.engines.camera.depth import Depth, guess_depth
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.fireworks import Fireworks
from unstill.engines.camera.hold import aim_of, held
from unstill.engines.camera.layer_pixels import TwoLayers
from unstill.engines.camera.layers import LayeredLens, find_split
from unstill.engines.camera.level import POINTS, Level, levelled, straightened
from unstill.engines.camera.morph import find_morph
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.particles import KINDS, Particles
from unstill.engines.camera.path import (
    CameraPath,
    CameraState,
    ease,
    smootherstep,
    tamed,
    with_overscan,
)
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.planned_path import Stage, legs_made, plan_path
from unstill.engines.camera.prompt import Plan, moves_of
from unstill.engines.camera.sketch import Drawn, Growth, lay_over, pencil
from unstill.engines.camera.warp import KeptPicture, Lens, PixelFetcher, SourceGrid
from unstill.media.watermark import WatermarkPainter
from unstill.media.yuv import GREY, Floats, Plane, YuvPicture

# a dissolve shows each picture alone for a while; in between it doubles everything
DISSOLVE_BEGINS, DISSOLVE_ENDS = 0.2, 0.8
TAMED = 0.8  # a share of the relief: where one layer keeps more, a second is not looked for
WORTH = 1.3  # times as much relief: for less a photo stays one layer

View = Lens | LayeredLens


class Scenery(Protocol):
    """What is in front of the camera."""

    path: CameraPath
    undrawn: frozenset[Effect]  # the plan has them, and no sure place is found for them
    unmade: frozenset[Move]  # the plan has them; the pictures have a way of their own, or no room

    def show(self, fraction: float, drawn: Drawn | None, into: YuvPicture) -> None:
        """Fill a frame after this share of the video, 0 to 1."""

    def near(self, fraction: float) -> Floats:
        """Depth where each cell of that frame looks, 0 far to 1 near."""


EVEN = np.full((8, 8), 0.5, np.float32)
EVEN_GROUND = (  # for what shows no depth
    Depth(near=EVEN, subject=(0.0, 0.0), guess=EVEN, ends=(0.0, 1.0)),
    Level(near=EVEN, lines=np.empty((0, POINTS, 2), np.float32), kept=1.0),
)
_grounds: WeakKeyDictionary[Photo, tuple[Depth, Level]] = WeakKeyDictionary()


def ground_of(photo: Photo) -> tuple[Depth, Level]:
    """The depth of a photo, and the same evened along its lines; guessed once for each photo."""
    found = _grounds.get(photo)
    if found is None:
        depth = guess_depth(photo)
        found = _grounds[photo] = depth, levelled(depth.near, photo)
    return found


def asks_for_depth(plan: Plan) -> bool:
    """Whether anything moves; also a roll has a hand's drift, which shows what is near."""
    return bool(plan.effects) or set(plan.moves) != {Move.STATIC}


class Shown:
    """One photo's pixels on their way into frames."""

    def __init__(self, photo: Photo, *, is_sketched: bool) -> None:
        self._fetcher, self._kept = PixelFetcher(photo), KeptPicture()
        self._planes = photo.planes
        self._sketch = pencil(self._planes.y) if is_sketched else None
        self._spare = np.empty((photo.size.height, photo.size.width), np.uint8)

    def show(self, grid: SourceGrid, drawn: Drawn | None, into: YuvPicture) -> None:
        if self._sketch is None or drawn is None:
            if not self._kept.show(grid, into):
                self._fetcher.fetch_picture(grid, self._planes, into)
                self._kept.keep(grid, into)
        elif drawn.is_complete:
            self._fetcher.fetch(grid, [(self._sketch, into.y)])
            into.u[:] = into.v[:] = GREY
        else:
            self._show_half_drawn(grid, self._sketch, drawn, into)

    def _show_half_drawn(
        self, grid: SourceGrid, sketch: Plane, drawn: Drawn, into: YuvPicture
    ) -> None:
        self._fetcher.fetch(grid, [(self._planes.y, into.y), (sketch, self._spare)])
        self._fetcher.fetch_chroma(grid, [(self._planes.u, into.u), (self._planes.v, into.v)])
        lay_over(into.y, self._spare, drawn.mask)
        lay_over(into.u, GREY, drawn.half)
        lay_over(into.v, GREY, drawn.half)


class OnePhoto:
    """A camera move over one photo with its guessed depth, in two layers where that goes further.

    What moves in the picture by itself is drawn over one layer only, and so is a sketch.
    """

    def __init__(self, photo: Photo, plan: Plan, request: VideoRequest) -> None:
        depth, level = ground_of(photo) if asks_for_depth(plan) else EVEN_GROUND
        is_sketched = Effect.SKETCH in plan.effects
        self._shown = Shown(photo, is_sketched=is_sketched)
        self._alive = Alive(photo, plan, request)
        self.undrawn, self.unmade = self._alive.undrawn, frozenset[Move]()
        aim = aim_of(photo) or depth.subject

        def made(lens: View, level: Level) -> CameraPath:
            path = tamed(planned(photo, plan, request, aim, lens), folds=lens.folds)
            return straightened(path, level, lens.seen_at, photo.half_frame)

        self.lens: View = Lens(photo, level.near)
        self._layers: TwoLayers | None = None
        path = made(self.lens, level)
        if path.relief < TAMED and not is_sketched and not self._alive.drawn:
            split = find_split(photo, depth, level)
            further = made(split.lens, split.level) if split else None
            if split and further and further.relief > WORTH * path.relief and not further.turn:
                path, self.lens, self._layers = further, split.lens, TwoLayers(split)
        path = held(path, photo, self.lens)
        self.path = with_overscan(path, self.lens.overshoot)

    def show(self, fraction: float, drawn: Drawn | None, into: YuvPicture) -> None:
        state = self.path.at(fraction)
        if self._layers is not None:
            self._layers.show(state, into)
            return
        grid = self._alive.bent(self.lens.grid(state), fraction)
        self._shown.show(grid, drawn, into)
        self._alive.draw(grid, fraction, into)

    def near(self, fraction: float) -> Floats:
        return self.lens.near_in(self.path.at(fraction))


class TwoPhotos:
    """From the first frame to the last one, with the camera going out and back."""

    def __init__(self, photos: tuple[Photo, Photo], plan: Plan, request: VideoRequest) -> None:
        first, last = photos
        depths, levels = zip(*map(ground_of, photos), strict=True)
        self._lenses = [Lens(p, level.near) for p, level in zip(photos, levels, strict=True)]
        is_sketched = Effect.SKETCH in plan.effects
        self._first = Shown(first, is_sketched=is_sketched)
        self._last = Shown(last, is_sketched=is_sketched)
        self._morph = find_morph(first, last)
        self.undrawn = LOCAL & plan.effects.keys()
        self.unmade = frozenset(plan.moves).difference(
            moves_of(legs_made(plan, has_last_frame=True))
        )
        path = planned(first, plan, request, depths[0].subject, self._lenses[0])
        for lens, level in zip(self._lenses, levels, strict=True):
            path = tamed(path, folds=lens.folds)
            path = straightened(path, level, lens.seen_at, first.half_frame)
        self.path = with_overscan(path, self._overshoot)
        self._other = blank(first.size)

    def show(self, fraction: float, drawn: Drawn | None, into: YuvPicture) -> None:
        state, share = self.path.at(fraction), ease(fraction)
        one, other = (lens.grid(state) for lens in self._lenses)
        keep, come = np.float32(1 - share), np.float32(share)
        grid = SourceGrid(x=one.x * keep + other.x * come, y=one.y * keep + other.y * come)
        look_first, look_last = self._morph.grids(grid, share)
        weight = smootherstep((fraction - DISSOLVE_BEGINS) / (DISSOLVE_ENDS - DISSOLVE_BEGINS))
        if weight == 1:
            self._last.show(look_last, drawn, into)
            return
        self._first.show(look_first, drawn, into)
        if weight > 0:
            self._last.show(look_last, drawn, self._other)
            mix(into, self._other, weight)

    def near(self, fraction: float) -> Floats:
        state, share = self.path.at(fraction), np.float32(ease(fraction))
        one, other = (lens.near_at(lens.grid(state)) for lens in self._lenses)
        return np.asarray(one + (other - one) * share, np.float32)

    def _overshoot(self, state: CameraState) -> float:
        return max(lens.overshoot(state) for lens in self._lenses)


class Show:
    """Draws whole frames: the scenery, then what is between it and the eye."""

    def __init__(self, scenery: Scenery, plan: Plan, request: VideoRequest, size: Size) -> None:
        self._scenery = scenery
        self._growth = Growth(size, request.seed) if Effect.SKETCH in plan.effects else None
        effect_time = EffectTime(request.duration_s, is_loop=plan.is_loop)
        self._airs = [
            AirPainter(e, effect_time, amount=plan.effects[e]) for e in AIRS if e in plan.effects
        ]
        self._flying = flying(plan, effect_time, size, request.seed)
        self._mark = WatermarkPainter(size) if request.watermark else None
        self._duration_s = request.duration_s
        self._is_loop = plan.is_loop

    def draw(self, fraction: float, into: YuvPicture) -> None:
        grown = 1 - abs(1 - 2 * fraction) if self._is_loop else fraction
        drawn = self._growth.at(grown) if self._growth else None
        self._scenery.show(fraction, drawn, into)
        time_s = fraction * self._duration_s
        for air in self._airs:
            air.draw(into, self._scenery.near(fraction), time_s)
        for overlay in self._flying:
            overlay.draw(into, time_s)
        if self._mark is not None:
            self._mark.draw(into)


def flying(
    plan: Plan, effect_time: EffectTime, size: Size, seed: int
) -> list[Particles | Fireworks]:
    """All that the plan has before the picture, what is farthest first."""
    overlays: list[Particles | Fireworks] = []
    if amount := plan.effects.get(Effect.FIREWORKS):
        overlays.append(Fireworks(size, effect_time, amount=amount, seed=seed))
    return overlays + [
        Particles(kind, size, effect_time, amount=plan.effects[kind], seed=seed)
        for kind in KINDS
        if kind in plan.effects
    ]


def planned(
    photo: Photo, plan: Plan, request: VideoRequest, subject: tuple[float, float], lens: View
) -> CameraPath:
    stage = Stage(
        half_frame=photo.half_frame,
        half_photo=photo.half_photo,
        subject=subject,
        subject_near=lens.near_around(subject),
    )
    return plan_path(
        plan,
        stage,
        duration_s=request.duration_s,
        seed=request.seed,
        has_last_frame=request.last_frame is not None,
        is_loop=plan.is_loop,
    )


def blank(size: Size) -> YuvPicture:
    half = (size.height // 2, size.width // 2)
    return YuvPicture(
        y=np.empty((size.height, size.width), np.uint8),
        u=np.empty(half, np.uint8),
        v=np.empty(half, np.uint8),
    )


def mix(into: YuvPicture, other: YuvPicture, weight: float) -> None:
    for one, two in ((into.y, other.y), (into.u, other.u), (into.v, other.v)):
        cv2.addWeighted(one, 1 - weight, two, weight, 0, dst=one)
