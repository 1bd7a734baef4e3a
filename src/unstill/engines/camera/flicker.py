"""Light that flickers: flames and lamps, and what they light around them."""

from __future__ import annotations

import random

import cv2
import numpy as np

from unstill.engines.camera.air import grown_over
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.regions import SIDE_PX, find_flames
from unstill.engines.camera.warp import CELL_PX, SourceGrid, sample
from unstill.media.yuv import Floats, YuvPicture

DEPTH = 0.28  # a share of the light at a flame, at the amount 1
MOST_DEPTH = 0.6
REACHES = ((1 / 60, 1.0), (1 / 14, 0.55), (1 / 5, 0.22))  # shares of the photo's side, and how much
HERTZ = ((1.1, 0.35), (2.7, 0.3), (5.3, 0.22), (8.9, 0.13))
STARTS_S = 0.5


class Flicker:
    """One photo's flames."""

    def __init__(
        self, photo: Photo, flames: Floats, effect_time: EffectTime, *, amount: float, seed: int
    ) -> None:
        self._effect_time = effect_time
        rng = random.Random(f"flicker {seed}")
        self._photo = photo
        light = np.zeros_like(flames)
        for reach, share in REACHES:
            glow = cv2.GaussianBlur(flames, (0, 0), reach * SIDE_PX)
            light = np.maximum(light, share * glow / max(float(glow.max()), 1e-6))
        self._light = light.astype(np.float32)
        self._depth = min(DEPTH * amount, MOST_DEPTH)
        self._waves = [
            (hertz * rng.uniform(0.85, 1.15), share, rng.random()) for hertz, share in HERTZ
        ]

    def draw(self, grid: SourceGrid, time_s: float, into: YuvPicture) -> None:
        """Darken and brighten the frame's luma around the flames."""
        swing = sum(
            share * np.sin(2 * np.pi * (hertz * time_s + at)) for hertz, share, at in self._waves
        )
        change = self._depth * (swing - 0.25) * self._effect_time.at(time_s, STARTS_S)
        light = sample(self._light, grid, self._photo.half_photo)
        weight = grown_over(np.asarray(np.clip(light, 0, 1) * 255, np.uint8), into.y.shape, CELL_PX)
        lit = cv2.multiply(into.y, weight, scale=abs(change) / 255)
        (cv2.add if change > 0 else cv2.subtract)(into.y, lit, dst=into.y)


def find_flicker(
    photo: Photo, effect_time: EffectTime, *, amount: float, seed: int
) -> Flicker | None:
    """The photo's flames and lamps; None where it has none."""
    flames = find_flames(photo.rgb)
    return None if flames is None else Flicker(photo, flames, effect_time, amount=amount, seed=seed)
