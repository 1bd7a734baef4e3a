"""One scrape: what has to be asked for is asked, everything is read at once, the text is made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from unstill.domain.errors import OwnError
from unstill.domain.money import day_of
from unstill.files.last_backup import last_backup_of
from unstill.server.metrics.families import FAMILIES
from unstill.server.metrics.family import Family, Row
from unstill.server.metrics.loop_lag import LoopLag
from unstill.server.metrics.reading import Reading, Sources, disk_of
from unstill.service.jobs import Service

STORE_WITHIN_S = 8.0  # a database that is away; Prometheus gives up after 10 (scrape_timeout)


class Metrics:
    """What the server tells of itself in figures."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.refused_submits: Counter[str] = Counter()  # by code
        self.connections: Callable[[], int] = lambda: 0
        self._lag = LoopLag()
        self._looking: asyncio.Task[None] | None = None

    def startup(self) -> None:
        """Begin to look at the event loop."""
        self._looking = asyncio.create_task(self._lag.run())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def text(self, service: Service) -> bytes:
        """In Prometheus' text format; `service` knows what an operator has to do."""
        reading = await self._read(service)
        # On the loop, since others count on it; a row each, and the text of them in a thread.
        found = [(family, list(family.rows(reading))) for family in FAMILIES]
        return await asyncio.to_thread(_text_of, found)

    async def _read(self, service: Service) -> Reading:
        data_dir = self.sources.room.data_dir
        disk = await asyncio.to_thread(disk_of, data_dir)
        # In a folder that was a store of its own before, it would say nothing of the database.
        is_whole = self.sources.store.duties.is_alone
        last_backup = await asyncio.to_thread(last_backup_of, data_dir) if is_whole else None
        owed, book, doubts, held = None, None, None, 0
        refusing: dict[str, bool] = {}
        try:
            held = service.held
            async with asyncio.timeout(STORE_WITHIN_S):
                owed = await self.sources.store.outbox.owed()
                doubts = await self.sources.store.doubts.counted()
                book = await self.sources.store.charges.figures(day_of(self.sources.clock_ms()))
                for name in self.sources.remotes:
                    refusing[name] = await service.refusing_until_s(name) is not None
        except (OwnError, TimeoutError):  # a store in trouble leaves these out, and no more
            pass
        return Reading(
            sources=self.sources,
            owed=owed,
            book=book,
            doubts=doubts,
            refusing=refusing,
            held=held,
            disk=disk,
            last_backup=last_backup,
            lag=self._lag,
            refused_submits=self.refused_submits,
            connections=self.connections(),
            now_ms=self.sources.clock_ms(),
        )


def _text_of(found: Sequence[tuple[Family, Sequence[Row]]]) -> bytes:
    from unstill.server.metrics.exposition import text_of  # noqa: PLC0415  - 20 ms, for who scrapes

    return text_of(found)
