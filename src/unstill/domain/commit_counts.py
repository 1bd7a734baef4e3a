"""Counts of a store's commits."""

from __future__ import annotations

from unstill.domain.timings import Timings

COMMIT_BOUNDS_S = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class CommitCounts:
    """Written by whoever commits alone; since its process began."""

    def __init__(self) -> None:
        self.times = Timings(COMMIT_BOUNDS_S)  # from a commit's begin to when it was durable
        self.failed = 0
