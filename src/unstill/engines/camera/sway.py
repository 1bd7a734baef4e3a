"""Wind in grass, flowers and leaves: a field that bends where the frame looks, roots at rest."""

from __future__ import annotations

import random

import numpy as np

from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.regions import find_plants
from unstill.engines.camera.warp import SourceGrid, sample
from unstill.media.yuv import Floats

REACH = 0.0065  # a share of the frame's geometric mean, at the amount 1, high in the picture
MOST_REACH = 0.012
LOWEST = 0.25  # a share of the reach, at the lower edge, where roots are
STARTS_S = 1.0
# gusts: how much of the reach, per second, and per unit across and down
GUSTS = ((0.6, 0.32, 0.55, 0.15), (0.3, 0.71, 1.3, -0.4), (0.2, 1.27, 2.3, 0.9))


class WindSway:
    """One photo's plants in the wind."""

    def __init__(
        self, photo: Photo, plants: Floats, effect_time: EffectTime, *, amount: float, seed: int
    ) -> None:
        self._effect_time = effect_time
        rng = random.Random(f"sway {seed}")
        self._photo = photo
        height = np.linspace(1, LOWEST, len(plants), dtype=np.float32)[:, None]
        self._reach = plants * height * np.float32(2 * min(REACH * amount, MOST_REACH))
        self._side = rng.choice((-1, 1))
        self._pace = min(max(amount, 0.7), 1.5)
        self._phases = [rng.random() for _ in GUSTS]

    def bent(self, grid: SourceGrid, time_s: float) -> SourceGrid:
        """Where the frame looks while the plants are bent."""
        reach = sample(self._reach, grid, self._photo.half_photo)
        reach = reach * np.float32(self._effect_time.at(time_s, STARTS_S))
        gust = np.zeros_like(grid.x)
        for (share, hertz, across, down), phase in zip(GUSTS, self._phases, strict=True):
            turns = across * self._side * grid.x + down * grid.y + phase
            gust += share * np.sin(2 * np.pi * (turns - hertz * self._pace * time_s))
        x = self._side * (gust + 0.3) * reach  # bent with the wind more than against it
        return SourceGrid(
            x=np.asarray(grid.x - x, np.float32),
            y=np.asarray(grid.y - 0.25 * gust * reach, np.float32),
        )


def find_sway(
    photo: Photo, effect_time: EffectTime, *, amount: float, seed: int
) -> WindSway | None:
    """The photo's plants; None where it has few, or they are not sure."""
    plants = find_plants(photo.rgb)
    return (
        None if plants is None else WindSway(photo, plants, effect_time, amount=amount, seed=seed)
    )
