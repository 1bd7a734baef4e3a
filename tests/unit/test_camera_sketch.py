"""The pencil sketch: its strokes, and what they are made of at little cost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from unstill.domain.request import Size
from unstill.engines.camera.sketch import Growth, blurred, strokes


@pytest.mark.parametrize("sigma_px", [1.5, 8.0, 20.0])
def test_a_blur_on_a_smaller_picture_is_the_same_blur(sigma_px: float) -> None:
    light = np.random.default_rng(1).random((240, 320)).astype(np.float32)
    light[100:140, 80:240] = 0

    difference = blurred(light, sigma_px) - cv2.GaussianBlur(light, (0, 0), sigma_px)

    assert float(np.abs(difference).max()) < 0.03


@pytest.mark.parametrize("angle_deg", [-52.0, 38.0])
def test_strokes_are_evenly_spread_and_run_their_own_way(angle_deg: float) -> None:
    drawn = strokes((360, 480), angle_deg=angle_deg, width_px=1.5)

    low, middle, high = np.percentile(drawn, (10, 50, 90))
    assert low < 0.2
    assert 0.4 < middle < 0.6
    assert high > 0.8
    # along a stroke the tone stays, across it changes
    along, across = (roughness(drawn, angle_deg + turn) for turn in (0, 90))
    assert along < 0.35 * across


def roughness(drawn: np.ndarray[tuple[int, ...], np.dtype[np.float32]], angle_deg: float) -> float:
    """How much the tone changes over five pixels in a direction; angles as in OpenCV."""
    angle = np.deg2rad(angle_deg)
    shift = np.array([[1, 0, 5 * np.cos(angle)], [0, 1, -5 * np.sin(angle)]], np.float32)
    moved = cv2.warpAffine(drawn, shift, drawn.shape[::-1])
    return float(np.abs(moved - drawn)[20:-20, 20:-20].mean())


def test_the_drawn_area_grows_evenly() -> None:
    growth = Growth(Size(480, 270), seed=3)

    areas = []
    for fraction in (0.25, 0.45, 0.65):
        drawn = growth.at(fraction)
        assert drawn is not None
        areas.append(float(drawn.mask.mean()) / 255)
    assert np.diff(areas) == pytest.approx([0.3, 0.3], abs=0.03)
