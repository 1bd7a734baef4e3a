"""The visible mark on a video."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from unstill.domain.request import Size
from unstill.engines.camera.scenes import blank
from unstill.media.watermark import FONT, TEXT, WatermarkPainter, drawn_plate


def test_the_font_draws_every_character_of_the_text() -> None:
    font = ImageFont.truetype(FONT, 64)
    missing = font.getmask("\N{KANGXI RADICAL DRAGON}")  # not in the subset: what a gap looks like

    for character in set(TEXT) - {" "}:
        drawn = font.getmask(character)
        assert drawn.getbbox() is not None, character
        assert bytes(drawn) != bytes(missing), character


def test_the_font_is_small_and_its_licence_lies_beside_it() -> None:
    licence = FONT.with_name("OFL.txt").read_text(encoding="utf-8")

    assert FONT.stat().st_size < 100_000
    assert licence.startswith("Copyright")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence


@pytest.mark.parametrize(
    "size", [Size(1280, 720), Size(720, 1280), Size(256, 1024), Size(2048, 512)], ids=str
)
def test_the_words_are_a_twentieth_of_the_short_side_high_and_fit(size: Size) -> None:
    opacity, ink = drawn_plate(size)
    rows = np.nonzero(ink.max(axis=1) > 0.5)[0]

    assert rows.max() - rows.min() + 1 >= 0.05 * min(size.width, size.height)
    assert opacity.shape[1] <= size.width
    WatermarkPainter(size).draw(blank(size))


@pytest.mark.parametrize("luma", [16, 128, 235])
def test_the_words_read_on_any_picture(luma: int) -> None:
    size = Size(640, 360)
    frame = blank(size)
    frame.y[:], frame.u[:], frame.v[:] = luma, 90, 160

    WatermarkPainter(size).draw(frame)

    _, ink = drawn_plate(size)
    height, width = ink.shape
    margin = 8
    plate = frame.y[-height - margin : -margin, -width - margin : -margin].astype(int)
    inside = ink[4:-4, 4:-4]
    assert plate[4:-4, 4:-4][inside > 0.99].min() > 220
    assert plate[4:-4, 4:-4][inside < 0.05].max() < 125
