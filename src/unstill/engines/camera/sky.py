"""Clouds that drift: the sky as a layer of its own, whole behind what stands before it.

Nothing is blended over time: the sky is looked up further and further aside, so that it stays
sharp and the first frame is the photo. Its gaps are filled from around them.
"""

from __future__ import annotations

import random

import cv2
import numpy as np

from unstill.engines.camera.depth import guided
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.fill import grown_from
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.sketch import lay_over
from unstill.engines.camera.warp import PixelFetcher, SourceGrid, sample
from unstill.media.yuv import BLACK, WHITE, Floats, Plane, YuvPicture

DRIFT = 0.013  # a share of the frame's width per second, at the amount 1, high in the sky
MOST_DRIFT = 0.085  # a share of the width: what is filled in is never looked at for long
HORIZON_SHARE = 0.3  # what is low in the sky is far away, and slow
BILLOW = 0.0035  # a share of the width
SUN_LUMA, SUN_SHARE = 225, 0.02  # as bright, and no larger in the picture: it stays where it is
STARTS_S, COMES_S = 1.2, 0.8
MATTE_SIDE_PX = 800
EDGE_PX = 9  # on the matte: pixels so near to an edge are not the sky's alone
THIN_PX, THIN_STEP = 17, 20  # on the matte; steps of luma


