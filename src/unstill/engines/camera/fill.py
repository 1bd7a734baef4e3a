"""What is not known of a picture, filled from around it."""

from __future__ import annotations

import cv2
import numpy as np

from unstill.media.yuv import Floats

LEVELS = 7  # each half as large as the one before
FEW_PX = 4  # on a side; a smaller picture is halved no more
KNOWN = 0.25  # a share of a pixel: so much of it is enough to go by it alone


def grown_from(values: Floats, known: Floats, *, levels: int = LEVELS) -> Floats:
    """Values where they are known, elsewhere what is around: by a pyramid of weighted means.

    values: float32 (h, w) or (h, w, n); known: float32 (h, w), 0 to 1.
    """
    weights, sums = [known], [values * spread(known, values)]
    while len(weights) < levels and min(weights[-1].shape) > FEW_PX:
        weights.append(cv2.pyrDown(weights[-1]).astype(np.float32))
        sums.append(cv2.pyrDown(sums[-1]).astype(np.float32))
    found = sums[-1] / spread(np.maximum(weights[-1], 1e-3), values)
    for weight, total in zip(weights[-2::-1], sums[-2::-1], strict=True):
        coarser = cv2.resize(found, weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        kept = spread(np.minimum(weight / KNOWN, 1), values)
        found = total / spread(np.maximum(weight, 1e-3), values) * kept + coarser * (1 - kept)
    return np.asarray(found, np.float32)


def spread(weight: Floats, values: Floats) -> Floats:
    """A weight for each value of a place."""
    return weight if values.ndim == weight.ndim else weight[..., None]
