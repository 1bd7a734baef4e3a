"""What stands out in a picture, found by a small trained network that comes along (weights/).

OpenCV reads and runs it. It takes a slow core half a second whatever the picture's size (measured),
and 120 MB that are given back before the first frame is drawn.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from unstill.media.yuv import Floats, Plane

WEIGHTS: Final = Path(__file__).parent / "weights" / "u2netp_half.onnx"
# What the network was trained and is published for: rembg, sessions/u2netp.py (read 2026-11-29).
# Measured: at 256 it is a third quicker, and takes mountains and whole streets for subjects.
SIDE_PX = 320
MEAN: Final = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION: Final = np.array([0.229, 0.224, 0.225], np.float32)
REMEMBERED = 8  # masks; who tries prompts and seeds on one photo waits for it once


class NoMask(Exception):
    """The weights are missing or cannot be run, and why."""


def salient(rgb: Plane, weights: Path = WEIGHTS) -> Floats:
    """How much each place stands out, float32 (SIDE_PX, SIDE_PX) over the whole picture, 0 to 1.

    rgb: uint8 (height, width, 3), sRGB. Raises NoMask.
    """
    small = cv2.resize(rgb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return run(small.tobytes(), weights)


@lru_cache(maxsize=REMEMBERED)
def run(pixels: bytes, weights: Path) -> Floats:
    """The network's answer. Raises NoMask, which is not remembered."""
    try:
        model = np.fromfile(weights, np.uint8)
        network = cv2.dnn.readNetFromONNX(model)
        network.setInput(normalised(pixels))
        found = np.array(network.forward()[0, 0], np.float32)
    except (OSError, cv2.error) as error:  # no file, none of a network, or too little memory
        raise NoMask(str(error).strip().rsplit("\n", 1)[-1]) from None
    whole = cv2.resize(found, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    mask = likely(whole.astype(np.float32, copy=False))
    mask.flags.writeable = False
    return mask


def likely(found: Floats) -> Floats:
    """The logistic function: what the network found, as 0 to 1."""
    return np.asarray(0.5 + 0.5 * np.tanh(found / 2), np.float32)


def normalised(pixels: bytes) -> Floats:
    """The pixels as the network wants them, float32 (1, 3, SIDE_PX, SIDE_PX)."""
    picture = np.frombuffer(pixels, np.uint8).reshape(SIDE_PX, SIDE_PX, 3).astype(np.float32)
    picture /= max(float(picture.max()), 1.0)
    return np.ascontiguousarray(((picture - MEAN) / DEVIATION).transpose(2, 0, 1)[None])
