"""A picture in the size that its looks are judged in."""

from __future__ import annotations

import cv2
import numpy as np

from unstill.media.yuv import Plane


def with_side(picture: Plane, side_px: int) -> Plane:
    """The picture with a longer side of so many pixels; uint8 (h, w) or (h, w, 3)."""
    height, width = picture.shape[:2]
    scale = side_px / max(height, width)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
