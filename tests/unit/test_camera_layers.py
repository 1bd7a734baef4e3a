"""A photo in two layers: only where it is sure, further apart, and whole in every frame."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from support.requests import a_request
from support.stills import still
from unstill.domain.request import Size
from unstill.engines.camera import scenes
from unstill.engines.camera.cutout import cut_out
from unstill.engines.camera.depth import guess_depth
from unstill.engines.camera.framing import framed_photo
from unstill.engines.camera.layer_pixels import TwoLayers, longest_run
from unstill.engines.camera.layers import LayeredLens, Split, find_split, run_on, sure_mask
from unstill.engines.camera.level import bows_of, levelled
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto, blank
from unstill.engines.camera.subject import INSIDE
from unstill.engines.camera.warp import Lens
from unstill.media.yuv import Floats, Plane

SIZES = {"astronaut": Size(480, 480), "coffee": Size(480, 320)}
SPLIT = sorted(SIZES)
MOMENTS = np.linspace(0, 1, 9)


@cache
def photo_of(name: str) -> Photo:
    return framed_photo(still(name), SIZES.get(name, Size(480, 320)))


@cache
def split_of(name: str) -> Split | None:
    photo = photo_of(name)
    depth = guess_depth(photo)
    return find_split(photo, depth, levelled(depth.near, photo))


def scene(name: str, prompt: str) -> OnePhoto:
    request = a_request(prompt=prompt, duration_s=5, frame_rate=24, seed=1)
    return OnePhoto(photo_of(name), read_prompt(prompt, "", 1), request)


def frame(seen: OnePhoto, size: Size, fraction: float) -> Plane:
    into = blank(size)
    seen.show(fraction, None, into)
    return into.y


def places(photo: Photo, chosen: Plane) -> Floats:
    """Where a mask of any size is not 0, in units: float32 (n, 1, 2)."""
    rows, columns = chosen.shape
    at = np.argwhere(chosen)[::5]
    shares = (at[:, ::-1] + 0.5) / (columns, rows) * 2 - 1
    return (shares * photo.half_photo).astype(np.float32)[:, None]


def parallax(seen: OnePhoto, photo: Photo) -> float:
    """How far the subject and what is beside its upper part pass each other, of the width."""
    assert photo.subject is not None
    inside = (photo.subject.mask > INSIDE).astype(np.uint8)
    near = cv2.dilate(inside, np.ones((33, 33), np.uint8))
    far = cv2.dilate(inside, np.ones((77, 77), np.uint8)) - near
    core = cv2.erode(inside, np.ones((21, 21), np.uint8))
    rows = np.flatnonzero(inside.any(axis=1))
    lower = int(rows[0] + 0.75 * (rows[-1] - rows[0]))
    far[lower:], core[lower:] = 0, 0
    ways = [
        float(np.median(seen.lens.seen_at(state, places(photo, core.astype(np.uint8)))[..., 0]))
        - float(np.median(seen.lens.seen_at(state, places(photo, far.astype(np.uint8)))[..., 0]))
        for state in map(seen.path.at, MOMENTS)
    ]
    return (max(ways) - min(ways)) / (2 * photo.half_frame[0])


@pytest.mark.parametrize("name", SPLIT)
def test_a_whole_subject_with_a_clear_rim_is_cut_out(name: str) -> None:
    assert split_of(name) is not None
    assert isinstance(scene(name, "orbit").lens, LayeredLens)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["dandelion", "cameraman", "chelsea", "church", "page", "mountains"]
)
def test_in_doubt_a_photo_stays_one_layer(name: str) -> None:
    assert split_of(name) is None


def disc(radius: float, *, at: tuple[float, float] = (0.5, 0.5), soft_px: float = 1.0) -> Floats:
    """A mask of one round thing; lengths in shares of its side."""
    y, x = (np.mgrid[:320, :320].astype(np.float32) + 0.5) / 320
    away = np.hypot(x - at[0], y - at[1])
    return np.asarray(np.clip((radius - away) * 320 / soft_px + 0.5, 0, 1), np.float32)


@pytest.mark.parametrize(
    ("mask", "is_sure"),
    [
        (disc(0.25), True),
        (disc(0.11), True),
        (disc(0.09), False),  # 2.5 % of the picture
        (disc(0.45), True),
        (disc(0.47), False),  # 69 %
        (np.maximum(disc(0.2, at=(0.3, 0.5)), disc(0.06, at=(0.75, 0.5))), True),
        (np.maximum(disc(0.2, at=(0.3, 0.5)), disc(0.1, at=(0.75, 0.5))), False),  # two things
        (disc(0.3, at=(0.2, 0.8)), True),  # at two borders
        (np.maximum(disc(0.3, at=(0.2, 0.5)), disc(0.3, at=(0.5, 0.5)))[:, ::-1], True),
        (disc(0.25, soft_px=120), False),
        (np.zeros((320, 320), np.float32), False),
    ],
)
def test_what_a_sure_mask_is(mask: Floats, *, is_sure: bool) -> None:
    assert (sure_mask(mask) is not None) == is_sure


def test_a_thing_that_three_borders_cut_is_not_sure() -> None:
    mask = np.zeros((320, 320), np.float32)
    mask[100:250, :] = 1
    assert sure_mask(mask) is not None

    mask[100:, 140:190] = 1
    assert sure_mask(mask) is None


@pytest.mark.parametrize(("end", "goes_on"), [(0.95, True), (0.5, False)])
def test_an_edge_that_goes_on_over_the_rim_is_found(end: float, *, goes_on: bool) -> None:
    picture = np.full((360, 640, 3), 200, np.uint8)
    picture[200:, : round(640 * end)] = 60  # the subject ends at the middle
    photo = fit_photo(picture, Size(640, 360))
    mask = np.zeros((320, 320), np.float32)
    mask[:, :160] = 1
    x = np.linspace(-0.9, 0.9, 64, dtype=np.float32) * np.float32(photo.half_photo[0])
    y = np.full(64, (200 / 180 - 1) * photo.half_photo[1], np.float32)

    assert run_on(np.stack([x, y], axis=1)[None], photo, mask) == goes_on


@pytest.mark.parametrize("prompt", ["orbit", "fast orbit"])
@pytest.mark.parametrize("name", SPLIT)
def test_two_layers_go_further_past_each_other(
    name: str, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = parallax(scene(name, prompt), photo_of(name))
    monkeypatch.setattr(scenes, "find_split", lambda *_: None)
    one_layer = scene(name, prompt)
    one = parallax(one_layer, photo_of(name))

    assert isinstance(one_layer.lens, Lens)
    assert two > 1.8 * one
    assert two < 0.085


@pytest.mark.parametrize("name", SPLIT)
def test_both_layers_are_the_photo_again(name: str) -> None:
    split = split_of(name)
    assert split is not None
    cutout, planes = cut_out(split.photo, split.rim), split.photo.planes

    for part, back, front, veil, whole in (
        (cutout.window, cutout.back.y, cutout.front.y, cutout.veil, planes.y),
        (cutout.window.halved, cutout.back.u, cutout.front.u, cutout.half_veil, planes.u),
    ):
        laid = back.copy()
        part.of(laid)[:] = cv2.add(cv2.multiply(part.of(back), veil, scale=1 / 255), front)
        assert cv2.absdiff(laid, whole).max() <= 1


@pytest.mark.parametrize("name", SPLIT)
def test_the_first_frame_is_the_photo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    size = photo_of(name).size
    two = frame(scene(name, "orbit"), size, 0)
    monkeypatch.setattr(scenes, "find_split", lambda *_: None)
    one = frame(scene(name, "orbit"), size, 0)

    off = two.astype(float) - one
    assert 10 * np.log10(255**2 / (off**2).mean()) > 47
    assert (np.abs(off) > 8).mean() < 1e-4


@pytest.mark.parametrize("name", SPLIT)
def test_of_one_colour_every_frame_is_of_that_colour(name: str) -> None:
    split = split_of(name)
    assert split is not None
    plain = replace(split.photo, rgb=np.full_like(split.photo.rgb, 137))
    colour = [plane[0, 0] for plane in (plain.planes.y, plain.planes.u, plain.planes.v)]
    rim = replace(split.rim, behind=np.full_like(split.rim.behind, colour))
    layers, path = TwoLayers(replace(split, photo=plain, rim=rim)), scene(name, "orbit").path
    into = blank(plain.size)

    for moment in (0, 0.4, 1):
        layers.show(path.at(moment), into)
        for shown, whole in ((into.y, plain.planes.y), (into.u, plain.planes.u)):
            assert np.abs(shown.astype(int) - int(whole[0, 0])).max() <= 2


@pytest.mark.parametrize("name", SPLIT)
def test_nothing_of_the_subject_is_in_the_background(name: str) -> None:
    split = split_of(name)
    assert split is not None
    cutout, photo = cut_out(split.photo, split.rim), split.photo
    core = np.zeros(photo.planes.y.shape, np.uint8)
    cutout.window.of(core)[:] = cv2.erode(cv2.bitwise_not(cutout.veil), np.ones((9, 9), np.uint8))

    inside = core == 255
    grain = [np.abs(cv2.Laplacian(plane, cv2.CV_32F)) for plane in (photo.planes.y, cutout.back.y)]
    assert grain[1][inside].mean() < 0.35 * grain[0][inside].mean()


@pytest.mark.parametrize("name", SPLIT)
def test_the_subject_keeps_its_shape(name: str) -> None:
    seen = scene(name, "fast orbit")
    assert isinstance(seen.lens, LayeredLens)
    corner = np.array([[[0, 0]], [[0.5, 0]], [[0, 0.5]]], np.float32)

    at = seen.lens.front.seen_at(seen.path.at(1), corner)[:, 0]
    across, down = at[1] - at[0], at[2] - at[0]
    assert np.hypot(*across) == pytest.approx(np.hypot(*down), rel=1e-3)
    assert abs(float(across @ down)) < 1e-3


def test_what_stands_does_not_slide_over_its_ground() -> None:
    seen, photo = scene("coffee", "orbit"), photo_of("coffee")
    assert isinstance(seen.lens, LayeredLens)
    assert photo.subject is not None
    inside = (photo.subject.mask > INSIDE).astype(np.uint8)
    rows = np.flatnonzero(inside.any(axis=1))
    edge = inside - cv2.erode(inside, np.ones((3, 3), np.uint8))
    foot, top = edge.copy(), edge.copy()
    foot[: int(rows[-1] - 0.06 * len(rows))] = 0
    top[int(rows[0] + 0.06 * len(rows)) :] = 0

    def slide(part: Plane) -> float:
        state, at = seen.path.at(1), places(photo, part)
        assert isinstance(seen.lens, LayeredLens)
        off = seen.lens.front.seen_at(state, at) - seen.lens.back.seen_at(state, at)
        return float(np.abs(off[..., 0]).max()) / (2 * photo.half_frame[0])

    assert slide(foot.astype(np.uint8)) < 0.003
    assert slide(top.astype(np.uint8)) > 0.012


@pytest.mark.parametrize("prompt", ["push in", "fast orbit"])
@pytest.mark.parametrize("name", SPLIT)
def test_lines_stay_straight_in_both_layers(name: str, prompt: str) -> None:
    split, seen = split_of(name), scene(name, prompt)
    assert split is not None
    assert len(split.level.lines) > 2

    for moment in MOMENTS:
        bows = bows_of(
            seen.lens.seen_at(seen.path.at(moment), split.level.lines), split.photo.half_frame
        )
        assert float(bows.max()) < 0.003


@pytest.mark.parametrize("prompt", ["orbit", "orbit left, do not zoom in", "pull out"])
def test_no_layer_looks_outside_the_photo(prompt: str) -> None:
    seen = scene("astronaut", prompt)
    states = [seen.path.at(moment) for moment in MOMENTS]

    assert max(seen.lens.overshoot(state) for state in states) < 1.001
    if "not" in prompt:
        assert max(state.zoom for state in states) < 1.007 * min(state.zoom for state in states)


@pytest.mark.parametrize("prompt", ["orbit, pencil sketch", "static shot"])
def test_a_sketch_and_a_camera_that_stands_still_have_one_layer(prompt: str) -> None:
    assert isinstance(scene("astronaut", prompt).lens, Lens)


def test_a_frame_in_two_layers_is_the_same_each_time() -> None:
    size = photo_of("astronaut").size
    one, again = (scene("astronaut", "orbit") for _ in range(2))
    frame(one, size, 0.2)

    assert np.array_equal(frame(one, size, 0.7), frame(again, size, 0.7))


def test_haze_finds_the_subject_nearer_than_what_is_behind_it() -> None:
    near = scene("astronaut", "orbit").near(0.5)

    assert near[len(near) // 2, near.shape[1] // 3] > near[len(near) // 6, -6] + 0.3


def test_the_longest_run_is_found() -> None:
    assert longest_run(np.array([1, 0, 1, 1, 1, 0, 1, 1], bool)) == (2, 5)
    assert longest_run(np.zeros(4, bool)) == (0, 0)
    assert longest_run(np.ones(4, bool)) == (0, 4)
