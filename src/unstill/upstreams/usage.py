"""Which of an upstream's own figures is the length that it bills, or what it charges. Pure.

Each upstream names a length otherwise; what is read of an answer keeps the upstream's names. What
it charges, wherever its answer has that, is put at `COST_USD`: all that tell it count in dollars.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

# Longer is no video's: such a figure counts something else, and would not fit into a book's row.
MOST_BILLED_S = 7_200.0

_SECONDS = (
    # DashScope (wan2.2 and later: of what went in and came out), Modelverse, Vidu.
    "duration",
    "video_duration",  # DashScope, wanx2.1
    "total_seconds",  # MiniMax, v2
    "output_seconds",
    "output_video_duration",  # DashScope and Modelverse, beside `duration`
)
_COUNT = "video_count"
COST_USD = "cost_usd"
# Dearer is no video's: such a figure counts something else.
MOST_USD = 10_000

Usage = Mapping[str, int | float]


def billed_seconds(usage: Usage) -> float | None:
    """None where it tells none, or what cannot be the length of a video."""
    for name in _SECONDS:
        told = usage.get(name, 0)
        if 0 < told <= MOST_BILLED_S:
            return told
    return None


def told_millionths(usage: Usage) -> int | None:
    """What it charges for a video, in millionths of a dollar, upwards; None where it does not say.

    0 is said: a video may be free.
    """
    told = usage.get(COST_USD)
    if told is None or not 0 <= told <= MOST_USD:
        return None
    return math.ceil(Fraction(str(told)) * 1_000_000)


def is_billed(usage: Usage) -> bool:
    """Whether an upstream that has failed a task says to have used something for it."""
    if (told := told_millionths(usage)) is not None:
        return told > 0
    return billed_seconds(usage) is not None or usage.get(_COUNT, 0) > 0
