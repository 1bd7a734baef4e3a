"""Pictures as files of every format, and what the check of a frame says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unstill.domain.errors import BadImage
from unstill.media.decode import Pixels, check_frame
from unstill.media.tasks import FrameCheck, FrameFacts

ORANGE = (230, 120, 40)


def kept(folder: Path, image: Image.Image, form: str, **options: Any) -> Path:
    """The picture as a file whose name says nothing."""
    path = folder / f"frame-{len(list(folder.iterdir()))}"
    image.save(path, form, **options)
    return path


def checked(path: Path, **limits: Any) -> FrameFacts:
    loose = {"min_side_px": 1, "max_ratio": 100.0}
    return check_frame(FrameCheck(path=str(path), param="img_url", **{**loose, **limits}))


def refusal(path: Path, **limits: Any) -> str:
    with pytest.raises(BadImage) as refused:
        checked(path, **limits)
    assert refused.value.param == "img_url"
    return refused.value.allowed


def plain(colour: tuple[int, ...] = ORANGE, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (40, 30), colour)


def assert_close(pixels: Pixels, colour: tuple[int, ...], most: float = 3) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    difference = np.abs(pixels.reshape(-1, 3).astype(int) - colour)
    assert difference.mean() <= most, f"{pixels.reshape(-1, 3).mean(0)} is not {colour}"
