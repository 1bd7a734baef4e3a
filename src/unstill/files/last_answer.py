"""Whether a storage elsewhere answers, as it was a moment ago: however many ask, one does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from unstill.domain.errors import StorageFailed

ASKED_EVERY_S = 5.0  # probes come from anywhere, and as often as they like


class LastAnswer:
    def __init__(
        self, ask: Callable[[], Awaitable[None]], clock_s: Callable[[], float] = monotonic
    ) -> None:
        """ask: raises StorageFailed while there is none."""
        self._ask = ask
        self._clock_s = clock_s
        self._asked_s = float("-inf")
        self._trouble: str | None = None
        self._asking = asyncio.Lock()

    async def check(self) -> None:
        """Raises StorageFailed if it did not answer lately."""
        async with self._asking:
            if self._clock_s() >= self._asked_s + ASKED_EVERY_S:
                try:
                    await self._ask()
                except StorageFailed as error:
                    self._trouble = error.message
                else:
                    self._trouble = None
                self._asked_s = self._clock_s()
        if self._trouble is not None:
            raise StorageFailed(self._trouble)
