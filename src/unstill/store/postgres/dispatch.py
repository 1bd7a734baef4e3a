"""Who does what next, over all servers on one database: lanes, duties, signals, and who is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context

import structlog

from unstill.domain.errors import OwnError, ShuttingDown
from unstill.store.ports.jobs import Jobs
from unstill.store.postgres.database import Database
from unstill.store.postgres.duties import PostgresDuties
from unstill.store.postgres.entries import HEARTBEAT_S, Entries
from unstill.store.postgres.lanes import PostgresLanes
from unstill.store.postgres.lines import Lines
from unstill.store.postgres.servers import Servers
from unstill.store.postgres.signals import PostgresSignals

log = structlog.get_logger()


class Dispatch:
    """Between `startup` and `rest`; its parts are there before and after."""

    def __init__(
        self,
        database: Database,
        server: str,
        clock_ms: Callable[[], int],
        *,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """heartbeat_s: a server that nothing was heard of for so long is taken for gone."""
        self._database = database
        self._clock_ms = clock_ms
        self.entries = Entries(database, heartbeat_s=heartbeat_s)
        self.lines = Lines(database, self.entries, clock_ms)
        self.signals = PostgresSignals(database)
        self.duties = PostgresDuties(database, self.entries, self.signals, server=server)
        self.servers = Servers(database, server, gone_after_s=heartbeat_s)
        self._keeping: asyncio.Task[None] | None = None

    def lanes_of(self, jobs: Jobs) -> PostgresLanes:
        """The lanes, which write to `jobs`, which put them on `lines`."""
        self.lanes = PostgresLanes(
            self._database,
            self.entries,
            self.lines,
            jobs=jobs,
            duties=self.duties,
            servers=self.servers,
            clock_ms=self._clock_ms,
        )
        return self.lanes

    async def startup(self) -> None:
        """Raises StorageFailed."""
        await self.servers.startup()
        await self.signals.startup()
        self.duties.startup()
        self._keeping = asyncio.create_task(self._keep_again(), context=Context())

    async def rest(self) -> None:
        """Leave everything to the other servers at once."""
        await self.lanes.rest(0)
        await self.duties.shutdown()
        keeping, self._keeping = self._keeping, None
        if keeping is None:
            return
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await self.entries.rest()
        await self.signals.shutdown()
        await self.servers.shutdown()

    async def _keep_again(self) -> None:
        is_in_trouble = False
        while True:
            await asyncio.sleep(self.entries.kept_every_s)
            try:
                lost = await self.entries.keep()
                await self.lines.read_lowered()
                is_in_trouble = False
            except ShuttingDown:
                return
            except Exception as error:  # noqa: BLE001  - whatever it is, it is said again
                if not is_in_trouble or not isinstance(error, OwnError):
                    is_in_trouble = True
                    log.warning("entries_not_kept", why=str(error))
                continue
            if lost:
                log.warning("entries_lost", count=len(lost))
                self.lanes.lost(lost)
                self.duties.lost(lost)
