"""How long something took, each time: counted by bounds, as a histogram is made of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Timings:
    """Counts of durations between fixed bounds, and their sum. Seconds.

    One thread notes. Any other may read meanwhile: it sees a duration that is just being noted, or
    part of it.
    """

    __slots__ = ("_counts", "bounds_s", "sum_s")

    def __init__(self, bounds_s: Sequence[float]) -> None:
        """`bounds_s`: ascending; what takes longer than the last is counted behind it."""
        self.bounds_s = tuple(bounds_s)
        self.sum_s = 0.0
        self._counts = [0] * (len(self.bounds_s) + 1)

    def note(self, took_s: float) -> None:
        self._counts[bisect_left(self.bounds_s, took_s)] += 1
        self.sum_s += took_s

    @property
    def within(self) -> tuple[int, ...]:
        """How many took at most as long as each bound; the last: all of them."""
        return tuple(accumulate(self._counts))
