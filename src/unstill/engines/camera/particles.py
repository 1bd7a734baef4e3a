"""What falls, floats or rises before a picture: one row of a table for each kind.

A particle's place is a formula of the time and the seed, so that a frame needs no other frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unstill.domain.request import Size
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.overlay import Overlay, Paint, Points, Rgb, Softness, paint_of
from unstill.media.yuv import YuvPicture

Numbers = NDArray[np.float64]
Range = tuple[float, float]  # for the farthest particle and for the nearest in focus

STARTS_S, FADES_S = 0.4, 0.6  # each comes in within that time: the first frame is the photo's
CLOSE: Final = (1.4, 2.4)  # how near those are that are out of focus; 1 is the nearest in focus
CLOSE_OPACITY = 0.5  # light that a lens spreads over a wider disc
MARGIN = 0.12  # frame heights, beyond the frame, where particles leave and come back


class ParticleShape(Enum):
    STREAK = auto()
    DISC = auto()
    PETAL = auto()
    LEAF = auto()
    CHIP = auto()


# Corners of what tumbles: long from -1 to 1, x then y.
OUTLINES: Final = {
    ParticleShape.PETAL: (
        *((-1.0, 0.0), (-0.6, -0.42), (0.1, -0.62), (0.75, -0.5), (1.0, -0.16)),
        *((1.0, 0.16), (0.75, 0.5), (0.1, 0.62), (-0.6, 0.42)),
    ),
    ParticleShape.LEAF: (
        *((-1.25, 0.0), (-0.8, -0.28), (-0.2, -0.5), (0.4, -0.4), (1.0, 0.0)),
        *((0.4, 0.4), (-0.2, 0.5), (-0.8, 0.28)),
    ),
    ParticleShape.CHIP: ((-1.0, -0.6), (1.0, -0.6), (1.0, 0.6), (-1.0, 0.6)),
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of particle; lengths are in frame heights, times in seconds."""

    count: int
    close_count: int  # so many more are close to the eye and out of focus
    shape: ParticleShape
    colours: tuple[Rgb, ...]
    speed: Range  # downwards, heights per second; negative rises
    wind: float  # sideways, as a share of the speed
    sway: Range  # to and fro
    sway_hertz: Range
    size: Range  # a disc's radius, a streak's width, half of a petal's length
    opacity: Range
    length: Range = (0.0, 0.0)  # a streak has such a length
    tumble_hertz: Range = (0.0, 0.0)
    twinkle: float = 0.0  # the share of its light that comes and goes
    softness: Softness


WHITE_RGB: Final = (255, 255, 255)
KINDS: Final = {
    Effect.SNOW: Kind(
        count=300,
        close_count=14,
        shape=ParticleShape.DISC,
        colours=(WHITE_RGB,),
        speed=(0.06, 0.26),
        wind=0.22,
        sway=(0.004, 0.02),
        sway_hertz=(0.2, 0.5),
        size=(0.0018, 0.0078),
        opacity=(0.6, 0.95),
        softness=Softness(sharp=0.0022, close=0.0075),
    ),
    Effect.RAIN: Kind(
        count=900,
        close_count=30,
        shape=ParticleShape.STREAK,
        colours=((240, 244, 250),),
        speed=(1.2, 2.6),
        wind=0.08,
        sway=(0.0, 0.0),
        sway_hertz=(0.2, 0.5),
        size=(0.0015, 0.0034),
        opacity=(0.4, 0.65),
        length=(0.035, 0.13),
        softness=Softness(sharp=0.0016, close=0.004),
    ),
    Effect.PETALS: Kind(
        count=70,
        close_count=6,
        shape=ParticleShape.PETAL,
        colours=((250, 200, 214), (246, 178, 198), (255, 226, 234), (240, 160, 186)),
        speed=(0.07, 0.2),
        wind=0.5,
        sway=(0.015, 0.05),
        sway_hertz=(0.15, 0.4),
        size=(0.008, 0.017),
        opacity=(0.85, 0.97),
        tumble_hertz=(0.25, 0.8),
        softness=Softness(sharp=0.0009, close=0.006),
    ),
    Effect.LEAVES: Kind(
        count=46,
        close_count=3,
        shape=ParticleShape.LEAF,
        colours=((196, 96, 24), (168, 52, 24), (216, 150, 38), (128, 84, 34), (190, 120, 40)),
        speed=(0.1, 0.3),
        wind=0.45,
        sway=(0.02, 0.075),
        sway_hertz=(0.2, 0.45),
        size=(0.011, 0.026),
        opacity=(0.9, 1.0),
        tumble_hertz=(0.25, 0.7),
        softness=Softness(sharp=0.0009, close=0.006),
    ),
    Effect.EMBERS: Kind(
        count=110,
        close_count=7,
        shape=ParticleShape.DISC,
        colours=((255, 150, 40), (255, 108, 22), (255, 196, 92)),
        speed=(-0.08, -0.32),
        wind=-0.3,
        sway=(0.01, 0.04),
        sway_hertz=(0.3, 0.9),
        size=(0.0012, 0.0034),
        opacity=(0.8, 1.0),
        twinkle=0.6,
        softness=Softness(sharp=0.001, close=0.007, glow=1.6),
    ),
    Effect.DUST: Kind(
        count=150,
        close_count=16,
        shape=ParticleShape.DISC,
        colours=((255, 244, 222), (255, 250, 240)),
        speed=(-0.008, 0.02),
        wind=0.8,
        sway=(0.015, 0.05),
        sway_hertz=(0.06, 0.16),
        size=(0.001, 0.0028),
        opacity=(0.35, 0.75),
        twinkle=0.8,
        softness=Softness(sharp=0.0014, close=0.006),
    ),
    Effect.CONFETTI: Kind(
        count=170,
        close_count=7,
        shape=ParticleShape.CHIP,
        colours=(
            *((232, 62, 72), (250, 190, 40), (52, 168, 92), (58, 124, 226), (170, 84, 206)),
            *((244, 124, 176), (244, 244, 244)),
        ),
        speed=(0.16, 0.42),
        wind=0.1,
        sway=(0.01, 0.04),
        sway_hertz=(0.4, 1.0),
        size=(0.006, 0.0115),
        opacity=(0.95, 1.0),
        tumble_hertz=(0.6, 1.9),
        softness=Softness(sharp=0.0008, close=0.006),
    ),
}


