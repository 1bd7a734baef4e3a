"""The time of this process: it goes on evenly and never back, whatever is done to the wall clock.

Pauses, due times and ids are moments of this clock. It starts at the wall's time; what the wall
clock is set by later is made up for slowly, in either direction, so that no pause becomes an hour
long and nothing is suddenly a day old. Only what others check against a clock of their own, such
as the time stamp of a webhook, is taken from the wall.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from unstill.system.machine import steady_ns

log = structlog.get_logger()

CATCH_UP = 0.5  # the clock runs at half to one and a half of the true pace
# A wall clock that goes so far ahead was wrong before: a board without a battery begins in 1970.
MOST_MADE_UP_MS = 7 * 24 * 3600 * 1000
TOLD_FROM_MS = 60_000

_MS_NS = 1_000_000


class Clock:
    """`wall_ms`: as the machine tells it; `steady_ns`: time that passes, from any beginning."""

    def __init__(
        self,
        wall_ms: Callable[[], int],
        steady_ns: Callable[[], int] = steady_ns,
    ) -> None:
        self.wall_ms = wall_ms
        self._steady_ns = steady_ns
        # The moment of the last reading, by both clocks; one value, so that threads may read.
        self._last = (steady_ns(), float(wall_ms()))
        self._is_told = False

    def now_ms(self) -> int:
        """In Unix milliseconds; no reading is before an earlier one."""
        last_ns, last_ms = self._last
        steady_ns = self._steady_ns()
        if steady_ns - last_ns < _MS_NS:  # the same moment: a submit asks three times
            return int(last_ms)
        passed_ms = (steady_ns - last_ns) / _MS_NS
        ahead_ms = self.wall_ms() - last_ms - passed_ms  # what the wall clock is ahead by
        if ahead_ms <= MOST_MADE_UP_MS:
            most_ms = passed_ms * CATCH_UP
            made_up_ms = max(-most_ms, min(ahead_ms, most_ms))
        else:
            made_up_ms = ahead_ms
        now_ms = last_ms + passed_ms + made_up_ms
        self._last = (steady_ns, now_ms)
        self._tell(ahead_ms)
        return int(now_ms)

    def not_before(self, moment_ms: int) -> None:
        """Go on from where an earlier process was, if the wall clock has been set back since.

        Not from further ahead than is ever made up for: there the earlier clock was wrong.
        """
        now_ms = self.now_ms()
        if now_ms < moment_ms <= now_ms + MOST_MADE_UP_MS:
            self._last = (self._steady_ns(), float(moment_ms))

    def _tell(self, ahead_ms: float) -> None:
        """One line for each time that the wall clock is set."""
        is_off = abs(ahead_ms) >= TOLD_FROM_MS
        if is_off and not self._is_told:
            log.warning("clock_was_set", by_s=round(ahead_ms / 1000))
        self._is_told = is_off


def clock_ms() -> int:
    """The wall clock in Unix milliseconds."""
    return time.time_ns() // 1_000_000
