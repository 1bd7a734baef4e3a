"""Smoke, steam and mist in a marked region: what is soft rises slowly, and veils rise before it.

What is soft moves by two looks that take turns. Each follows the flow from a half turn before the
photo to a half turn after it, and is only seen in between; where it is at its middle it is the
photo. Two looks that are mixed have less contrast than either: it is given back. What has hard
edges is no smoke: seen twice it would be a ghost, so that it stays, and only the veils pass it.
"""

from __future__ import annotations

import cv2
import numpy as np

from unstill.engines.camera.air import grown_over
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.marked import SIDE_PX
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.scaling import with_side
from unstill.engines.camera.warp import CELL_PX, SourceGrid, sample
from unstill.engines.camera.window import RegionWindow, Window
from unstill.media.yuv import BLACK, GREY, WHITE, Floats, Plane, YuvPicture

RISE = 0.018  # a share of the frame's width per second, at the amount 1
MOST_AMOUNT = 1.8
TURN_S = 3.4  # each look lasts so long, from where it comes to where it goes
SWIRL = 0.55  # a share of the rise: aside, and up and down
SWIRL_CELLS = (5, 5)  # cells of noise, over the frame
UNEVEN = 0.35  # a share of a turn: so far apart are places in it, else all of it would beat
STARTS_S = 2.0
GIVEN_BACK = 0.7  # a share of the contrast that mixing takes from what has nothing in common
LOCAL = 0.03  # a share of the frame's width: contrast is against what is so far around
SOFT, HARD = 5.0, 11.0  # steps of luma from pixel to pixel at SIDE_PX: smoke, and what is none
VEIL, SHADOW = 0.19, 0.05  # shares of what is missing to white, and of the light
MOST_VEIL = 1.3  # deviations: no spot is thicker
VEILED_SMOKE = 0.35  # so much of a veil is seen before what is smoke itself
VEIL_CELLS = (48, 24)  # cells of noise, down and across, that fit onto themselves
VEIL_UNITS = (1.9, 1.3)  # so far they reach
VEIL_PACES = (1.9, 2.9)  # times as fast as the smoke; two of them, so that their shapes change


