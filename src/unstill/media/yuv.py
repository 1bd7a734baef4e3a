"""A picture as the planes that an encoder wants: luma and half-size chroma.

BT.709 with limited range (ITU-R BT.709-6, 3.5). For child programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Floats = NDArray[np.float32]

BLACK, WHITE, GREY = 16, 235, 128  # luma's ends and chroma's middle, limited range

KR, KB = 0.2126, 0.0722  # ITU-R BT.709-6, 3.2
RGB_TO_YUV: Final = np.array(
    [
        [*(219 / 255 * k for k in (KR, 1 - KR - KB, KB)), BLACK],
        [*(112 / 255 * k / (1 - KB) for k in (-KR, -(1 - KR - KB), 1 - KB)), GREY],
        [*(112 / 255 * k / (1 - KR) for k in (1 - KR, -(1 - KR - KB), -KB)), GREY],
    ]
)


@dataclass(frozen=True, kw_only=True)
class YuvPicture:
    """y: uint8 (h, w); u and v: uint8 (h/2, w/2)."""

    y: Plane
    u: Plane
    v: Plane


def planes_of(rgb: Plane) -> YuvPicture:
    """rgb: uint8 (h, w, 3), both even."""
    yuv = cv2.transform(rgb, RGB_TO_YUV)
    height, width = rgb.shape[:2]
    half = cv2.resize(yuv[..., 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return YuvPicture(
        y=np.ascontiguousarray(yuv[..., 0], np.uint8),
        u=np.ascontiguousarray(half[..., 0], np.uint8),
        v=np.ascontiguousarray(half[..., 1], np.uint8),
    )
