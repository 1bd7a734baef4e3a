"""The long straight lines of a photo, and whether all of it is one flat thing.

Lines are looked for twice: in the photo, and much smaller, where lines of text become stripes.
Segments that lie on one line are taken for one, also where something stands before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unstill.engines.camera.picture import Photo
from unstill.engines.camera.scaling import with_side
from unstill.media.yuv import Floats, Plane

SIDES_PX: Final = (640, 200)
LEAST_PIECE, LEAST_LENGTH = 0.02, 0.14  # shares of the diagonal
LEAST_LONGEST = 0.04  # likewise: a line has one piece at least that is so long
MOST_GAP = 0.06  # likewise, between two pieces of one line
LEAST_COVER = 0.5  # a line is seen over so much of its length
SAME_ANGLE_RAD = math.radians(2)
APART_SHARE = 1 / 320  # a share of the longer side: pieces of one line are so near to it

PAPER_PX = 21  # strokes are thinner at 640 px, and what is between them is paper
STROKE = 40  # so much darker than the paper, of 255
STROKES: Final = (0.03, 0.45)  # a page has such a share of strokes
PAPER_STEP, MOST_STEPS = 3.0, 0.005  # paper has steps in few places
LEVELS_SHIFT = 3  # colours are told apart by their upper five bits
FEW_COLOURS, DRAWN_SHARE = 12, 0.8  # so many make so much of what was drawn by a program
LEAST_GROUND = 0.35  # and one of them is the ground

Segments = NDArray[np.float64]  # (n, 4): x and y of both ends


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Segments of one line, in its direction: where they begin and end."""

    middle: NDArray[np.float64]
    direction: NDArray[np.float64]
    begin: float
    end: float
    covered: float


def find_lines(photo: Photo) -> Floats:
    """The ends of each line in units, float32 (n, 2, 2): which end, then x and y."""
    grey = cv2.cvtColor(photo.rgb, cv2.COLOR_RGB2GRAY).astype(np.uint8)
    found = [ends_at(grey, side_px) for side_px in SIDES_PX]
    return np.concatenate(found) * np.asarray(photo.half_photo, np.float32)


def ends_at(grey: Plane, side_px: int) -> Floats:
    """The ends of each line as -1 to 1, float32 (n, 2, 2)."""
    small = with_side(grey, side_px)
    detected = cv2.createLineSegmentDetector().detect(small)[0]
    # none at all are told as None, whatever the stubs say
    segments = np.asarray(() if detected is None else detected, np.float64).reshape(-1, 4)
    diagonal = math.hypot(*small.shape)
    joined = joined_lines(segments, diagonal, max(1.0, APART_SHARE * max(small.shape)))
    ends = [
        [line.middle + line.direction * line.begin, line.middle + line.direction * line.end]
        for line in joined
    ]
    sides = np.array(small.shape[::-1], np.float64)
    places = (np.array(ends).reshape(-1, 2, 2) + 0.5) / sides * 2 - 1
    return places.astype(np.float32)


def joined_lines(segments: Segments, diagonal: float, apart_px: float) -> list[Joined]:
    """The lines that are long enough, each of all segments that lie on it."""
    lengths = np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1])
    order = np.argsort(-lengths, kind="stable")
    segments = segments[order[lengths[order] > LEAST_PIECE * diagonal]]
    free = np.ones(len(segments), bool)
    lines: list[Joined] = []
    for first in range(int((lengths > LEAST_LONGEST * diagonal).sum())):
        if not free[first]:
            continue
        free[first] = False
        for line, members in runs_on(segments, first, free, diagonal, apart_px):
            is_seen = line.covered >= LEAST_COVER * (line.end - line.begin)
            if is_seen and line.end - line.begin >= LEAST_LENGTH * diagonal:
                lines.append(line)
                free[members] = False
    return lines


