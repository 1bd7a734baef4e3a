"""Depth and path changed so that straight things stay straight.

A line stays straight in each frame where depth is even or evenly slanted along it: then a dolly
and a truck only tilt and scale it. So the guess is evened along each line, and around it ever less;
what is off the lines keeps its relief. Upright lines get one depth, because things that stand do.
What bend is left lowers the relief of the whole path, and what has no relief turns like a plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.lines import find_lines, is_flat
from unstill.engines.camera.path import CameraPath, CameraState, smootherstep
from unstill.engines.camera.picture import Photo
from unstill.media.yuv import Floats

POINTS = 64  # on each line
ROUNDS = 36
WIDEST, NARROWEST, NARROWS = 1 / 13, 1 / 50, 0.9  # how far a line is felt, of depth's longer side
AWAY = 0.06  # the larger, the sooner a line is not felt away from it
UPRIGHT_RAD = math.radians(10)
MOST_BOW = 0.0022  # a share of the frame's width; 0.003 is seen
BOW_MOMENTS = (0.0, 0.5, 1.0)
RELIEF_ROUNDS, RELIEF_STEP = 12, 0.8
LEAST_SEEN = 6  # points of a line: of fewer nobody sees a bow
TURNS_BELOW, ONLY_TURNS = 0.5, 0.15  # shares of the guess's relief

Seen = Callable[[CameraState, Floats], Floats]


@dataclass(frozen=True, kw_only=True)
class Level:
    """near: depth, evened; lines: points on each, float32 (n, POINTS, 2), in units.

    kept: how much of the guess's relief is left, 0 to 1.
    """

    near: Floats
    lines: Floats
    kept: float


def levelled(near: Floats, photo: Photo) -> Level:
    """The depth of a photo with its straight lines and flat things evened."""
    ends = find_lines(photo)
    share = np.linspace(0, 1, POINTS, dtype=np.float32)[:, None]
    lines = (ends[:, :1] * (1 - share) + ends[:, 1:] * share).astype(np.float32)
    if is_flat(photo):
        return Level(near=np.full_like(near, 0.5), lines=lines, kept=0.0)
    if len(lines) == 0:
        return Level(near=near, lines=lines, kept=1.0)
    even = evened(near, lines, photo.half_photo)
    kept = float(even.std()) / max(float(near.std()), 1e-6)
    return Level(near=even, lines=lines, kept=min(kept, 1.0))


def evened(near: Floats, lines: Floats, half_photo: tuple[float, float]) -> Floats:
    """The depth, even or evenly slanted along each line.

    All lines ask at once and the depth gives way a little, over and over: first far around each of
    them, at last only near it.
    """
    rows, columns = near.shape
    x = (lines[..., 0] / np.float32(half_photo[0]) + 1) * np.float32(columns / 2) - np.float32(0.5)
    y = (lines[..., 1] / np.float32(half_photo[1]) + 1) * np.float32(rows / 2) - np.float32(0.5)
    at = (
        np.clip(np.rint(y), 0, rows - 1).astype(int),
        np.clip(np.rint(x), 0, columns - 1).astype(int),
    )
    lengths = np.hypot(x[:, -1] - x[:, 0], y[:, -1] - y[:, 0])
    # a long line weighs more than a short one, each of its pixels alike
    weight = np.broadcast_to((lengths**2 / lengths.max() / POINTS)[:, None], x.shape)
    felt = np.zeros((rows, columns), np.float32)
    np.add.at(felt, at, weight)
    is_upright = np.abs(x[:, -1] - x[:, 0]) < math.tan(UPRIGHT_RAD) * np.abs(y[:, -1] - y[:, 0])
    even = near
    for round_ in range(ROUNDS):
        reach_px = max(columns, rows) * max(WIDEST * NARROWS**round_, NARROWEST)
        lack = np.zeros((rows, columns), np.float32)
        depths = cv2.remap(even, x, y, cv2.INTER_LINEAR).astype(np.float32, copy=False)
        np.add.at(lack, at, weight * lacking(depths, is_upright))
        change = cv2.GaussianBlur(lack, (0, 0), reach_px)
        even = even + change / (cv2.GaussianBlur(felt, (0, 0), reach_px) + AWAY / reach_px)
    return even.astype(np.float32, copy=False)


def lacking(depths: Floats, is_upright: NDArray[np.bool_]) -> Floats:
    """What each point lacks to lie on its line's even or evenly slanted depth."""
    share = np.linspace(-1, 1, POINTS, dtype=np.float32)
    slope = (depths * share).mean(axis=1, keepdims=True) / (share**2).mean()
    slope[is_upright] = 0
    return np.asarray(depths.mean(axis=1, keepdims=True) + slope * share - depths, np.float32)


def straightened(
    path: CameraPath, level: Level, seen_at: Seen, half_frame: tuple[float, float]
) -> CameraPath:
    """The path with so little relief that no line is seen to bow.

    seen_at: where points of the photo are in the frame, both float32 (..., 2) in units.
    """
    whole = path.relief
    for _ in range(RELIEF_ROUNDS):
        if largest_bow(path, level.lines, seen_at, half_frame) <= MOST_BOW:
            break
        path = replace(path, relief=path.relief * RELIEF_STEP)
    kept = level.kept * path.relief / whole
    return replace(path, turn=smootherstep((TURNS_BELOW - kept) / (TURNS_BELOW - ONLY_TURNS)))


def largest_bow(
    path: CameraPath, lines: Floats, seen_at: Seen, half_frame: tuple[float, float]
) -> float:
    """How far a line leaves the straight way between its ends, as a share of the frame's width."""
    if len(lines) == 0:
        return 0.0
    moments = {*BOW_MOMENTS, *path.turns}
    bows = (bows_of(seen_at(path.at(moment), lines), half_frame) for moment in moments)
    return max(float(each.max()) for each in bows)


def bows_of(lines: Floats, half_frame: tuple[float, float]) -> Floats:
    """How far each line's points bow in a frame, float32 (n, POINTS, 2): shares of its width."""
    inside: NDArray[np.bool_] = np.all(np.abs(lines) <= np.asarray(half_frame, np.float32), axis=2)
    counts = inside.sum(axis=1)
    each = np.arange(len(lines))
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    begin, end = lines[each, first], lines[each, last]
    way = end - begin
    length = np.maximum(np.hypot(way[:, 0], way[:, 1]), np.float32(1e-6))[:, None]
    beside = lines - begin[:, None]
    off = np.abs(beside[..., 0] * way[:, None, 1] - beside[..., 1] * way[:, None, 0]) / length
    bows = np.where(inside, off, 0).max(axis=1, initial=0) / (2 * half_frame[0])
    return np.where(counts >= LEAST_SEEN, bows, 0).astype(np.float32)
