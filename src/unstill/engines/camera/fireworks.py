"""Fireworks: bursts of sparks in the upper part of the picture, each a formula of its number."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from unstill.domain.request import Size
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.overlay import Overlay, Softness, paint_of
from unstill.media.yuv import YuvPicture

Flights = NDArray[np.float64]  # (sparks, 2), in frame heights
FIRST_S, EVERY_S = 0.35, 0.8  # the first burst, and one after another at the amount 1
LIVES_S = 2.0
SPARKS = 110
REACH: Final = (0.16, 0.3)  # how far sparks fly, in frame heights
DRAG = 2.6  # how fast the air stops them
GRAVITY = 0.06  # heights per second squared
TAIL_S = 0.13
WIDTH = 0.0056
SHELL = 0.75  # a spark flies at least so much of a burst's reach: a shell, not a cloud
COLOURS: Final = (
    *((255, 90, 80), (255, 196, 84), (120, 220, 255), (190, 130, 255), (130, 255, 150)),
    (255, 240, 214),
)
SOFTNESS: Final = Softness(sharp=0.001, close=0.012, glow=2.2)


class Fireworks:
    """Draws bursts into frames of one size."""

    def __init__(self, size: Size, effect_time: EffectTime, *, amount: float, seed: int) -> None:
        self._effect_time = effect_time
        self._overlay = Overlay(size, SOFTNESS)
        self._ratio = size.width / size.height
        self._every_s = EVERY_S / amount
        self._seed = seed

    def draw(self, frame: YuvPicture, time_s: float) -> None:
        last = int((time_s - FIRST_S) / self._every_s) if time_s >= FIRST_S else -1
        first = max(0, int((time_s - FIRST_S - LIVES_S) / self._every_s))
        for number in range(first, last + 1):
            if self._is_cut_short(number):
                continue
            self._draw_burst(number, time_s - FIRST_S - number * self._every_s)
        self._overlay.lay(frame)

    def _is_cut_short(self, number: int) -> bool:
        """In a loop the last spark is out by the last frame."""
        burst_s = FIRST_S + number * self._every_s
        return self._effect_time.is_loop and burst_s + LIVES_S > self._effect_time.duration_s

    def _draw_burst(self, number: int, age_s: float) -> None:
        rng = np.random.default_rng([self._seed, 5, number])
        centre = np.array([rng.uniform(0.12, 0.88) * self._ratio, rng.uniform(0.12, 0.4)])
        reach = rng.uniform(*REACH)
        colours = paint_of(COLOURS)[rng.permutation(len(COLOURS))[:2]]
        # directions on a sphere, seen from the front
        height, angle = rng.uniform(-1, 1, SPARKS), rng.uniform(0, 2 * np.pi, SPARKS)
        round_ = np.sqrt(1 - height**2)
        flight = np.stack([round_ * np.cos(angle), height], axis=1)
        flight *= (reach * rng.uniform(SHELL, 1, SPARKS))[:, None]
        left = 1 - age_s / (LIVES_S * rng.uniform(0.7, 1, SPARKS))
        head, tail = (
            centre + flown(flight, max(age, 0.0)) for age in (age_s, age_s - TAIL_S * (1 + age_s))
        )
        light = np.clip(left, 0, 1) ** 0.7
        paint = colours[rng.integers(0, 2, SPARKS)] * light[:, None]
        width = np.full(SPARKS, WIDTH)
        self._overlay.draw_streaks(np.stack([head, tail], 1), width, paint, is_close=False)


def flown(flight: Flights, age_s: float) -> Flights:
    """How far sparks have come: stopped by the air, drawn down by their weight."""
    fall = np.array([0.0, GRAVITY * age_s**2])
    return np.asarray(flight * (1 - np.exp(-DRAG * age_s)) + fall)
