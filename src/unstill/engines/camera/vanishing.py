"""Where the lines of a street, a corridor or a room run together: there it is farthest away."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.media.yuv import Floats

LEAST_PIECE = 0.05  # a share of the diagonal
MOST_PIECES = 48  # the longest ones
SLANTED = (math.radians(5), math.radians(72))  # level and upright lines meet elsewhere
PASSES = 0.02  # a share of the diagonal: so near to the point a line goes by
INSIDE = 0.85  # a share of the half sides: a point near the picture's edge is no depth of it
LEAST_SUPPORT = 0.6  # a share of the length of all slanted lines
LEAST_PIECES = 6

Lines = NDArray[np.float64]


def find_vanishing_point(light: Floats) -> tuple[float, float] | None:
    """The point in shares of the half sides, -1 to 1; None where no such point is sure.

    light: float32 (h, w), 0 to 255.
    """
    high, wide = light.shape
    diagonal = math.hypot(high, wide)
    detected = cv2.createLineSegmentDetector().detect(light.astype(np.uint8))[0]
    lines = slanted(np.asarray(() if detected is None else detected, np.float64), diagonal)
    if len(lines) < LEAST_PIECES:
        return None
    lengths = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
    points = crossings(lines, wide, high)
    if not len(points):
        return None
    passes = distances(points, lines) < PASSES * diagonal
    support = passes @ lengths
    best = int(support.argmax())
    x, y = (float(each) for each in points[best])
    if support[best] < LEAST_SUPPORT * lengths.sum() or passes[best].sum() < LEAST_PIECES:
        return None
    return 2 * x / wide - 1, 2 * y / high - 1


def slanted(segments: Lines, diagonal: float) -> Lines:
    """The longest of those that are neither level nor upright, float64 (n, 4)."""
    segments = segments.reshape(-1, 4)
    across, down = segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]
    lengths = np.hypot(across, down)
    turned = np.arctan2(np.abs(down), np.abs(across))
    fit = (turned > SLANTED[0]) & (turned < SLANTED[1]) & (lengths > LEAST_PIECE * diagonal)
    order = np.argsort(-lengths[fit], kind="stable")[:MOST_PIECES]
    return np.asarray(segments[fit][order], np.float64)


def crossings(lines: Lines, wide: int, high: int) -> Lines:
    """Where two of the lines cross well inside the picture, float64 (n, 2)."""
    ends = np.ones((2, len(lines), 3))
    ends[0, :, :2], ends[1, :, :2] = lines[:, :2], lines[:, 2:]
    through = np.cross(ends[0], ends[1])
    one, other = np.triu_indices(len(lines), 1)
    met = np.cross(through[one], through[other])
    met = met[np.abs(met[:, 2]) > 1e-9]
    points = met[:, :2] / met[:, 2:]
    shares = np.abs(points / (wide / 2, high / 2) - 1)
    return np.asarray(points[(shares < INSIDE).all(axis=1)], np.float64)


def distances(points: Lines, lines: Lines) -> Lines:
    """How far each point is from each line, float64 (points, lines)."""
    start, along = lines[:, :2], lines[:, 2:] - lines[:, :2]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(np.abs(points @ normal.T - (start * normal).sum(axis=1)), np.float64)
