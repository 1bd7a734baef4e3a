"""Hair and leaves in a marked region: strands that sway by little in gusts that travel over them.

No strand is known: where a frame looks is bent, by less than an eye takes for rubber, and at the
region's edge not at all.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

import numpy as np

from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.warp import SourceGrid, sample
from unstill.engines.camera.window import RegionWindow
from unstill.media.yuv import Floats, YuvPicture

MOST_REACH = 0.0075  # a share of the frame's width: with what goes up and down, 0.8 % in all
DOWN = 0.3  # a share of the reach
LEAN = 0.25  # a share of the reach: bent with the wind more than against it
STARTS_S = 1.0
COVERS = 4.0  # where so little is bent, the bent and the still are one


@dataclass(frozen=True, kw_only=True)
class Strands:
    """reach: of the frame's width, at the amount 1; gusts: how much of the reach, per second, and
    per unit across and down."""

    reach: float
    gusts: tuple[tuple[float, float, float, float], ...]


HAIR: Final = Strands(
    reach=0.0045,
    gusts=(
        (0.45, 0.27, 0.7, 0.5),
        (0.25, 0.53, 2.1, 1.2),
        (0.18, 0.9, 4.6, 1.7),
        (0.12, 1.4, 7.5, 2.6),
    ),
)
LEAVES: Final = Strands(
    reach=0.004,
    gusts=((0.55, 0.32, 0.55, 0.15), (0.28, 0.71, 1.9, -0.9), (0.17, 1.27, 4.1, 2.3)),
)


class SwayingStrands:
    """One region of a photo, and how it is bent after a time."""

    def __init__(
        self,
        strands: Strands,
        photo: Photo,
        share: Floats,
        effect_time: EffectTime,
        *,
        amount: float,
        seed: int,
    ) -> None:
        self._gusts = strands.gusts
        self._effect_time = effect_time
        rng = random.Random(f"strands {seed}")
        self._photo, self._share = photo, share
        self._window = RegionWindow(photo, share, opacity=COVERS)
        width = 2 * photo.half_frame[0]
        self._reach = np.float32(min(strands.reach * amount, MOST_REACH) * width)
        self._side = rng.choice((-1, 1))
        self._pace = min(max(amount, 0.7), 1.5)
        self._phases = [rng.random() for _ in self._gusts]

    def draw(self, grid: SourceGrid, time_s: float, into: YuvPicture) -> None:
        """Lay the bent region over a frame that shows the photo through the grid."""
        begun = self._effect_time.at(time_s, STARTS_S)
        window = self._window.find(grid) if begun else None
        if window is not None:
            bent = self._bent(window.grid, time_s, begun)
            self._window.lay(window, self._window.fetch(window, bent), into)

    def _bent(self, grid: SourceGrid, time_s: float, begun: float) -> SourceGrid:
        reach = sample(self._share, grid, self._photo.half_photo) * (
            self._reach * np.float32(begun)
        )
        gust = np.zeros_like(grid.x)
        for (share, hertz, across, down), phase in zip(self._gusts, self._phases, strict=True):
            turns = across * self._side * grid.x + down * grid.y + phase
            gust += share * np.sin(2 * np.pi * (turns - hertz * self._pace * time_s))
        x = self._side * ((1 - LEAN) * gust + LEAN) * reach
        return SourceGrid(
            x=np.asarray(grid.x - x, np.float32),
            y=np.asarray(grid.y - DOWN * gust * reach, np.float32),
        )


def marked_hair(
    photo: Photo, share: Floats, effect_time: EffectTime, *, amount: float, seed: int
) -> SwayingStrands:
    return SwayingStrands(HAIR, photo, share, effect_time, amount=amount, seed=seed)


def marked_leaves(
    photo: Photo, share: Floats, effect_time: EffectTime, *, amount: float, seed: int
) -> SwayingStrands:
    return SwayingStrands(LEAVES, photo, share, effect_time, amount=amount, seed=seed)
