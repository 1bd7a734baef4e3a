"""An event loop for tests of pauses: where there is nothing to do but to wait, its time skips.

Nothing takes any time on it, however busy the machine is: a step that is due in 60 ms comes before
one that is due in 61, and a pause of a minute is over at once. Not for what threads or processes
have a part in: the loop does not see that something is under way there, and skips it.
"""

from __future__ import annotations

import asyncio
import selectors


class _Ready(selectors.DefaultSelector):
    """Says what is ready now; the time that it would have waited is added up."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.skipped_s += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._ready_now = _Ready()
        super().__init__(self._ready_now)

    def time(self) -> float:
        return self._ready_now.skipped_s


def loop_ms() -> int:
    """The running loop's time as a clock of jobs."""
    return round(1000 * asyncio.get_running_loop().time())
