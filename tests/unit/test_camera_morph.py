"""From the first frame to the last one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from unstill.domain.request import Size
from unstill.engines.camera.morph import find_morph
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.warp import SourceGrid
from unstill.media.decode import open_frame

PHOTOS = Path(__file__).parents[2] / "photos"
SIZE = Size(640, 360)


def photo(name: str) -> Photo:
    return fit_photo(open_frame(PHOTOS / f"{name}.jpg"), SIZE)


def turned(name: str, angle_deg: float) -> Photo:
    with Image.open(PHOTOS / f"{name}.jpg") as image:
        turned = image.convert("RGB").rotate(angle_deg, Image.Resampling.BICUBIC)
        inner = turned.crop((30, 20, image.width - 30, image.height - 20))
    return fit_photo(np.asarray(inner), SIZE)


def test_two_views_of_one_thing_are_morphed() -> None:
    morph = find_morph(photo("chelsea"), turned("chelsea", 5))

    assert morph.confidence > 0.8
    grids = morph.grids(
        SourceGrid(x=np.zeros((1, 1), np.float32), y=np.zeros((1, 1), np.float32)), 0.0
    )
    assert grids[0].x == 0  # nothing has travelled yet
    assert abs(float(grids[1].x[0, 0])) + abs(float(grids[1].y[0, 0])) < 0.2


def test_two_different_things_are_dissolved() -> None:
    morph = find_morph(photo("chelsea"), photo("coffee"))

    grid = SourceGrid(x=np.ones((2, 2), np.float32), y=np.ones((2, 2), np.float32))
    assert morph.confidence == 0
    assert morph.grids(grid, 0.5) == (grid, grid)


def test_a_morph_is_repeatable() -> None:
    one, other = (find_morph(photo("chelsea"), turned("chelsea", 5)) for _ in range(2))

    assert np.array_equal(one.there, other.there)
    assert np.array_equal(one.back, other.back)
