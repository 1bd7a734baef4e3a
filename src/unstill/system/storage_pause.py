"""A storage that does not do its part: how long steps pause for it, and when the log says so.

What no later step would write is written again until it is stored (`until_stored`).

All jobs meet the same trouble, again and again: it is told when it begins, once a minute while it
lasts, and when it is over, however many they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from unstill.domain.backoff import STORAGE, Backoff
from unstill.domain.errors import StorageFailed, StorageFull

Written = TypeVar("Written")

log = structlog.get_logger()

TOLD_EVERY_MS = 60_000


async def until_stored(
    write: Callable[[], Awaitable[Written]],
    pause: Callable[[StorageFull | StorageFailed], Awaitable[None]],
) -> Written:
    """Write as soon as the storage can take it; between two tries is `pause`."""
    while True:
        try:
            return await write()
        except (StorageFull, StorageFailed) as trouble:
            await pause(trouble)


class Shortage:
    """One kind of step that cannot store for now."""

    def __init__(
        self,
        event: str,
        clock_ms: Callable[[], int],
        *,
        pauses: Backoff = STORAGE,
    ) -> None:
        """`event`: what the log calls it."""
        self._event = event
        self._pauses = pauses
        self._clock_ms = clock_ms
        self._since_ms: int | None = None  # None: all is well
        self._told_ms = 0
        self._times = 0

    def note(self, why: str, *, about: Mapping[str, str]) -> int:
        """A step of a job has met it; for how many milliseconds it pauses.

        As long as the trouble has lasted: a disk that is full for an hour is not tried each second.
        about: whose job it is, for the log.
        """
        now_ms = self._clock_ms()
        self._times += 1
        if self._since_ms is None:
            self._since_ms = now_ms
        if self._times == 1 or now_ms - self._told_ms >= TOLD_EVERY_MS:
            self._told_ms = now_ms
            log.warning(self._event, **about, why=why, times=self._times)
        lasted_ms = now_ms - self._since_ms
        return max(self._pauses.first_ms, min(lasted_ms, self._pauses.longest_ms))

    async def until_stored(
        self, write: Callable[[], Awaitable[Written]], *, about: Mapping[str, str]
    ) -> Written:
        """Write how a step of the job has ended, as soon as the storage can take it."""

        async def pause(trouble: StorageFull | StorageFailed) -> None:
            await asyncio.sleep(self.note(trouble.message, about=about) / 1000)

        written = await until_stored(write, pause)
        self.over()
        return written

    def over(self) -> None:
        """A step could store."""
        if self._since_ms is not None:
            for_s = (self._clock_ms() - self._since_ms) // 1000
            log.info("stored_again", after=self._event, times=self._times, for_s=for_s)
            self._since_ms, self._times = None, 0
