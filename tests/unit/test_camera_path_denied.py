"""What the words forbid is not done, nor by what another move needs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from support.camera_motion import drawn, filmed, zoomed_most
from support.requests import a_request
from support.stills import still
from unstill.domain.request import Frame, Size
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto, TwoPhotos

SIZE = Size(480, 270)
MOST_ZOOM = 1.0065  # what parallax and a drift still do
TUNED, JUDGED = ("chelsea", "street_a", "mountains"), ("butterfly", "toys", "meadow")


@cache
def photo(name: str) -> Photo:
    return fit_photo(still(name), SIZE)


def scene(prompt: str, name: str, *, seed: int = 1, negative: str = "") -> OnePhoto:
    request = a_request(prompt=prompt, negative_prompt=negative, duration_s=5, seed=seed)
    return OnePhoto(photo(name), read_prompt(prompt, negative, seed), request)


@pytest.mark.parametrize("name", [*TUNED, *JUDGED])
@pytest.mark.parametrize(
    ("prompt", "negative"),
    [
        ("do not zoom in", ""),
        ("不要推进", ""),
        ("orbit, no zoom", ""),
        ("roll, no zoom", ""),
        ("handheld, no zoom", ""),
        ("pan left without zooming", ""),
        ("a cat", "zoom"),
    ],
)
def test_a_denied_zoom_zooms_nothing(prompt: str, negative: str, name: str) -> None:
    for seed in (1, 2):
        seen = scene(prompt, name, seed=seed, negative=negative)

        assert zoomed_most(seen.lens, seen.path, SIZE) <= MOST_ZOOM


def test_what_is_not_denied_may_zoom() -> None:
    seen = scene("orbit", "street_a")

    assert zoomed_most(seen.lens, seen.path, SIZE) > 1.02


def test_between_two_whole_photos_a_camera_that_may_not_zoom_stands_still() -> None:
    def zooms(prompt: str) -> list[float]:
        request = a_request(prompt=prompt, last_frame=Frame("last", "last_image"), duration_s=5)
        plan = read_prompt(prompt, "", 1)
        path = TwoPhotos((photo("chelsea"), photo("street_a")), plan, request).path
        return [path.at(moment / 10).zoom + path.at(moment / 10).dolly for moment in range(11)]

    assert max(zooms("orbit, do not zoom in")) == pytest.approx(1, abs=1e-6)
    assert max(zooms("orbit")) > 1.01


@pytest.mark.parametrize("name", ["street_a", "toys"])
def test_a_denied_zoom_is_none_in_the_frames_either(name: str) -> None:
    seen = scene("do not zoom in", name)

    assert 1 / 1.01 < filmed(drawn(seen, SIZE, frames=13)).zoom_in_both < 1.01


@pytest.mark.parametrize("name", ["chelsea", "puppy"])
def test_a_static_camera_shows_one_frame_in_one_light(name: str) -> None:
    frames = drawn(scene("static camera", name), SIZE, frames=9)

    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_no_hand_shakes_the_camera_unasked() -> None:
    assert not any(Move.HANDHELD in read_prompt("a cat", "", seed).moves for seed in range(200))
    assert Move.HANDHELD in read_prompt("a cat, handheld", "", 1).moves