def runs_on(
    segments: Segments, first: int, free: NDArray[np.bool_], diagonal: float, apart_px: float
) -> list[tuple[Joined, list[int]]]:
    """The lines along one segment: pieces without a gap between them, and which they are."""
    members = np.array([first])
    for _ in range(2):  # the first segment's direction is rough, that of all of them is not
        middle, direction = line_through(segments[members])
        members = np.append(
            np.flatnonzero(on_line(segments, middle, direction, apart_px) & free), first
        )
        ways = segments[members, 2:] - segments[members, :2]
        if np.hypot(ways[:, 0], ways[:, 1]).sum() < LEAST_COVER * LEAST_LENGTH * diagonal:
            return []  # as most of them
    along = (segments[members].reshape(-1, 2, 2) - middle) @ direction
    pieces = sorted(
        (min(a, b), max(a, b), int(m)) for (a, b), m in zip(along, members, strict=True)
    )
    runs: list[list[tuple[float, float, int]]] = []
    reach = -math.inf
    for piece in pieces:
        if piece[0] > reach + MOST_GAP * diagonal:
            runs.append([])
        runs[-1].append(piece)
        reach = max(reach, piece[1])
    return [
        (
            Joined(
                middle=middle,
                direction=direction,
                begin=run[0][0],
                end=max(end for _, end, _ in run),
                covered=sum(end - begin for begin, end, _ in run),
            ),
            [member for _, _, member in run],
        )
        for run in runs
    ]


def line_through(segments: Segments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle and the direction of the line that is nearest to all ends."""
    ends = segments.reshape(-1, 2)
    middle = ends.mean(axis=0)
    return middle, np.linalg.svd(ends - middle, full_matrices=False)[2][0]


def on_line(
    segments: Segments,
    middle: NDArray[np.float64],
    direction: NDArray[np.float64],
    apart_px: float,
) -> NDArray[np.bool_]:
    """Which segments lie on a line, and go its way."""
    across = np.array([-direction[1], direction[0]])
    off = np.abs((segments.reshape(-1, 2, 2) - middle) @ across).max(axis=1)
    way = segments[:, 2:] - segments[:, :2]
    lean = np.abs(way @ across) / np.hypot(way[:, 0], way[:, 1])
    return np.asarray((off < apart_px) & (lean < math.sin(SAME_ANGLE_RAD)))


def is_flat(photo: Photo) -> bool:
    """Whether the photo is of a page, or a chart, a screenshot or a sign that a program drew."""
    small = with_side(photo.rgb, SIDES_PX[0])
    return is_page(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.uint8)) or is_drawn(small)


def is_page(grey: Plane) -> bool:
    """Whether it is thin strokes on a ground that has hardly any edges of its own."""
    for light in (grey, cv2.bitwise_not(grey)):  # dark on light, light on dark
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (PAPER_PX, PAPER_PX))
        paper = cv2.morphologyEx(light, cv2.MORPH_CLOSE, kernel)
        strokes = float((cv2.subtract(paper, light) > STROKE).mean())
        smooth = cv2.GaussianBlur(paper, (0, 0), 2).astype(np.float32)
        slope = np.hypot(cv2.Sobel(smooth, -1, 1, 0), cv2.Sobel(smooth, -1, 0, 1)) / 8
        steps = float((slope > PAPER_STEP).mean())
        if STROKES[0] < strokes < STROKES[1] and steps < MOST_STEPS:
            return True
    return False


def is_drawn(rgb: Plane) -> bool:
    """Whether few colours make most of it: the ground, and most of what is not the ground."""
    levels = (rgb >> LEVELS_SHIFT).astype(np.int32)
    codes = (levels[..., 0] << 10) | (levels[..., 1] << 5) | levels[..., 2]
    counts = np.sort(np.bincount(codes.ravel(), minlength=1 << 15))[::-1]
    ground, rest = int(counts[0]), codes.size - int(counts[0])
    few = int(counts[1:FEW_COLOURS].sum())
    return ground > LEAST_GROUND * codes.size and few > DRAWN_SHARE * max(rest, 1)
