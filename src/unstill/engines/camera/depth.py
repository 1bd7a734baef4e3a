"""Depth from one photo without a network: a good guess of what is near.

What is low in the picture, stands on what is low, is unlike the colours of the border, near the
middle, or sharp, is taken for near; edges of the guess are then drawn to edges of the photo. It is
often wrong in degree, and a camera move forgives that. Known to fail: views from above, a dark sky
below, mirrors.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from unstill.engines.camera.picture import Photo
from unstill.media.yuv import Floats

SIDE_PX = 256  # the guess has such a side: its edges must be soft anyway
BORDER_COLOURS = 5
WEIGHTS = (0.42, 0.43, 0.15)  # low, unlike the border, sharp


@dataclass(frozen=True, kw_only=True)
class Depth:
    """near: float32 (h, w) over the whole photo, 0 far to 1 near; subject: its centre in units."""

    near: Floats
    subject: tuple[float, float]


def guess_depth(photo: Photo) -> Depth:
    height, width = photo.rgb.shape[:2]
    scale = SIDE_PX / max(height, width)
    small_size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(photo.rgb, small_size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    rows, columns = lab.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
    centred = np.exp(-(x**2 / 0.9 + (y - 0.1) ** 2 / 1.2)).astype(np.float32)
    odd = unlike_border(lab) * centred
    low = stood(((y + 1) / 2) ** 1.3, odd)
    guess = WEIGHTS[0] * low + WEIGHTS[1] * odd + WEIGHTS[2] * sharpness(lab[..., 0])
    near = softened(
        guided(guess.astype(np.float32), lab[..., 0] / np.float32(255), radius=SIDE_PX // 14)
    )
    weight = odd**2 + 1e-3
    half = photo.half_photo
    subject = (
        float((x * weight).sum() / weight.sum()) * half[0],
        float((y * weight).sum() / weight.sum()) * half[1],
    )
    return Depth(near=near, subject=subject)


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


def sharpness(light: Floats) -> Floats:
    """Local contrast, 0 to 1: what the lens was focused on."""
    edges = np.abs(cv2.Laplacian(light, cv2.CV_32F, ksize=3))
    energy = cv2.GaussianBlur(edges, (0, 0), SIDE_PX / 20)
    return np.asarray(
        np.clip(energy / max(float(np.percentile(energy, 95)), 1.0), 0, 1), np.float32
    )


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


def softened(near: Floats) -> Floats:
    """Stretched to 0..1, near things grown over their edges, so that edges bend outside them."""
    low, high = np.percentile(near, (2, 98))
    stretched = np.clip((near - low) / max(float(high - low), 1e-3), 0, 1).astype(np.float32)
    grown = cv2.dilate(stretched, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11)))
    return cv2.GaussianBlur(grown, (0, 0), SIDE_PX / 32).astype(np.float32)
