"""Pictures on their way into a pipeline and out of it: fitted, cut, and counted in bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unstill.domain.errors import OwnError
from unstill.domain.request import Size
from unstill.engines.diffusers.shapes import Cut, cut_to
from unstill.media.decode import open_frame
from unstill.media.yuv import Plane


def fitted(path: Path, size: Size, *, param: str) -> Image.Image:
    """A caller's picture that covers `size`, cut evenly at its edges. Raises BadImage."""
    pixels = open_frame(path, param=param, enough_px=max(size.width, size.height))
    return Image.fromarray(cut(pixels, cut_to(size_of(pixels), size)))


def cut(rgb: Plane, how: Cut) -> Plane:
    """rgb: uint8 (height, width, 3); the result is contiguous."""
    scaled = rgb
    if size_of(rgb) != how.scaled:
        is_smaller = how.scaled.width * how.scaled.height < rgb.shape[0] * rgb.shape[1]
        kernel = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
        resized = cv2.resize(rgb, (how.scaled.width, how.scaled.height), interpolation=kernel)
        scaled = resized.astype(np.uint8, copy=False)
    rows = slice(how.top, how.top + how.kept.height)
    columns = slice(how.left, how.left + how.kept.width)
    return np.ascontiguousarray(scaled[rows, columns])


def size_of(rgb: NDArray[Any]) -> Size:
    return Size(rgb.shape[1], rgb.shape[0])


def in_bytes(frame: NDArray[np.float32]) -> Plane:
    """float32 (height, width, 3), 0 to 1, as uint8. Raises OwnError for what is no picture."""
    if not np.isfinite(frame).all():
        raise OwnError(
            "the model gave values that are no numbers: "
            'try attention = "native", memory without fp8, or no LoRA'
        )
    rgb: Plane = np.rint(np.clip(frame, 0, 1) * np.float32(255)).astype(np.uint8)
    return rgb
