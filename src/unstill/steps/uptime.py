"""The time in which a server was up, which is what deadlines count.

A deadline stands in its row as a moment of this clock. It shows the wall's time at a start and goes
on by itself: a wall clock that is set, or a machine that sleeps, moves no deadline. Each minute it
is stored, and a start moves the deadlines by the time in which no server was up to see them. With
it goes the server's lease on what it has under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from unstill.domain.errors import OwnError
from unstill.domain.lease import LEASE_MS, Lease
from unstill.store.ports.uptime_notes import UptimeNotes

BEAT_S = 60.0

log = structlog.get_logger()


class Uptime:
    def __init__(
        self,
        notes: UptimeNotes,
        *,
        server: str,
        clock_ms: Callable[[], int],
        monotonic_s: Callable[[], float] = time.monotonic,
        beat_s: float = BEAT_S,
    ) -> None:
        """server: its own id, another one after each start."""
        self._notes = notes
        self._server = server
        self._beat_s = beat_s
        self._monotonic_s = monotonic_s
        self._begun_ms = clock_ms()
        self._begun_s = monotonic_s()
        self._beating: asyncio.Task[None] | None = None

    def now_ms(self) -> int:
        return self._begun_ms + int(1000 * (self._monotonic_s() - self._begun_s))

    def lease(self) -> Lease:
        """What this server begins now is its own until then."""
        return Lease(self._server, self.now_ms() + LEASE_MS)

    async def startup(self) -> None:
        """Before any deadline is read. Raises StorageFull or StorageFailed."""
        away_ms = await self._notes.count_from(self.now_ms())
        if away_ms:
            log.info("deadlines_moved", by_s=away_ms // 1000)
        self._beating = asyncio.create_task(self._beat())

    async def shutdown(self) -> None:
        """While the store is still open."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            await self._note()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            await self._note()

    async def _note(self) -> None:
        try:
            await self._notes.note_up(self.now_ms(), self.lease())
        except OwnError as error:  # a full disk: what is noted too early only gives more time
            log.info("uptime_not_noted", why=error.message)
