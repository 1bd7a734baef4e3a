"""Frames are as crisp as the photo allows, and stay so while the camera moves."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from support.ideal_frames import detail, ideal_luma, whole_size
from support.requests import a_request
from support.stills import Rgb, still
from unstill.domain.request import Size
from unstill.engines.camera.picture import DETAIL, Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto, blank

AREA_PX = 640 * 360
FRAMES = 48  # two seconds
TUNED = ("chelsea", "mountains", "aloe")
JUDGED = ("mandrill", "flower", "circuit_board")


class Watched:
    """One video of a photo, with what each of its frames should be."""

    def __init__(self, rgb: Rgb, prompt: str) -> None:
        self._rgb = rgb
        self._photo = fit_photo(self._rgb, whole_size(self._rgb, area_px=AREA_PX))
        request = a_request(prompt=prompt, duration_s=2, frame_rate=24, seed=1)
        self._scene = OnePhoto(self._photo, read_prompt(prompt, "", 1), request)
        self._shown = blank(self._photo.size)

    def detail_at(self, fraction: float) -> float:
        self._scene.show(fraction, None, self._shown)
        return detail(self._shown.y)

    def largest_step(self) -> float:
        """How much the detail of a frame differs from that of the one before, at the most."""
        seen = [self.detail_at(frame / (FRAMES - 1)) for frame in range(FRAMES)]
        return max(abs(later / earlier - 1) for earlier, later in pairwise(seen))

    def ideal_at(self, fraction: float) -> float:
        grid = self._scene.lens.grid(self._scene.path.at(fraction))
        return detail(ideal_luma(self._rgb, self._photo, grid))


@pytest.mark.parametrize("prompt", ["push in", "pan left", "orbit"])
@pytest.mark.parametrize("name", TUNED + JUDGED)
def test_the_first_and_the_last_frame_have_the_detail_of_an_ideal_one(
    name: str, prompt: str
) -> None:
    video = Watched(still(name), prompt)

    for fraction in (0, 1):
        share = video.detail_at(fraction) / video.ideal_at(fraction)
        assert 0.9 <= share < 1.3  # above it, edges would ring


@pytest.mark.parametrize("prompt", ["push in", "handheld"])
@pytest.mark.parametrize("name", TUNED + JUDGED)
def test_sharpness_never_steps(name: str, prompt: str) -> None:
    video = Watched(still(name), prompt)

    assert video.largest_step() < 0.02


@pytest.mark.parametrize("prompt", ["push in", "handheld"])
def test_a_photo_of_just_the_frames_size_does_not_soften_as_the_camera_moves_off(
    prompt: str,
) -> None:
    size = whole_size(still("aloe"), area_px=AREA_PX)
    rgb = cv2.resize(still("aloe"), (size.width, size.height), interpolation=cv2.INTER_AREA)

    assert Watched(rgb.astype(np.uint8), prompt).largest_step() < 0.02


@pytest.mark.parametrize("name", ["chelsea", "mountains"])
def test_a_photo_has_spare_pixels_whether_it_is_shrunk_or_enlarged(name: str) -> None:
    photo: Photo = fit_photo(still(name), Size(640, 360))

    assert min(photo.density) == pytest.approx(DETAIL, rel=0.01)


def test_crisper_planes_stay_within_what_luma_may_be() -> None:
    edge = np.zeros((90, 160, 3), np.uint8)
    edge[:, 80:] = 255

    luma = fit_photo(edge, Size(160, 90)).planes.y

    assert luma.min() == 16  # ITU-R BT.709-6, 3.5
    assert luma.max() == 235
