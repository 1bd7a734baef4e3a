"""How late the event loop is: everything that it answers is at least as late."""

from __future__ import annotations

import asyncio
from collections import deque

from unstill.domain.timings import Timings

LAG_BOUNDS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
EVERY_S = 0.5
KEPT = 120  # looks, a minute of them


class LoopLag:
    """Looks now and then how late a timer rings."""

    def __init__(self) -> None:
        self.times = Timings(LAG_BOUNDS_S)
        self._newest: deque[float] = deque(maxlen=KEPT)

    @property
    def worst_s(self) -> float:
        """How late it was at most in the last minute."""
        return max(self._newest, default=0.0)

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            late_s = max(0.0, loop.time() - due_s)
            self.times.note(late_s)
            self._newest.append(late_s)
