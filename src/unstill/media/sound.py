"""The sound that a video is written with. For child programs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 48_000

Samples = NDArray[np.float32]  # (2, samples), -1 to 1
