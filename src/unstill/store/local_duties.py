"""The duties and the signals of a store that one process has: all are its own, and heard at once.

Whoever keeps such a store, on a disk or in memory, shares them, as it does the lanes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

import structlog

from unstill.domain.backoff import DUTY, Backoff
from unstill.domain.errors import OwnError
from unstill.store.ports.duties import Duty

log = structlog.get_logger()


class LocalTerm:
    """It goes on for as long as the process."""

    async def goes_on(self) -> bool:
        return True


ALWAYS = LocalTerm()


class LocalDuties:
    is_alone = True

    def __init__(self, *, pauses: Backoff = DUTY) -> None:
        self._pauses = pauses
        self._under_way: set[asyncio.Task[None]] = set()

    def perform(self, name: str, duty: Duty) -> None:
        """Begin it now; it ends when all come to rest."""
        # In a context of its own: whoever asks for it may be at work for somebody.
        task = asyncio.create_task(self._again_and_again(name, duty), context=Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def rest(self) -> None:
        """End all that are under way."""
        tasks = tuple(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _again_and_again(self, name: str, duty: Duty) -> None:
        clock_s = asyncio.get_running_loop().time
        ends = 0  # in a row
        while True:
            begun_s = clock_s()
            try:
                await duty(ALWAYS)
            except OwnError as error:
                log.warning("duty_paused", duty=name, why=error.message)
            except Exception:  # a fault of ours ends one try of it
                log.exception("duty_failed", duty=name)
            else:
                log.warning("duty_ended", duty=name)
            has_lasted = clock_s() - begun_s > self._pauses.longest_ms / 1000
            ends = 1 if has_lasted else ends + 1
            await asyncio.sleep(self._pauses.after_ms(ends) / 1000)


class LocalSignals:
    def __init__(self) -> None:
        self._listeners: dict[str, list[Callable[[str], None]]] = {}

    def tell(self, topic: str, message: str) -> None:
        for listener in self._listeners.get(topic, ()):
            try:
                listener(message)
            except Exception:  # neither the others nor who tells need suffer
                log.exception("listener_failed", topic=topic)

    def hear(self, topic: str, listener: Callable[[str], None]) -> None:
        self._listeners.setdefault(topic, []).append(listener)
