"""The least pace at which an answer may arrive: a host that drips holds up nobody for long.

Only the time in which we wait for the other side is counted, not what our own disk takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from unstill.domain.errors import FetchFailed


@dataclass(frozen=True)
class LeastPace:
    """The head within `head_within_s`, then `least_bytes` at least in each `within_s`, or the end.

    20 KB a second are below any line that a video of some megabytes is made for.
    """

    head_within_s: float = 60.0
    least_bytes: int = 300_000
    within_s: float = 15.0


class Arrival:
    """How one answer's body arrives, measured on the wire."""

    def __init__(self, pace: LeastPace) -> None:
        self._pace = pace
        self._left_s = pace.within_s
        self._came_bytes = 0  # since the last `least_bytes`

    async def read(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `read` gives; raises FetchFailed when it comes too slowly."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            async with asyncio.timeout(self._left_s):
                data = await read()
        except TimeoutError as error:
            pace_kb = self._pace.least_bytes / self._pace.within_s / 1000
            raise FetchFailed(f"comes slower than {pace_kb:g} KB a second") from error
        self._left_s -= loop.time() - begun_s
        self._came_bytes += len(data)
        if self._came_bytes >= self._pace.least_bytes:
            self._came_bytes, self._left_s = 0, self._pace.within_s
        return data
