"""How often a finished video is tried to be brought home, and which failure is its last.

It has been paid for, and may be there a minute later: whatever is wrong with a download is tried
again for minutes, after pauses that double. The counts are of one life of the server. Pure.
"""

from __future__ import annotations

from collections import Counter

from unstill.domain.backoff import SAVE
from unstill.domain.errors import UnstillError
from unstill.upstreams.client import Trouble
from unstill.upstreams.port import TooLarge

MOST_TRIES = 8  # what is wrong with the video itself is met no oftener: over four minutes
MOST_TOO_LARGE = 2  # each costs half a gigabyte
LEAST_TRIES = 5  # in each life of the server, however late it is


class FailedTries:
    """The failed tries of one video, by what was wrong."""

    def __init__(self) -> None:
        self._by_kind: Counter[type[UnstillError]] = Counter()

    @property
    def count(self) -> int:
        return self._by_kind.total()

    @property
    def pause_ms(self) -> int:
        """After the last of them."""
        return SAVE.after_ms(self.count)

    @property
    def is_worth_telling(self) -> bool:
        """Each failure at first, then ever fewer: the first, second, fourth, eighth."""
        return self.count & (self.count - 1) == 0

    def are_over(self, error: UnstillError, *, is_late: bool) -> bool:
        """Count a failure; whether it is the last. `is_late`: the job is past its deadline."""
        kind = type(error)
        self._by_kind[kind] += 1
        if is_late and self.count >= LEAST_TRIES:
            return True
        if isinstance(error, Trouble):  # it says nothing of the video
            return False
        most = MOST_TOO_LARGE if isinstance(error, TooLarge) else MOST_TRIES
        return self._by_kind[kind] >= most