class Smoke:
    """One region of a photo, and where its smoke is after a time."""

    def __init__(
        self, photo: Photo, share: Floats, effect_time: EffectTime, *, amount: float, seed: int
    ) -> None:
        self._effect_time = effect_time
        self._window = RegionWindow(photo, share)
        rng = np.random.default_rng([seed, 8])
        amount = min(amount, MOST_AMOUNT)
        self._photo = photo
        width = 2 * photo.half_frame[0]
        self._rise = RISE * amount * width
        self._soft = softness(photo.rgb, reach=RISE * amount * TURN_S / 2)
        self._strength = np.float32(min(amount, 1.4))
        self._swirls = (rng.random((3, *SWIRL_CELLS), np.float32) - 0.5) * 2
        self._veils = [veil_cells(rng) for _ in VEIL_PACES]
        self._local_px = LOCAL * photo.size.width
        # in a loop the turns end with the video
        turns = max(1, round(effect_time.duration_s / TURN_S))
        self._turn_s = effect_time.duration_s / turns if effect_time.is_loop else TURN_S

    def draw(self, grid: SourceGrid, time_s: float, into: YuvPicture) -> None:
        """Lay the moved region over a frame that shows the photo through the grid."""
        begun = self._effect_time.at(time_s, STARTS_S)
        window = self._window.find(grid) if begun else None
        if window is not None:
            soft = sample(self._soft, window.grid, self._photo.half_photo)
            moved = self._flown(window, soft, time_s, np.float32(begun))
            shown = begun * (1 - (1 - VEILED_SMOKE) * soft)
            self._veil(moved, window.grid, time_s, np.asarray(shown, np.float32))
            self._window.lay(window, moved, into)

    def _flown(self, window: Window, soft: Floats, time_s: float, begun: np.float32) -> YuvPicture:
        """The window with what is soft in it where it has risen to."""
        at = window.grid
        aside, along, uneven = (self._over_photo(cells, at) for cells in self._swirls)
        turn = time_s / self._turn_s + 0.5 + UNEVEN / 2 * begun * uneven
        looks: list[YuvPicture] = []
        for half in (0.0, 0.5):
            gone_s = (np.mod(turn + half, 1) - 0.5) * self._turn_s
            way = (gone_s * self._rise).astype(np.float32)
            looked = SourceGrid(
                x=np.asarray(at.x - SWIRL * aside * way, np.float32),
                y=np.asarray(at.y + (1 + SWIRL * along) * way, np.float32),
            )
            looks.append(self._window.fetch(window, looked))
        seen = np.asarray(1 - np.abs(2 * np.mod(turn, 1) - 1), np.float32)
        still, (one, other) = self._window.fetch(window, at), looks
        shares, softs = (
            [grown_over(cells, plane.shape, CELL_PX // step) for step, plane in steps]
            for cells in (seen, soft)
            if (steps := ((1, still.y), (2, still.u)))
        )
        light = self._with_contrast(mixed(one.y, other.y, shares[0]), shares[0])
        return YuvPicture(
            y=mixed(light, still.y, softs[0]),
            u=mixed(mixed(one.u, other.u, shares[1]), still.u, softs[1]),
            v=mixed(mixed(one.v, other.v, shares[1]), still.v, softs[1]),
        )

    def _with_contrast(self, mix: Plane, share: Floats) -> Plane:
        """A mix, as far from what is around as each look was."""
        light = mix.astype(np.float32)
        lost = 1 / np.sqrt(share * share + (1 - share) * (1 - share))
        side = 2 * int(self._local_px / 2) + 1
        around = cv2.blur(light, (side, side), borderType=cv2.BORDER_REFLECT)
        light = np.asarray(around + (light - around) * (1 + GIVEN_BACK * (lost - 1)), np.float32)
        return np.asarray(np.clip(np.rint(light), BLACK, WHITE), np.uint8)

    def _veil(self, moved: YuvPicture, at: SourceGrid, time_s: float, shown: Floats) -> None:
        """Lighten it where a veil is, and darken it a little between them; by how much of one."""
        aside, along, _ = (self._over_photo(cells, at) for cells in self._swirls)
        veil = np.zeros_like(at.x)
        down, across = (
            np.float32(cells / units) for cells, units in zip(VEIL_CELLS, VEIL_UNITS, strict=True)
        )
        for cells, pace in zip(self._veils, VEIL_PACES, strict=True):
            up = np.float32(pace * self._rise * time_s)
            x = (at.x + np.float32(0.12) * aside) * across
            y = (at.y + up + np.float32(0.12) * along) * down
            veil += cv2.remap(cells, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        veil = np.clip(veil / np.float32(len(VEIL_PACES)), -MOST_VEIL, MOST_VEIL)
        veil = np.asarray(veil * self._strength * shown, np.float32)
        whole = grown_over(veil, moved.y.shape, CELL_PX)
        light = moved.y.astype(np.float32)
        light += np.maximum(whole, 0) * VEIL * (WHITE - light)
        light += np.minimum(whole, 0) * SHADOW * (light - BLACK)
        moved.y[:] = np.clip(np.rint(light), BLACK, WHITE)
        # what is lit by it is also less coloured
        pale = 1 - VEIL * np.clip(grown_over(veil, moved.u.shape, CELL_PX // 2), 0, 1 / VEIL)
        for chroma in (moved.u, moved.v):
            chroma[:] = np.rint((chroma - np.float32(GREY)) * pale + GREY)

    def _over_photo(self, cells: Floats, at: SourceGrid) -> Floats:
        """Noise that lies over the photo, smooth, where a grid looks."""
        fine = cv2.resize(cells, (64, 64), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        return sample(fine, at, self._photo.half_photo)


def softness(rgb: Plane, *, reach: float) -> Floats:
    """1 where nothing hard is as near as smoke goes, else 0, float32 over the photo.

    reach: how far it goes to either side, in shares of the width.
    """
    light = cv2.cvtColor(with_side(rgb, SIDE_PX), cv2.COLOR_RGB2GRAY).astype(np.float32)
    light = cv2.GaussianBlur(light, (0, 0), 1).astype(np.float32)
    across, down = (cv2.Sobel(light, cv2.CV_32F, *way) / 8 for way in ((1, 0), (0, 1)))
    side = 2 * round(reach * light.shape[1]) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    step = cv2.dilate(np.sqrt(across * across + down * down), kernel)
    hard = np.clip((step - SOFT) / (HARD - SOFT), 0, 1).astype(np.float32)
    return np.asarray(1 - cv2.GaussianBlur(hard, (0, 0), 4), np.float32)


def veil_cells(rng: np.random.Generator) -> Floats:
    """Noise drawn out upwards, of deviation 1, that fits onto itself on all sides."""
    cells = np.tile(rng.random(VEIL_CELLS, np.float32), (3, 3))
    drawn = cv2.GaussianBlur(cells, (0, 0), sigmaX=1.1, sigmaY=2.6)
    rows, columns = VEIL_CELLS
    middle = drawn[rows : 2 * rows, columns : 2 * columns]
    return np.asarray((middle - middle.mean()) / middle.std(), np.float32)


def mixed(one: Plane, other: Plane, share: Floats) -> Plane:
    """share: of the one."""
    share = np.ascontiguousarray(share)
    return np.asarray(cv2.blendLinear(one, other, share, 1 - share), np.uint8)
