"""Depth from one photo: a good guess of what is near.

What is low in the picture, stands on what is low, is unlike the colours of the border near the
middle, or is the picture's subject, is taken for near; where lines run together, and the sky, for
far. Edges of the guess are then drawn to edges of the photo. It is often wrong in degree, and a
camera move forgives that. Known to fail: views from above, a dark sky below, mirrors.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unstill.engines.camera.fill import grown_from
from unstill.engines.camera.picture import Photo
from unstill.engines.camera.scaling import with_side
from unstill.engines.camera.subject import INSIDE
from unstill.engines.camera.vanishing import find_vanishing_point
from unstill.media.yuv import Floats, Plane

SIDE_PX = 256  # the guess has such a side: its edges must be soft anyway
BORDER_COLOURS = 5
# Low, unlike the border, the subject's: chosen by the rank correlation with the true disparity of
# two pictures: 0.80 and 0.79, where low alone has 0.66 on both. Sharpness made both worse.
WEIGHTS = (0.6, 0.25, 0.1)
EVEN = 0.6  # so far a subject is brought to one distance: a head is as near as its chest
SUBJECT_RANK = 65  # percentile of its own guess, where it is brought to
VANISHING_SIDE_PX = 384
ALONG = 0.65  # the share that the distance from where lines run together has in the guess


@dataclass(frozen=True, kw_only=True)
class Depth:
    """near: float32 (h, w) over the whole photo, 0 far to 1 near; subject: its centre in units.

    guess: what `near` was before it was smoothed; ends: what of it is 0 and what is 1.
    """

    near: Floats
    subject: tuple[float, float]
    guess: Floats
    ends: tuple[float, float]

    def without(self, hole: Plane) -> Floats:
        """What would be near if that were not there; hole: uint8 of any size, 0 where all stays."""
        rows, columns = self.guess.shape
        known = 1 - (cv2.resize(hole, (columns, rows), interpolation=cv2.INTER_AREA) > 0)
        return softened(grown_from(self.guess, known.astype(np.float32)), self.ends)


def guess_depth(photo: Photo) -> Depth:
    """What is near: as a network says where the operator named one, else guessed."""
    lab = cv2.cvtColor(with_side(photo.rgb, SIDE_PX), cv2.COLOR_RGB2LAB).astype(np.float32)
    rows, columns = lab.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    centred = np.exp(-(x**2 / 0.9 + (y - 0.1) ** 2 / 1.2)).astype(np.float32)
    odd = unlike_border(lab) * centred
    guess = guessed(photo, odd, x, y) if photo.near is None else resized(photo.near, columns, rows)
    guess = guess.astype(np.float32, copy=False)
    fine = guided(guess, lab[..., 0] / np.float32(255), radius=SIDE_PX // 14)
    low, high = np.percentile(fine, (2, 98)).tolist()
    weight = odd**2 + 1e-3
    half = photo.half_photo
    subject = (
        float((x * weight).sum() / weight.sum()) * half[0],
        float((y * weight).sum() / weight.sum()) * half[1],
    )
    return Depth(near=softened(fine, (low, high)), subject=subject, guess=guess, ends=(low, high))


def guessed(photo: Photo, odd: Floats, x: Floats, y: Floats) -> Floats:
    """Before its edges are drawn to the photo's; x and y: -1 to 1 over the photo."""
    rows, columns = odd.shape
    low = np.asarray(((y + 1) / 2) ** 1.3, np.float32)
    guess = WEIGHTS[0] * stood(low, odd) + WEIGHTS[1] * odd
    if photo.subject is not None:
        guess = evened(guess, resized(photo.subject.mask, columns, rows))
    elif (point := vanishing_point(photo.rgb)) is not None:
        away = np.hypot((x - point[0]) * np.float32(columns / rows), y - point[1])
        guess = ALONG * away / away.max() + (1 - ALONG) * guess
    if photo.sky is not None:
        guess = guess * (1 - resized(photo.sky.astype(np.float32), columns, rows) / 255)
    return np.asarray(guess, np.float32)


def resized(field: Floats, columns: int, rows: int) -> Floats:
    found = cv2.resize(field, (columns, rows), interpolation=cv2.INTER_LINEAR)
    return found.astype(np.float32, copy=False)


def evened(guess: Floats, mask: Floats) -> Floats:
    """The guess with the subject nearer than it, and nearly as near all over."""
    raised = guess + WEIGHTS[2] * mask
    inside = raised[mask > INSIDE]
    if not inside.size:
        return guess
    level = np.float32(np.percentile(inside, SUBJECT_RANK))
    return np.asarray(raised + (level - raised) * mask * np.float32(EVEN), np.float32)


def vanishing_point(rgb: Plane) -> tuple[float, float] | None:
    light = cv2.cvtColor(with_side(rgb, VANISHING_SIDE_PX), cv2.COLOR_RGB2GRAY)
    return find_vanishing_point(light.astype(np.float32))


def unlike_border(lab: Floats) -> Floats:
    """How far each colour is from all that the top and the sides are made of, 0 to 1."""
    rim = max(2, lab.shape[0] // 24)
    border = np.concatenate(
        [part.reshape(-1, 3) for part in (lab[:rim], lab[:, :rim], lab[:, -rim:])]
    )
    cv2.setRNGSeed(1)  # kmeans draws its first centres from a state of the whole process
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    colours = min(BORDER_COLOURS, len(border))
    _, _, centres = cv2.kmeans(border, colours, None, stop, 2, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    apart = np.stack([np.linalg.norm(lab - centre, axis=2) for centre in centres]).min(axis=0)
    return np.asarray(np.clip(apart / max(float(np.percentile(apart, 95)), 12.0), 0, 1), np.float32)


def stood(low: Floats, odd: Floats) -> Floats:
    """How near the ground is that each thing stands on: a head is as near as its feet."""
    gate = np.clip(cv2.GaussianBlur(odd, (0, 0), SIDE_PX / 40) * 2, 0, 1)
    result = low.astype(np.float32)
    for row in range(len(result) - 2, -1, -1):
        np.maximum(result[row], np.minimum(result[row + 1], gate[row]), out=result[row])
    return result


def guided(guess: Floats, guide: Floats, *, radius: int) -> Floats:
    """Smooth the guess, but along the guide's edges.

    Source: He, Sun, Tang, "Guided Image Filtering", ECCV 2010, algorithm 1.
    """

    def mean(values: Floats) -> Floats:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)

    guide_mean, guess_mean = mean(guide), mean(guess)
    variance = mean(guide * guide) - guide_mean * guide_mean
    covariance = mean(guide * guess) - guide_mean * guess_mean
    slope = np.asarray(covariance / (variance + 0.004), np.float32)
    return mean(slope) * guide + mean(guess_mean - slope * guide_mean)


def softened(near: Floats, ends: tuple[float, float]) -> Floats:
    """Its ends stretched to 0 and 1, near things grown over their edges: these bend outside."""
    low, high = ends
    stretched = np.clip((near - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)
    grown = cv2.dilate(stretched, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11)))
    return cv2.GaussianBlur(grown, (0, 0), SIDE_PX / 32).astype(np.float32)
