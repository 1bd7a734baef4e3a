"""Snow and rain over a picture: particles whose place is a formula of the time, so repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.domain.request import Size
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.sketch import lay_over
from unstill.media.yuv import GREY, WHITE, Plane, YuvPicture

SUBPIXEL_BITS = 4  # cv2 draws at fixed-point places
BEGINS_S = 1.0  # it starts to fall within this time: the first frame is the photo's


@dataclass(frozen=True, kw_only=True)
class Fall:
    """One kind of weather; lengths in frame heights, from the farthest particle to the nearest."""

    count: int
    speed: tuple[float, float]  # heights per second
    wind: float  # sideways, as a share of the speed
    sway: float
    length: tuple[float, float]  # a streak is so long; 0 is a flake
    radius: tuple[float, float]
    opacity: tuple[float, float]
    softness: float


FALLS: Final = {
    Effect.SNOW: Fall(
        count=260,
        speed=(0.07, 0.26),
        wind=0.18,
        sway=0.012,
        length=(0, 0),
        radius=(0.002, 0.0085),
        opacity=(0.45, 0.85),
        softness=1.4,
    ),
    Effect.RAIN: Fall(
        count=420,
        speed=(1.3, 2.6),
        wind=0.08,
        sway=0.0,
        length=(0.04, 0.12),
        radius=(0.0008, 0.0016),
        opacity=(0.22, 0.55),
        softness=0.6,
    ),
}


class Weather:
    """Draws one kind of weather into frames of one size."""

    def __init__(self, effect: Effect, size: Size, seed: int) -> None:
        self._fall = fall = FALLS[effect]
        rng = np.random.default_rng([seed, 3, list(Effect).index(effect)])
        # most particles are far away; far ones are drawn first
        self._near = np.sort(rng.random(fall.count) ** 2)
        self._ratio = size.width / size.height
        self._x = rng.random(fall.count) * (self._ratio + 0.2)
        self._y = rng.random(fall.count) * (1 + 2 * fall.length[1] + 0.1)
        self._phase = rng.random(fall.count)
        self._wind = fall.wind * rng.choice((-1, 1)) * rng.uniform(0.6, 1.4)
        self._half = (size.width // 2, size.height // 2)
        self._full = (size.width, size.height)

    def draw(self, frame: YuvPicture, time_s: float) -> None:
        thickness = self._layer(time_s)
        lay_over(frame.u, GREY, thickness)
        lay_over(frame.v, GREY, thickness)
        whole = cv2.resize(thickness, self._full, interpolation=cv2.INTER_LINEAR)
        lay_over(frame.y, WHITE, whole.astype(np.uint8))

    def _layer(self, time_s: float) -> Plane:
        """How opaque the weather is, 0 to 255, at half the frame's size: soft when grown."""
        layer = np.zeros(self._half[::-1], np.uint8)
        fall, scale = self._fall, self._half[1] * 2**SUBPIXEL_BITS
        begun = min(1.0, time_s / BEGINS_S)
        x, y, length = self._places(time_s)
        ends_x, ends_y = x - length * self._wind, y - length
        radius = mixed(fall.radius, self._near) * self._half[1]
        opacity = mixed(fall.opacity, self._near) * 255 * begun
        corners = np.rint(np.stack([x, y, ends_x, ends_y], 1) * scale).astype(int).tolist()
        for (x0, y0, x1, y1), r, o in zip(corners, radius.tolist(), opacity.tolist(), strict=True):
            if fall.length[1] > 0:
                width = max(1, round(2 * r))
                cv2.line(layer, (x0, y0), (x1, y1), o, width, cv2.LINE_AA, SUBPIXEL_BITS)
            else:
                fixed = max(8, round(r * 2**SUBPIXEL_BITS))
                cv2.circle(layer, (x0, y0), fixed, o, -1, cv2.LINE_AA, SUBPIXEL_BITS)
        return cv2.GaussianBlur(layer, (0, 0), fall.softness).astype(np.uint8)

    def _places(
        self, time_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Where each particle is and how long its streak, in frame heights."""
        fall = self._fall
        fallen = mixed(fall.speed, self._near) * time_s
        length = mixed(fall.length, self._near)
        sway = fall.sway * np.sin(2 * np.pi * (0.35 * time_s + self._phase))
        high, wide = 1 + 2 * fall.length[1] + 0.1, self._ratio + 0.2
        x = (self._x + fallen * self._wind + sway) % wide - 0.1
        y = (self._y + fallen) % high - 0.05
        return x, y, length


def mixed(ends: tuple[float, float], share: NDArray[np.float64]) -> NDArray[np.float64]:
    return ends[0] + (ends[1] - ends[0]) * share
