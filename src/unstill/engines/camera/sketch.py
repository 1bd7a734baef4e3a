"""A pencil sketch of a photo, and how it grows over the picture in strokes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from unstill.domain.request import Size
from unstill.media.yuv import BLACK, WHITE, Floats, Plane

BEGINS, COMPLETE = 0.04, 0.86  # the sketch begins and is complete at these shares of the video
STROKE_DEG = 52.0
SOFT_EDGE = 56  # a stroke begins over so many of 255 steps of growth
PAPER: Final = WHITE - 3
STROKE_LONG = 22  # times as long as it is wide
CELLS_ALONG, CELLS_ACROSS = 5.0, 1.25  # cells of noise, per stroke
SMALLEST_SIGMA_PX = 2.5  # a blur on a smaller picture is still so wide there


def pencil(luma: Plane) -> Plane:
    """The sketch of a luma plane, itself a luma plane: lines, hatched shadows, white paper."""
    light = ((luma.astype(np.float32) - BLACK) / (WHITE - BLACK)).clip(0, 1)
    short_px = min(luma.shape)
    # no line for every grain
    calm = cv2.bilateralFilter(light, 5, 0.12, 3).astype(np.float32)
    lines = np.minimum(
        dodged(calm, sigma_px=short_px / 240), dodged(calm, sigma_px=short_px / 60) ** 0.8
    )
    tone = blurred(light, short_px / 160)
    shadow = np.clip((0.62 - tone) / 0.62, 0, 1)
    hatch = strokes(luma.shape, angle_deg=-STROKE_DEG, width_px=max(1.0, short_px / 480))
    crossed = strokes(luma.shape, angle_deg=STROKE_DEG - 14, width_px=max(1.0, short_px / 480))
    shade = 1 - shadow * (0.15 + 0.55 * hatch) - np.clip(shadow - 0.55, 0, 1) * 0.6 * crossed
    drawn = np.clip(lines**1.5 * shade, 0.06, 1)
    return np.asarray(BLACK + (PAPER - BLACK) * drawn, np.uint8)


def dodged(light: Floats, *, sigma_px: float) -> Floats:
    """Light divided by its own blur: white but for lines darker than what is around them."""
    around = blurred(light, max(sigma_px, 0.8))
    return np.clip((light + 0.03) / (around + 0.03), 0, 1).astype(np.float32)


def blurred(light: Floats, sigma_px: float) -> Floats:
    """A Gaussian blur; a wide one is done on a smaller picture, where it costs little."""
    shrink = max(1.0, sigma_px / SMALLEST_SIGMA_PX)
    if shrink < 2:
        return cv2.GaussianBlur(light, (0, 0), sigma_px).astype(np.float32)
    rows, columns = light.shape
    size = (max(1, round(columns / shrink)), max(1, round(rows / shrink)))
    small = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), sigma_px / shrink)
    return cv2.resize(soft, (columns, rows), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def strokes(shape: tuple[int, ...], *, angle_deg: float, width_px: float) -> Floats:
    """Pencil strokes all over: noise drawn out in one direction, evenly spread over 0 to 1."""
    rows, columns = shape[:2]
    side = int(np.hypot(rows, columns)) + 2
    # No finer than the strokes are: a cell of noise is as long as a stroke is smooth.
    cell = (width_px * STROKE_LONG / CELLS_ALONG, width_px / CELLS_ACROSS)
    cells = (math.ceil(side / cell[1]) + 2, math.ceil(side / cell[0]) + 2)
    noise = np.random.default_rng(7).random(cells, np.float32)
    drawn = cv2.GaussianBlur(noise, (0, 0), sigmaX=CELLS_ALONG, sigmaY=CELLS_ACROSS)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle_deg, 1)
    turn[:, 2] += np.array([(columns - side) / 2, (rows - side) / 2])
    turn[:, :2] *= np.array(cell)
    turned = cv2.warpAffine(drawn, turn, (columns, rows), borderMode=cv2.BORDER_REFLECT)
    low, high = np.percentile(turned[::4, ::4], (4, 96))
    return np.asarray(((turned - low) / (high - low)).clip(0, 1), np.float32)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Where the sketch is: 255 where it is drawn, 0 where the photo still is."""

    mask: Plane  # uint8 (h, w)
    half: Plane  # uint8 (h/2, w/2), for chroma
    is_complete: bool


class Growth:
    """Where the sketch already is, moment by moment."""

    def __init__(self, size: Size, seed: int) -> None:
        rng = np.random.default_rng([seed, 2])
        # at half the size: a stroke that grows is wider than that can tell
        shape = (size.height // 2, size.width // 2)
        patches = cv2.resize(
            rng.random((5, 5), np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC
        )
        y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j].astype(np.float32)
        corner = rng.choice([(1, 1), (-1, 1), (1, -1), (-1, -1)])
        sweep = (corner[0] * x + corner[1] * y) / 2
        hand = strokes(shape, angle_deg=-STROKE_DEG, width_px=max(1.0, min(shape) / 160))
        order = 0.9 * sweep + 0.35 * patches + 0.3 * hand
        # by rank, so that the drawn area grows evenly
        marks = np.quantile(order[::2, ::2], np.linspace(0, 1, 256))
        ranks = np.clip(np.searchsorted(marks, order), 0, 255).astype(np.uint8)
        full = (size.width, size.height)
        self._order = cv2.resize(ranks, full, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        self._half = (size.width // 2, size.height // 2)

    def at(self, fraction: float) -> Drawn | None:
        """What is drawn after this share of the video; None before the first stroke."""
        done = (fraction - BEGINS) / (COMPLETE - BEGINS)
        if done <= 0:
            return None
        steps = np.arange(256, dtype=np.float32)
        drawn = np.clip((done * (256 + SOFT_EDGE) - steps) / SOFT_EDGE, 0, 1)
        mask = cv2.LUT(self._order, (255 * drawn).astype(np.uint8)).astype(np.uint8)
        half = cv2.resize(mask, self._half, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
        return Drawn(mask=mask, half=half, is_complete=done >= 1)


def lay_over(under: Plane, over: Plane | int, mask: Plane) -> None:
    """under = over where the mask is 255, in place; `over` is a plane or one value."""
    kept = cv2.multiply(under, cv2.bitwise_not(mask), scale=1 / 255)
    if isinstance(over, int):
        added = cv2.convertScaleAbs(mask, alpha=over / 255)
    else:
        added = cv2.multiply(over, mask, scale=1 / 255)
    cv2.add(kept, added, dst=under)
