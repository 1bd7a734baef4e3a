"""Water that ripples: travelling waves in where a lake or a sea is looked up, finer far away.

Crests lie across the picture and come towards the eye; each also takes and gives a little light,
without which a smooth sea would not be seen to move.
"""

from __future__ import annotations

import cv2
import numpy as np

from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.marked import plane_of
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.regions import find_water
from unstill.engines.camera.sketch import lay_over
from unstill.engines.camera.sky import matte_of
from unstill.engines.camera.warp import CELL_PX, PixelFetcher, SourceGrid
from unstill.media.yuv import Floats, Plane, YuvPicture

FINE_PX = 4  # waves need finer cells than a camera move
REACH = 0.006  # a share of the water's height in the picture, at the amount 1, near the eye
SHADE = 0.05  # a share of the light
STARTS_S = 1.0
FARTHEST = 0.07  # a share of the water's height: how fast things get small towards the far shore
# waves: how much of the reach, crests for each step towards the shore, across, per second
WAVES = ((0.5, 5.0, 0.8, 0.45), (0.3, 8.5, -1.3, 0.7), (0.2, 13.0, 2.1, 1.05))
NOISE_CELLS = (7, 12)
NOISE_TURNS = 0.8


class Water:
    """One photo's water, and its waves after a time."""

    def __init__(
        self,
        photo: Photo,
        mask: Plane,
        effect_time: EffectTime,
        *,
        matte: Plane,
        amount: float,
        seed: int,
    ) -> None:
        """mask: where it is, 0 or 255; matte: how much of each pixel of the photo's luma is."""
        self._effect_time = effect_time
        rng = np.random.default_rng([seed, 6])
        self._photo = photo
        luma = photo.planes.y
        self._luma, self._matte = luma, matte
        rows = np.nonzero(mask.any(axis=1))[0]
        first, last = (float(2 * row / len(mask) - 1) for row in (rows.min(), rows.max() + 1))
        half_height = photo.half_photo[1]
        self._shore, self._deep = first * half_height, (last - first) * half_height
        self._amount = min(amount, 1.8)
        self._phases = rng.random(len(WAVES))
        # crests are as long as this noise, and not as long as the picture is wide
        self._noise = NOISE_TURNS * rng.random(NOISE_CELLS, np.float32)
        self._fetcher = PixelFetcher(photo)
        self._spare = np.empty((2, photo.size.height, photo.size.width), np.uint8)

    def draw(self, grid: SourceGrid, time_s: float, into: YuvPicture) -> None:
        """Lay the water over a frame that shows the photo through the grid."""
        begun = self._effect_time.at(time_s, STARTS_S)
        if begun == 0:
            return
        matte, luma = self._spare
        self._fetcher.fetch(grid, [(self._matte, matte)])
        seen = np.nonzero(matte.any(axis=1))[0]
        if not len(seen):
            return
        top = int(seen.min()) // CELL_PX
        bottom = -(-(int(seen.max()) + 1) // CELL_PX)
        rows = slice(top * CELL_PX, min(bottom * CELL_PX, into.y.shape[0]))
        self._fetch(
            SourceGrid(x=grid.x[top : bottom + 2], y=grid.y[top : bottom + 2]),
            time_s,
            begun,
            luma[rows],
        )
        lay_over(into.y[rows], luma[rows], matte[rows])

    def _fetch(self, grid: SourceGrid, time_s: float, begun: float, luma: Plane) -> None:
        """The water's luma in some rows of the frame; the grid has a cell more on each side."""
        finer = CELL_PX // FINE_PX
        size = (grid.x.shape[1] * finer, grid.x.shape[0] * finer)
        x, y = (
            np.asarray(cv2.resize(at, size, interpolation=cv2.INTER_LINEAR), np.float32)
            for at in (grid.x, grid.y)
        )
        wave, near = self._waves(x, y, time_s)
        wave *= np.float32(begun * self._amount)
        y = y + wave * near * np.float32(REACH * self._deep)
        height, width = self._luma.shape
        unit_px = [density * self._photo.unit_px for density in self._photo.density]
        map_x, map_y = (
            self._grown(at * np.float32(scale) + np.float32(side / 2 - 0.5), luma.shape)
            for at, scale, side in ((x, unit_px[0], width), (y, unit_px[1], height))
        )
        cv2.remap(
            self._luma,
            map_x,
            map_y,
            cv2.INTER_LINEAR,
            dst=luma,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        shade = self._grown(1 + np.float32(SHADE) * wave, luma.shape)
        cv2.multiply(luma, shade, dst=luma, dtype=cv2.CV_8U)

    def _grown(self, cells: Floats, shape: tuple[int, ...]) -> Floats:
        size = (cells.shape[1] * FINE_PX, cells.shape[0] * FINE_PX)
        grown = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(
            grown[CELL_PX : CELL_PX + shape[0], CELL_PX : CELL_PX + shape[1]], np.float32
        )

    def _waves(self, x: Floats, y: Floats, time_s: float) -> tuple[Floats, Floats]:
        """How high the water stands, -1 to 1, and how near it is, 0 to 1."""
        near = np.clip((y - np.float32(self._shore)) / np.float32(self._deep), 0, 1.2)
        far = np.log(near + np.float32(FARTHEST))
        aside = x / (near + np.float32(0.35))
        noise = cv2.resize(self._noise, x.shape[::-1], interpolation=cv2.INTER_CUBIC)
        wave = np.zeros_like(x)
        for (share, along, across, hertz), phase in zip(WAVES, self._phases, strict=True):
            turns = np.float32(along) * far + np.float32(0.35 * across) * aside + noise * along / 5
            turns -= np.float32(hertz * time_s - phase)
            wave += np.float32(share) * np.sin(np.float32(2 * np.pi) * turns)
        return wave, np.asarray(near, np.float32)


def find_ripples(
    photo: Photo, effect_time: EffectTime, *, amount: float, seed: int
) -> Water | None:
    """The photo's water; None where it has none, or it is not sure."""
    mask = find_water(photo.rgb, photo.sky)
    if mask is None:
        return None
    matte = matte_of(photo.planes.y, mask)[0]
    return Water(photo, mask, effect_time, matte=matte, amount=amount, seed=seed)


def marked_ripples(
    photo: Photo, share: Floats, effect_time: EffectTime, *, amount: float, seed: int
) -> Water:
    """Water where the caller says, whatever it looks like; `share` as in `marked.Mark`."""
    mask = np.asarray(share > 0, np.uint8) * np.uint8(255)
    matte = plane_of(share, photo.planes.y)
    return Water(photo, mask, effect_time, matte=matte, amount=amount, seed=seed)
