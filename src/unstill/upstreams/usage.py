"""Which of an upstream's own figures is the length that it bills. Pure.

Each upstream names it otherwise; what is read of an answer keeps the upstream's names.
"""

from __future__ import annotations

from collections.abc import Mapping

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

Usage = Mapping[str, int | float]


def billed_seconds(usage: Usage) -> float | None:
    """None where it tells none, or what cannot be the length of a video."""
    for name in _SECONDS:
        told = usage.get(name, 0)
        if 0 < told <= MOST_BILLED_S:
            return told
    return None


def is_billed(usage: Usage) -> bool:
    """Whether an upstream that has failed a task says to have used something for it."""
    return billed_seconds(usage) is not None or usage.get(_COUNT, 0) > 0
