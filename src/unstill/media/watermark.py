"""The visible mark: white words on a dark plate, so that it reads on any picture."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unstill.domain.request import Size
from unstill.media.yuv import GREY, WHITE, Floats, Plane, YuvPicture

TEXT: Final = "unstill · 合成视频"  # "synthetic video"
FONT: Final = Path(__file__).parent / "fonts" / "NotoSansSC-subset.otf"
# the characters must be 5 % of the short side high: GB 45438-2025, explicit labels in videos
HIGH_SHARE = 0.052
PLATE_OPACITY = 0.58
PLATE_LUMA = 24


class WatermarkPainter:
    """Draws the words into the lower right of frames of one size."""

    def __init__(self, size: Size) -> None:
        opacity, ink = drawn_plate(size)
        height, width = opacity.shape
        margin = round(min(size.width, size.height) * 0.025) // 2 * 2
        self._top, self._left = size.height - margin - height, size.width - margin - width
        luma = PLATE_LUMA + (WHITE - PLATE_LUMA) * ink
        self._kept = 1 - opacity
        self._added = luma * opacity
        half = opacity.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
        self._kept_chroma, self._added_chroma = 1 - half, GREY * half

    def draw(self, frame: YuvPicture) -> None:
        lay(frame.y, self._top, self._left, self._kept, self._added)
        for chroma in (frame.u, frame.v):
            top, left = self._top // 2, self._left // 2
            lay(chroma, top, left, self._kept_chroma, self._added_chroma)


def drawn_plate(size: Size) -> tuple[Floats, Floats]:
    """Opacity and ink of the plate, float32 (height, width) both even, 0 to 1."""
    font = fitting_font(size)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(TEXT))
    pad = round(font.size * 0.35)
    width, height = ((right - left + 2 * pad + 1) // 2 * 2, (bottom - top + 2 * pad + 1) // 2 * 2)
    plate = Image.new("L", (width, height), 0)
    ImageDraw.Draw(plate).rounded_rectangle(
        (0, 0, width - 1, height - 1), radius=pad, fill=round(255 * PLATE_OPACITY)
    )
    words = Image.new("L", (width, height), 0)
    ImageDraw.Draw(words).text((pad - left, pad - top), TEXT, fill=255, font=font)
    ink = np.asarray(words, np.float32) / np.float32(255)
    opacity = np.maximum(np.asarray(plate, np.float32) / np.float32(255), ink)
    return opacity, ink


def fitting_font(size: Size) -> ImageFont.FreeTypeFont:
    """The font at the height that is asked for, or smaller where a narrow frame ends first."""
    trial = ImageFont.truetype(FONT, 100)
    left, top, right, bottom = trial.getbbox(TEXT[-1])
    high_px = min(size.width, size.height) * HIGH_SHARE
    by_height = 100 * high_px / (bottom - top)
    left, _, right, _ = trial.getbbox(TEXT)
    by_width = 100 * size.width * 0.9 / (right - left)
    return trial.font_variant(size=min(by_height, by_width))


def lay(plane: Plane, top: int, left: int, kept: Floats, added: Floats) -> None:
    part = plane[top : top + kept.shape[0], left : left + kept.shape[1]]
    part[:] = np.rint(part * kept + added).astype(np.uint8)
