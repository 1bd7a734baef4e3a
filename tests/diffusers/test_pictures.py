"""Pictures into a pipeline and frames out of it, by their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unstill.domain.errors import OwnError
from unstill.domain.request import Size
from unstill.engines.diffusers.child.pictures import cut, fitted, in_bytes
from unstill.engines.diffusers.shapes import Cut

LEFT, MIDDLE, RIGHT = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def test_a_cut_without_scaling_takes_the_pixels_as_they_are() -> None:
    frame = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)

    kept = cut(frame, Cut(scaled=Size(8, 6), left=1, top=2, kept=Size(6, 2)))

    assert np.array_equal(kept, frame[2:4, 1:7])
    assert kept.flags.c_contiguous


@pytest.mark.parametrize("scale", [2, 4])
def test_a_picture_is_scaled_to_cover_and_cut_at_its_middle(tmp_path: Path, scale: int) -> None:
    wide = Image.new("RGB", (96 * scale, 32 * scale), MIDDLE)
    wide.paste(LEFT, (0, 0, 32 * scale, 32 * scale))
    wide.paste(RIGHT, (64 * scale, 0, 96 * scale, 32 * scale))
    wide.save(tmp_path / "wide.png")

    fit = fitted(tmp_path / "wide.png", Size(64, 64), param="image")

    assert fit.size == (64, 64)
    assert fit.getcolors() == [(64 * 64, MIDDLE)]


def test_values_are_rounded_and_kept_in_their_range() -> None:
    values = np.array([[[-0.1, 0.0, 0.4979], [0.4981, 1.0, 1.1]]], np.float32)

    assert in_bytes(values).tolist() == [[[0, 0, 127], [127, 255, 255]]]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_no_picture(value: float) -> None:
    with pytest.raises(OwnError, match="no numbers"):
        in_bytes(np.full((2, 2, 3), value, np.float32))
