"""Counts of what was kept for a while only and has gone, by what it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class Removals:
    """Since the start; kept by whoever removes."""

    def __init__(self, kinds: Iterable[str]) -> None:
        """`kinds`: all that may go, which are told before the first has gone too."""
        self.jobs: Counter[str] = Counter(dict.fromkeys(kinds, 0))  # they had it, and it has gone
        self.freed_bytes: Counter[str] = Counter(self.jobs)

    def note(self, kind: str, *, jobs: int, freed_bytes: int) -> None:
        self.jobs[kind] += jobs
        self.freed_bytes[kind] += freed_bytes