class Particles:
    """Draws one kind into frames of one size."""

    def __init__(
        self, effect: Effect, size: Size, effect_time: EffectTime, *, amount: float, seed: int
    ) -> None:
        self._effect_time = effect_time
        self._kind = kind = KINDS[effect]
        self._overlay = Overlay(size, kind.softness)
        self._ratio = size.width / size.height
        rng = np.random.default_rng([seed, 3, list(Effect).index(effect)])
        count, close = (round(n * amount) for n in (kind.count, kind.close_count))
        # most particles are far away; far ones are drawn first
        self._near = np.concatenate([np.sort(rng.random(count) ** 2), rng.uniform(*CLOSE, close)])
        self._in_focus = slice(0, count), slice(count, count + close)
        total = count + close
        self._x, self._y, self._phase, self._turn, self._delay = rng.random((5, total))
        self._hertz = rng.uniform(*kind.sway_hertz, total)
        self._tumble = rng.uniform(*kind.tumble_hertz, total) * rng.choice((-1, 1), total)
        paints = paint_of(kind.colours)
        self._paint = paints[rng.integers(0, len(paints), total)]
        self._wind = kind.wind * rng.choice((-1, 1)) * rng.uniform(0.6, 1.4)

    def draw(self, frame: YuvPicture, time_s: float) -> None:
        points, paint = self._points(time_s), self._paints(time_s)
        size = mixed(self._kind.size, self._near)
        for part, is_close in zip(self._in_focus, (False, True), strict=True):
            match self._kind.shape:
                case ParticleShape.DISC:
                    self._overlay.draw_discs(
                        points[part], size[part], paint[part], is_close=is_close
                    )
                case ParticleShape.STREAK:
                    self._overlay.draw_streaks(
                        points[part], size[part], paint[part], is_close=is_close
                    )
                case _:
                    self._overlay.draw_shapes(points[part], paint[part], is_close=is_close)
        self._overlay.lay(frame)

    def _points(self, time_s: float) -> Points:
        """The corners of all, in frame heights."""
        kind, near = self._kind, self._near
        fallen = mixed(kind.speed, near) * time_s
        sway = mixed(kind.sway, near) * np.sin(2 * np.pi * (self._hertz * time_s + self._phase))
        wide, high = self._ratio + 2 * MARGIN, 1 + 2 * MARGIN + 2 * kind.length[1]
        x = (self._x * wide + fallen * self._wind + sway) % wide - MARGIN
        y = (self._y * high + fallen + 0.4 * sway) % high - MARGIN
        middle = np.stack([x, y], 1)[:, None]
        if kind.shape is ParticleShape.DISC:
            return middle
        if kind.shape is ParticleShape.STREAK:
            along = np.array([self._wind, 1.0]) * mixed(kind.length, near)[:, None]
            return np.concatenate([middle, middle - along[:, None]], axis=1)
        return middle + self._tumbled(time_s)

    def _tumbled(self, time_s: float) -> Points:
        """Outlines around the middle: turned in the picture and out of it."""
        outline = np.array(OUTLINES[self._kind.shape])
        out = np.cos(self._out_of_picture(time_s))
        thin = np.where(out < 0, -1.0, 1.0) * np.maximum(np.abs(out), 0.12)
        flat = np.stack(
            [
                np.broadcast_to(outline[:, 0], (len(out), len(outline))),
                outline[:, 1] * thin[:, None],
            ],
            axis=2,
        )
        angle = 2 * np.pi * (self._phase + 0.35 * self._tumble * time_s)
        turn = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)], axis=1)
        size = mixed(self._kind.size, self._near)[:, None, None]
        return np.asarray(flat @ turn.reshape(-1, 2, 2) * size)

    def _out_of_picture(self, time_s: float) -> Numbers:
        return np.asarray(2 * np.pi * (self._turn + self._tumble * time_s))

    def _paints(self, time_s: float) -> Paint:
        kind, near = self._kind, self._near
        opacity = mixed(kind.opacity, np.minimum(near, 1))
        opacity = np.where(near > 1, opacity * CLOSE_OPACITY, opacity)
        begun = np.clip((self._effect_time.since(time_s) - STARTS_S * self._delay) / FADES_S, 0, 1)
        twinkled = 1 - kind.twinkle * (
            0.5 + 0.5 * np.sin(2 * np.pi * (3 * self._hertz * time_s + self._turn))
        )
        paint = self._paint * (opacity * begun * twinkled)[:, None]
        if kind.shape in OUTLINES:  # what tumbles turns to the light and away from it
            paint[:, 0] *= 0.9 + 0.1 * np.cos(self._out_of_picture(time_s))
        return np.asarray(paint)


def mixed(ends: Range, share: Numbers) -> Numbers:
    return np.asarray(ends[0] + (ends[1] - ends[0]) * share)
