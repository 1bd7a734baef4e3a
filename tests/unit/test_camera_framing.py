"""Heads, and whole subjects where they fit, are in every frame, whatever its shape."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from support.requests import a_request
from support.stills import still
from unit.test_camera_subject import HEADS
from unstill.domain.request import Size
from unstill.engines.camera.framing import framed_pair, framed_photo
from unstill.engines.camera.hold import in_units
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.scenes import OnePhoto
from unstill.engines.camera.subject import Box, find_subject

SIZES = {"16:9": Size(480, 272), "9:16": Size(272, 480), "1:1": Size(360, 360)}
# On pictures that nothing was tuned on: all of a beetle, and the head of a butterfly.
JUDGED = {
    "ladybird": Box(left=0.67, top=0.45, right=0.745, bottom=0.59),
    "butterfly": Box(left=0.44, top=0.23, right=0.50, bottom=0.36),
}
MOVES = ("push in fast", "pull out", "pan left", "pan right", "orbit left", "")
MOMENTS = 20


@cache
def photo_of(name: str, shape: str) -> Photo:
    return framed_photo(still(name), SIZES[shape])


def lost(photo: Photo, box: Box, prompt: str) -> float:
    """The most that a frame of the move lacks of a box at one side, in shares of the frame.

    box: in shares of what the photo keeps.
    """
    plan = read_prompt(prompt, "", 3)
    scene = OnePhoto(photo, plan, a_request(prompt=prompt, seed=3, duration_s=5))
    part, worst = in_units(box, photo), 0.0
    wide, high = (2 * half for half in photo.half_frame)
    for moment in range(MOMENTS + 1):
        (seen,) = scene.lens.sees(scene.path.at(moment / MOMENTS), (part,))
        worst = max(
            worst,
            (seen.left - part.left) / wide,
            (part.right - seen.right) / wide,
            (seen.top - part.top) / high,
            (part.bottom - seen.bottom) / high,
        )
    return worst


def in_photo(name: str, photo: Photo, box: Box) -> Box:
    """A box of the picture as shares of what the photo keeps, told by the subject's own."""
    whole = find_subject(still(name))
    assert whole is not None
    assert photo.subject is not None
    kept, full = photo.subject.box, whole.box
    x = (kept.right - kept.left) / (full.right - full.left)
    y = (kept.bottom - kept.top) / (full.bottom - full.top)
    return Box(
        left=kept.left + (box.left - full.left) * x,
        right=kept.left + (box.right - full.left) * x,
        top=kept.top + (box.top - full.top) * y,
        bottom=kept.top + (box.bottom - full.top) * y,
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", sorted(SIZES))
@pytest.mark.parametrize("name", sorted(HEADS | JUDGED))
def test_heads_are_in_every_frame_of_every_move(name: str, shape: str) -> None:
    photo = photo_of(name, shape)
    head = in_photo(name, photo, (HEADS | JUDGED)[name])

    missing = {prompt: round(lost(photo, head, prompt), 3) for prompt in MOVES}

    assert max(missing.values()) <= 0.01, missing


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *(("rocket", shape) for shape in sorted(SIZES)),
        *(("dandelion", "16:9"), ("dandelion", "1:1"), ("squirrel", "16:9"), ("squirrel", "1:1")),
    ],
)
def test_whole_subjects_are_in_every_frame_where_they_fit(name: str, shape: str) -> None:
    photo = photo_of(name, shape)
    assert photo.subject is not None

    assert lost(photo, photo.subject.box, "push in slowly") <= 0.01


@pytest.mark.parametrize("name", ["dandelion", "squirrel"])
def test_of_a_subject_that_does_not_fit_the_head_is_in_the_frame(name: str) -> None:
    photo = photo_of(name, "9:16")
    assert photo.subject is not None

    assert lost(photo, photo.subject.box, "static camera") > 0.05
    assert lost(photo, photo.subject.head, "static camera") <= 0.01


def test_a_picture_without_a_subject_is_cut_around_its_middle() -> None:
    photo, plain = photo_of("street_a", "9:16"), fit_photo(still("street_a"), SIZES["9:16"])

    assert photo.subject is None
    assert photo.home == (0.0, 0.0)
    assert (photo.rgb == plain.rgb).all()


def test_two_pictures_of_one_shape_are_cut_alike() -> None:
    rgb = still("astronaut")

    one, other = framed_pair(rgb, np.ascontiguousarray(rgb[:, ::-1]), SIZES["16:9"])

    assert one.home == other.home == (0.0, 0.0)
    assert (one.rgb == other.rgb[:, ::-1]).all()


def test_what_is_spare_on_one_side_only_stays_for_a_pan() -> None:
    photo = photo_of("astronaut", "16:9")

    assert photo.home[1] < 0  # the frame rests at the picture's top
    assert photo.half_photo[1] > photo.half_frame[1] * 1.1  # and there is more of it below
