"""Depth from a network that the operator names: an ONNX file, read and run by OpenCV.

None comes along. Such a network answers with inverse depth, more is nearer, in a scale of its own;
MiDaS and Depth Anything do, and want their pixels alike.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from unstill.domain.errors import OperatorError
from unstill.engines.camera.saliency import DEVIATION, MEAN
from unstill.media.yuv import Floats, Plane

# What files are exported for: Depth Anything 518, MiDaS 384 and its small one 256, some light ones
# 320. A file that takes several gets the first one.
SIDES_PX = (518, 384, 320, 256)


def network_depth(rgb: Plane, model: Path) -> Floats:
    """How near each place is, float32 (h, w) over the whole picture, 0 far to 1 near.

    rgb: uint8 (height, width, 3), sRGB.
    Raises OperatorError where the file cannot be run.
    """
    network = loaded(model)
    reason = ""
    for side_px in SIDES_PX:
        network.setInput(pixels_for(rgb, side_px))
        try:
            found = np.squeeze(np.asarray(network.forward(), np.float32))
        except cv2.error as error:  # made for another size, or for something else
            reason = str(error).strip().rsplit("\n", 1)[-1]
            continue
        if found.ndim == 2 and min(found.shape) > 1 and np.isfinite(found).all():
            return stretched(found)
        reason = f"its answer has the shape {found.shape}"
    raise OperatorError(f"depth_model: {model} gives no depth of a picture: {reason}")


@lru_cache(maxsize=1)
def loaded(model: Path) -> cv2.dnn.Net:
    """The network of a file, kept in this process. Raises OperatorError."""
    try:
        return cv2.dnn.readNetFromONNX(str(model))
    except cv2.error as error:
        reason = str(error).strip().rsplit("\n", 1)[-1]
        raise OperatorError(f"depth_model: {model} cannot be read as ONNX: {reason}") from None


def pixels_for(rgb: Plane, side_px: int) -> Floats:
    """The picture as such networks want it, float32 (1, 3, side_px, side_px)."""
    small = cv2.resize(rgb, (side_px, side_px), interpolation=cv2.INTER_AREA)
    normal = (small.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32)


def stretched(found: Floats) -> Floats:
    low, high = (float(each) for each in np.percentile(found, (2, 98)))
    return np.asarray(np.clip((found - low) / max(high - low, 1e-6), 0, 1), np.float32)
