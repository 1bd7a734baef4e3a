"""The camera over time: eased, smooth, inside the photo, and never folding it."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from support.requests import a_request
from unstill.domain.request import Size
from unstill.engines.camera.path import CameraPath, CameraState, ease
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto, blank
from unstill.engines.camera.warp import Lens
from unstill.media.decode import open_frame

PHOTOS = Path(__file__).parents[2] / "photos"
WIDE, UPRIGHT = Size(640, 360), Size(360, 640)
MOVES = (
    "push in",
    "pull out",
    "pan left",
    "tilt up",
    "orbit",
    "roll",
    "handheld",
    "static shot",
    "fast orbit, fast push in",
    "pull out while panning right",
    "push in while panning left and tilting down",
    "",
)
JITTER_LIMIT_PX = 0.05


@cache
def photo(name: str, size: Size) -> Photo:
    return fit_photo(open_frame(PHOTOS / f"{name}.jpg"), size)


def scene(prompt: str, *, name: str = "coffee", size: Size = WIDE, seed: int = 1) -> OnePhoto:
    request = a_request(prompt=prompt, duration_s=4, frame_rate=24, seed=seed)
    return OnePhoto(photo(name, size), read_prompt(prompt, "", seed), request)


def states(path: CameraPath) -> list[CameraState]:
    return [path.at(frame / 95) for frame in range(96)]


@pytest.mark.parametrize("prompt", MOVES)
@pytest.mark.parametrize("size", [WIDE, UPRIGHT], ids=str)
def test_no_frame_looks_outside_the_photo(prompt: str, size: Size) -> None:
    for seed in (1, 2):
        seen = scene(prompt, size=size, seed=seed)

        overshoot = max(seen.lens.overshoot(state) for state in states(seen.path))
        # a tenth of a pixel past the edge is invisible: the edge is mirrored there
        assert overshoot <= 1 + 0.1 / (max(size.width, size.height) / 2)


@pytest.mark.parametrize("prompt", ["fast orbit", "fast orbit, fast push in", "fast pan left"])
@pytest.mark.parametrize("name", ["astronaut", "rocket"])
def test_neighbours_in_the_photo_stay_neighbours_in_order(prompt: str, name: str) -> None:
    seen = scene(prompt, name=name)

    for state in states(seen.path)[::19]:
        grid = seen.lens.grid(state)
        assert np.diff(grid.x, axis=1).min() > 0
        assert np.diff(grid.y, axis=0).min() > 0


@pytest.mark.parametrize("prompt", ["push in", "orbit", "roll", "handheld", "static shot", ""])
def test_a_move_starts_on_the_whole_photo_where_it_can(prompt: str) -> None:
    seen = scene(prompt)
    shown = blank(WIDE)

    seen.show(0, None, shown)

    whole = photo("coffee", WIDE)
    luma, (across, down) = whole.planes.y, whole.density
    left = (luma.shape[1] - (WIDE.width - 1) * across - 1) / 2
    top = (luma.shape[0] - (WIDE.height - 1) * down - 1) / 2
    middle = np.array([[across, 0, left], [0, down, top]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(luma, middle, (WIDE.width, WIDE.height), flags=how)
    assert np.abs(shown.y.astype(int) - expected).mean() < 1.5


def test_a_pull_ends_on_the_whole_photo() -> None:
    last = scene("pull out").path.at(1)

    assert last.zoom == pytest.approx(1)
    assert last.dolly == pytest.approx(0)


def test_near_things_move_more_than_far_ones() -> None:
    size = WIDE
    near = np.zeros((36, 64), np.float32)
    near[18:] = 1
    lens = Lens(photo("coffee", size), cv2.GaussianBlur(near, (0, 0), 3).astype(np.float32))

    begin = lens.grid(CameraState())
    end = lens.grid(CameraState(truck=(0.1, 0), pan=(0.1, 0), pivot=0.5))

    moved = (end.x - begin.x).mean(axis=1)
    assert moved[-3] > 2 * moved[2] > 0


@pytest.mark.parametrize("prompt", ["push in", "pan left", "tilt up", "orbit"])
def test_motion_is_eased(prompt: str) -> None:
    seen = scene(prompt)
    grids = [seen.lens.grid(state) for state in states(seen.path)]
    speeds = [float(np.hypot(b.x - a.x, b.y - a.y).max()) for a, b in pairwise(grids)]

    assert max(speeds[0], speeds[-1]) < 0.1 * max(speeds)


def test_easing_runs_from_nothing_to_all_without_turning_back() -> None:
    way = [ease(step / 200) for step in range(201)]

    assert way[0] == 0
    assert way[-1] == 1
    assert all(b > a for a, b in pairwise(way))


@pytest.mark.parametrize("prompt", ["push in", "pan left", "orbit"])
def test_the_picture_moves_without_jitter(prompt: str) -> None:
    seen = scene(prompt)
    shown = blank(WIDE)
    patches = []
    for frame in range(34, 62):  # the even middle of the move
        seen.show(frame / 95, None, shown)
        patches.append(shown.y[120:240, 260:380].astype(np.float32))

    steps = [moved_px(a, b) for a, b in pairwise(patches)]

    at = np.arange(len(steps))
    for axis in (0, 1):
        speed = np.array([step[axis] for step in steps])
        smooth = np.polyval(np.polyfit(at, speed, 2), at)
        assert float((speed - smooth).std()) < JITTER_LIMIT_PX


def moved_px(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How far a patch moved, by maximising the correlation of both."""
    warp = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 80, 1e-7)
    _, found = cv2.findTransformECC(one, other, warp, cv2.MOTION_TRANSLATION, stop)
    return float(found[0, 2]), float(found[1, 2])


@pytest.mark.slow
def test_another_seed_takes_another_path() -> None:
    for prompt in ("push in", "pan left", "orbit", "handheld", "roll"):
        one, other = scene(prompt, seed=1).path, scene(prompt, seed=2).path

        assert one.at(0.7) != other.at(0.7)


def test_a_slow_move_goes_less_far_than_a_fast_one() -> None:
    slow, even, fast = (scene(f"{how}push in").path.most_dolly for how in ("slowly ", "", "fast "))

    assert slow < even < fast