class Sky:
    """One photo's sky, and where it is after a time."""

    def __init__(
        self, photo: Photo, mask: Plane, effect_time: EffectTime, *, amount: float, seed: int
    ) -> None:
        self._effect_time = effect_time
        rng = random.Random(f"sky {seed}")
        self._photo = photo
        planes = photo.planes
        self._matte, sure = matte_of(planes.y, mask)
        self._half_matte = halved(self._matte)
        self._layer = YuvPicture(
            y=filled(planes.y, sure),
            u=filled(planes.u, halved(sure)),
            v=filled(planes.v, halved(sure)),
        )
        width = 2 * photo.half_frame[0]
        # a long video drifts slower, and none further than its gaps are filled
        self._speed = (
            min(DRIFT * amount, MOST_DRIFT / effect_time.duration_s) * width * rng.choice((-1, 1))
        )
        self._billow = BILLOW * min(amount, 1.5) * width
        self._phases = rng.random(), rng.random()
        rows = np.nonzero(mask.any(axis=1))[0]
        self._horizon = float(2 * (rows.max() + 1) / len(mask) - 1) * photo.half_photo[1]
        self._pinned = pinned(planes.y, mask)
        self._fetcher = PixelFetcher(photo)
        size = photo.size
        self._spare = np.empty((2, size.height, size.width), np.uint8)
        self._half_spare = np.empty((3, size.height // 2, size.width // 2), np.uint8)

    def draw(self, grid: SourceGrid, time_s: float, into: YuvPicture) -> None:
        """Lay the sky over a frame that shows the photo through the grid."""
        if self._effect_time.since(time_s) == 0:
            return
        moved = self._moved(grid, time_s)
        luma, matte = self._spare
        u, v, half_matte = self._half_spare
        self._fetcher.fetch(grid, [(self._matte, matte)])
        self._fetcher.fetch(moved, [(self._layer.y, luma)])
        self._fetcher.fetch_chroma(grid, [(self._half_matte, half_matte)])
        self._fetcher.fetch_chroma(moved, [(self._layer.u, u), (self._layer.v, v)])
        # the layer's edges are not quite the photo's: they come in while nothing has moved yet
        come = self._effect_time.at(time_s, COMES_S)
        if come < 1:
            for part in (matte, half_matte):
                cv2.convertScaleAbs(part, dst=part, alpha=come)
        lay_over(into.y, luma, matte)
        lay_over(into.u, u, half_matte)
        lay_over(into.v, v, half_matte)

    def _moved(self, grid: SourceGrid, time_s: float) -> SourceGrid:
        """Where the sky that is seen there was in the photo."""
        way = self._speed * self._effect_time.gone(time_s, STARTS_S)
        top = -self._photo.half_photo[1]
        height = (self._horizon - grid.y) / max(self._horizon - top, 1e-3)
        far = HORIZON_SHARE + (1 - HORIZON_SHARE) * np.clip(height, 0, 1)
        free = 1 - sample(self._pinned, grid, self._photo.half_photo)
        swell = self._billow * self._effect_time.at(time_s, STARTS_S)
        x = way * far + swell * waved(1.1 * grid.y + self._phases[0], 0.11 * time_s)
        y = swell * waved(0.9 * grid.x + self._phases[1], 0.13 * time_s)
        return SourceGrid(
            x=np.asarray(grid.x + x * free, np.float32), y=np.asarray(grid.y + y * free, np.float32)
        )


def waved(at: Floats, turned: float) -> Floats:
    """How far a wave has come at each place, in turns, from where it was."""
    turn = np.float32(2 * np.pi)
    return np.asarray(np.sin(turn * (at + turned)) - np.sin(turn * at), np.float32)


def matte_of(luma: Plane, mask: Plane) -> tuple[Plane, Plane]:
    """How much of each pixel is sky, and which pixels are nothing else; uint8, the luma's size."""
    rows, columns = luma.shape
    scale = min(1.0, MATTE_SIDE_PX / max(rows, columns))
    size = (max(8, round(columns * scale)), max(8, round(rows * scale)))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    coarse = cv2.resize(mask, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    coarse[raised(small, coarse) > 0] = 0
    guide = ((small.astype(np.float32) - BLACK) / (WHITE - BLACK)).astype(np.float32)
    share = (coarse / 255).astype(np.float32)
    fine = guided(share, guide, radius=max(2, MATTE_SIDE_PX // 100))
    # what the guide is unsure of is one or the other
    alpha = np.asarray(np.clip((fine - 0.25) / 0.5, 0, 1) * 255, np.uint8)
    sure = cv2.erode(coarse, np.ones((EDGE_PX, EDGE_PX), np.uint8))
    full = (columns, rows)
    return (
        cv2.resize(alpha, full, interpolation=cv2.INTER_LINEAR).astype(np.uint8),
        cv2.resize(sure, full, interpolation=cv2.INTER_LINEAR).astype(np.uint8),
    )


def raised(luma: Plane, mask: Plane) -> Plane:
    """What stands up into the sky and is too thin for a coarse mask: masts, spires, twigs.

    A bird is as thin, but stands on nothing.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN_PX, THIN_PX))
    dark = cv2.morphologyEx(luma, cv2.MORPH_BLACKHAT, kernel)
    light = cv2.morphologyEx(luma, cv2.MORPH_TOPHAT, kernel)
    thin = (np.maximum(dark, light) > THIN_STEP) & (mask > 127)
    ground = mask <= 127
    joined = np.asarray(cv2.dilate(np.asarray(thin | ground, np.uint8), np.ones((3, 3), np.uint8)))
    _, labels = cv2.connectedComponents(joined)
    standing = np.unique(labels[ground])
    return np.asarray(thin & np.isin(labels, standing), np.uint8)


def halved(plane: Plane) -> Plane:
    rows, columns = plane.shape
    return cv2.resize(plane, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA).astype(
        np.uint8
    )


def filled(plane: Plane, sure: Plane) -> Plane:
    """The plane where it is sure, and elsewhere what is around."""
    found = grown_from(plane.astype(np.float32), (sure / np.float32(255)).astype(np.float32))
    return np.asarray(np.clip(np.rint(found), 0, 255), np.uint8)


def pinned(luma: Plane, mask: Plane) -> Floats:
    """1 where the sun is and 0 far from it: the disc stays while the clouds go by."""
    rows, columns = mask.shape
    small = cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_AREA)
    bright = np.asarray((small > SUN_LUMA) & (cv2.dilate(mask, np.ones((9, 9))) > 0), np.uint8)
    whole = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(whole)
    result = np.zeros(mask.shape, np.float32)
    for label in range(1, count):
        wide, high, area = stats[label, cv2.CC_STAT_WIDTH :].tolist()
        is_round = max(wide, high) < 2.5 * min(wide, high) and area > 0.4 * wide * high
        if is_round and area < SUN_SHARE * mask.size:
            result[labels == label] = 1
    reach = max(rows, columns) / 14
    near = cv2.GaussianBlur(result, (0, 0), reach)
    return np.asarray(near / max(float(near.max()), 1e-6) if result.any() else result, np.float32)


def find_clouds(photo: Photo, effect_time: EffectTime, *, amount: float, seed: int) -> Sky | None:
    """The photo's sky; None where it has none, or it is not sure."""
    if photo.sky is None:
        return None
    return Sky(photo, photo.sky, effect_time, amount=amount, seed=seed)
