"""The air and the light of a weather: far things pale, the sun goes, and what falls is seen.

It comes over the picture in the video's first seconds, so that the first frame is the photo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np

from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.sketch import lay_over
from unstill.engines.camera.warp import CELL_PX
from unstill.media.yuv import BLACK, GREY, WHITE, Floats, Plane, YuvPicture

COMES_S = 1.5
DARKEST_HAZE = 56  # luma; at night the air is no brighter than what lights it


@dataclass(frozen=True, kw_only=True)
class Air:
    """What the air of one weather does, at the amount 1.

    haze: its y, u and v; far and near: how opaque it is before what is farthest and nearest;
    whitest: the luma to which white goes down; colour: the share of colour that is left.
    """

    haze: tuple[int, int, int]
    far: float
    near: float
    whitest: int
    colour: float


AIRS: Final = {
    Effect.SNOW: Air(haze=(176, 130, 126), far=0.5, near=0.06, whitest=196, colour=0.75),
    Effect.RAIN: Air(haze=(132, 132, 125), far=0.5, near=0.05, whitest=178, colour=0.7),
    Effect.DUST: Air(haze=(176, 120, 136), far=0.14, near=0.02, whitest=218, colour=0.95),
    Effect.EMBERS: Air(haze=(90, 116, 142), far=0.12, near=0.0, whitest=200, colour=0.95),
    Effect.FIREWORKS: Air(haze=(60, 132, 126), far=0.15, near=0.0, whitest=140, colour=0.9),
}
MOST_AMOUNT: Final = 2.2


class AirPainter:
    """Draws one weather's air."""

    def __init__(self, effect: Effect, effect_time: EffectTime, *, amount: float) -> None:
        self._effect_time = effect_time
        self._air = AIRS[effect]
        self._amount = min(amount, MOST_AMOUNT)
        self._haze_luma: int | None = None

    def draw(self, frame: YuvPicture, near: Floats, time_s: float) -> None:
        """near: float32, the depth where each cell of the frame looks (see warp.Lens.grid)."""
        air, share = self._air, self._effect_time.at(time_s, COMES_S)
        if self._haze_luma is None:  # as bright as the picture is, no brighter than the row says
            bright = float(np.percentile(frame.y[::8, ::8], 85))
            self._haze_luma = round(min(max(0.9 * bright, DARKEST_HAZE), air.haze[0]))
        if share == 0:
            return
        self._dim(frame, share)
        opacity = air.far + (air.near - air.far) * near
        opacity = 1 - (1 - np.clip(opacity, 0, 0.95)) ** self._amount
        cells = np.asarray(opacity * (255 * share), np.uint8)
        lay_over(frame.y, self._haze_luma, grown_over(cells, frame.y.shape, CELL_PX))
        half = grown_over(cells, frame.u.shape, CELL_PX // 2)
        lay_over(frame.u, air.haze[1], half)
        lay_over(frame.v, air.haze[2], half)

    def _dim(self, frame: YuvPicture, share: float) -> None:
        air, strength = self._air, min(1.0, 0.35 + 0.65 * self._amount) * share
        luma = np.arange(256, dtype=np.float32)
        light = np.clip((luma - BLACK) / (WHITE - BLACK), 0, 1)
        # what is bright goes down most, what is dark stays
        dimmed = BLACK + light * (WHITE - BLACK - (WHITE - air.whitest) * light)
        curve = np.where(luma < BLACK, luma, luma + (dimmed - luma) * strength)
        cv2.LUT(frame.y, np.rint(curve).astype(np.uint8), dst=frame.y)
        kept = 1 - (1 - air.colour) * strength
        for chroma in (frame.u, frame.v):
            cv2.convertScaleAbs(chroma, dst=chroma, alpha=kept, beta=GREY * (1 - kept))


Cells = TypeVar("Cells", Plane, Floats)


def grown_over(cells: Cells, shape: tuple[int, ...], cell_px: int) -> Cells:
    """A grid with one cell more than the frame all around, grown to a plane of the frame."""
    rows, columns = cells.shape
    size = (columns * cell_px, rows * cell_px)
    grown = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), cells.dtype)
    return grown[cell_px : cell_px + shape[0], cell_px : cell_px + shape[1]]
