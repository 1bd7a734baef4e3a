"""Straight lines stay straight, flat things move as planes, and subjects still stand out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from support.requests import a_request
from support.stills import JUDGED_ON, Rgb, still
from unstill.domain.request import Frame, Size
from unstill.engines.camera.depth import guess_depth
from unstill.engines.camera.level import bows_of, levelled
from unstill.engines.camera.lines import find_lines, is_flat
from unstill.engines.camera.path import CameraState
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto, TwoPhotos
from unstill.engines.camera.warp import Lens, SourceGrid
from unstill.media.yuv import Floats

SIZE = Size(640, 360)
MOST_BOW = 0.003  # of the frame's width
STRAIGHT = ("building", "motorcycle", "street_a", "rocket", "text")  # looked at while building
JUDGED = ("interior", "bridge", "sudoku", "clock", "circuit_board", "books_left")
MOMENTS = np.linspace(0, 1, 9)


def photo_of(rgb: Rgb) -> Photo:
    return fit_photo(rgb, SIZE)


def scene(photo: Photo, prompt: str) -> OnePhoto:
    request = a_request(prompt=prompt, duration_s=5, frame_rate=24, seed=1)
    return OnePhoto(photo, read_prompt(prompt, "", 1), request)


def worst_bow(seen: OnePhoto, photo: Photo, lines: Floats) -> float:
    return max(
        float(bows_of(seen.lens.seen_at(seen.path.at(at), lines), photo.half_frame).max())
        for at in MOMENTS
    )


def a_chart() -> Rgb:
    """Bars of one colour each on white, within a frame."""
    chart = np.full((700, 1200, 3), 255, np.uint8)
    cv2.rectangle(chart, (80, 40), (1150, 640), (60, 60, 60), 2)
    for bar, high in enumerate((200, 350, 500, 120, 420)):
        colour = [(31, 119, 180), (255, 127, 14), (44, 160, 44)][bar % 3]
        cv2.rectangle(chart, (140 + bar * 200, 640 - high), (260 + bar * 200, 640), colour, -1)
    return chart


@pytest.mark.parametrize("prompt", ["push in", "fast orbit"])
@pytest.mark.parametrize("name", STRAIGHT + JUDGED)
def test_no_long_line_bows(name: str, prompt: str) -> None:
    photo = photo_of(still(name))
    lines = levelled(guess_depth(photo).near, photo).lines
    assert len(lines) > 4

    assert worst_bow(scene(photo, prompt), photo, lines) < MOST_BOW


def test_no_long_line_bows_on_the_way_to_a_last_frame_either() -> None:
    photos = photo_of(still("building")), photo_of(still("rocket"))
    request = a_request(
        prompt="push in", last_frame=Frame("last", "last_image"), duration_s=5, frame_rate=24
    )

    path = TwoPhotos(photos, read_prompt("push in", "", 1), request).path

    for photo in photos:
        level = levelled(guess_depth(photo).near, photo)
        seen = Lens(photo, level.near).seen_at(path.at(0.5), level.lines)
        assert float(bows_of(seen, photo.half_frame).max()) < MOST_BOW
    assert path.at(0.5).dolly > 0.05


@pytest.mark.parametrize("name", ["building", "bridge"])
def test_lines_would_bow_if_nobody_evened_the_depth(name: str) -> None:
    photo = photo_of(still(name))
    guess = guess_depth(photo).near
    lens, lines = Lens(photo, guess), levelled(guess, photo).lines
    state = scene(photo, "push in").path.at(1)

    assert float(bows_of(lens.seen_at(state, lines), photo.half_frame).max()) > 2 * MOST_BOW


@pytest.mark.parametrize("name", ["coffee", "chelsea", "footballer", "puppy", "flower", "ladybird"])
def test_a_subject_keeps_its_relief(name: str) -> None:
    photo = photo_of(still(name))

    assert levelled(guess_depth(photo).near, photo).kept > 0.9


@pytest.mark.parametrize("name", ["page", "text", "cards", "a chart"])
def test_a_flat_thing_moves_as_a_plane(name: str) -> None:
    photo = photo_of(a_chart() if name == "a chart" else still(name))
    assert is_flat(photo)

    for prompt in ("push in", "fast orbit"):
        seen = scene(photo, prompt)
        for moment in (0.5, 1.0):
            grid = seen.lens.grid(seen.path.at(moment))
            assert off_a_homography(seen.lens.grid(CameraState()), grid) < 1e-4


def off_a_homography(begin: SourceGrid, end: SourceGrid) -> float:
    """How far looks are from where the best perspective of a plane would have them, in units."""
    before, after = (np.stack([g.x.ravel(), g.y.ravel()], 1) for g in (begin, end))
    fitted, _ = cv2.findHomography(before, after)
    expected = cv2.perspectiveTransform(before[None], fitted)[0]
    return float(np.abs(expected - after).max())


def test_an_orbit_of_a_flat_thing_turns_it() -> None:
    seen = scene(photo_of(a_chart()), "orbit")

    grid = seen.lens.grid(seen.path.at(1))
    high = np.ptp(grid.y, axis=0)  # how much of the photo's height is seen in each column
    assert max(high[0], high[-1]) / min(high[0], high[-1]) > 1.1
    assert seen.path.at(0).turn_rad == 0


@pytest.mark.parametrize("name", sorted({*JUDGED_ON} - {"cards"}))
def test_a_photo_is_not_taken_for_flat(name: str) -> None:
    assert not is_flat(photo_of(still(name)))


def test_a_photo_without_a_line_keeps_all_its_relief() -> None:
    photo = photo_of(still("mountains"))
    level = levelled(guess_depth(photo).near, photo)
    assert len(level.lines) == 0

    seen = scene(photo, "push in")
    assert level.kept == 1
    assert (seen.path.relief, seen.path.turn) == (1, 0)


def test_a_line_behind_something_is_one_line_and_a_short_one_is_none() -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    cv2.line(picture, (40, 100), (600, 140), (220, 220, 220), 3, cv2.LINE_AA)
    cv2.rectangle(picture, (300, 60), (325, 300), (90, 90, 90), -1)
    cv2.line(picture, (100, 300), (150, 300), (220, 220, 220), 3, cv2.LINE_AA)
    photo = photo_of(picture)

    lines = find_lines(photo)

    reach = np.abs(lines[:, 1, 0] - lines[:, 0, 0]) / photo.half_photo[0] / 2
    assert reach.min() > 0.8
    assert np.abs(lines[..., 1]).max() < 0.5  # the short one is lower


def test_where_a_place_is_seen_is_where_the_frame_looks_for_it() -> None:
    photo = photo_of(still("coffee"))
    lens = Lens(photo, levelled(guess_depth(photo).near, photo).near)
    state = CameraState(
        zoom=1.2, dolly=0.15, pan=(0.05, -0.03), truck=(0.06, 0.02), roll_rad=0.05, turn_rad=0.1
    )

    grid = lens.grid(state)
    seen = lens.seen_at(state, np.stack([grid.x, grid.y], axis=-1))

    begin = lens.grid(CameraState())
    assert np.abs(seen[..., 0] - begin.x).max() < 0.004
    assert np.abs(seen[..., 1] - begin.y).max() < 0.004
