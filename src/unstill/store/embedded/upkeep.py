"""What an open store looks after each minute: that its file is there, and that it has a reserve."""

from __future__ import annotations

import asyncio

import structlog

from unstill.domain.errors import StorageFailed
from unstill.store.embedded.disk_reserve import Reserve
from unstill.store.embedded.file_presence import Presence

LOOK_EVERY_S = 60.0

log = structlog.get_logger()


class Upkeep:
    def __init__(self, presence: Presence, reserve: Reserve) -> None:
        self._presence = presence
        self._reserve = reserve
        self._looking: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        # Not at once: a folder that is used for a moment need not have a reserve.
        self._looking = asyncio.create_task(self._look_again())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def look(self) -> None:
        try:
            self._presence.check()
        except StorageFailed as error:
            log.error("store_gone", why=error.message)  # noqa: TRY400  - no trace is wanted
            return
        if not await asyncio.to_thread(self._reserve.make):
            log.warning("no_reserve", why="the disk of the data folder is almost full")

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()
