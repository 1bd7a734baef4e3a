"""Jobs whose owner, or its key, may have no more begun: they wait without an entry.

They would be taken and given back for as long as they wait. As many of the oldest as there is room
for are given an entry again when that changes, and now and then, whatever was heard.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import structlog

from unstill.domain.errors import OwnError, ShuttingDown
from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.store import job_rows
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.entries import Entries
from unstill.store.postgres.lines import CHUNK, Lines

LOOK_EVERY_S = 3.0

_PARTIES = (
    "SELECT owner, key_id, count(*) FROM jobs WHERE is_parked = 1 AND state = 'ready' "
    "GROUP BY owner, key_id ORDER BY min(id)"
)
_OLDEST = (
    "UPDATE jobs SET is_parked = 0 WHERE id IN (SELECT id FROM jobs "  # noqa: S608  - field names
    "WHERE is_parked = 1 AND owner = $1 AND key_id = $2 AND state = 'ready' "
    f"ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING {job_rows.NAMES}"
)

log = structlog.get_logger()


class Parking:
    """Between `startup` and `rest` it looks."""

    def __init__(self, database: Database, entries: Entries, lines: Lines) -> None:
        self._database = database
        self._entries = entries
        self._lines = lines
        self._is_changed = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    def startup(self) -> None:
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def rest(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def look_again(self) -> None:
        self._is_changed.set()

    async def _look(self) -> None:
        while True:
            self._is_changed.clear()
            try:
                await self.let_go()
            except ShuttingDown:
                return
            except OwnError as error:
                log.debug("parked_jobs_not_read", why=error.message)
            except Exception:
                log.exception("parked_jobs_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._is_changed.wait()

    async def let_go(self) -> None:
        """Give an entry to as many as there is room for. Raises OwnError."""
        let_go = Counter[Owner]()
        for name, key_id, count in await self._database.rows(_PARTIES):
            owner = Owner(name)
            most = min(int(count), self._room_of(owner, str(key_id)) - let_go[owner])
            if most > 0:
                let_go[owner] += most
                await self._let_go(owner, str(key_id), most)

    def _room_of(self, owner: Owner, key_id: str) -> int:
        turnstile = self._lines.turnstile
        if turnstile is None:
            return CHUNK
        if not turnstile.may_begin(owner):
            return 0
        room = min(CHUNK, turnstile.room_of(Party(owner)))
        return min(room, turnstile.room_of(Party(owner, key_id))) if key_id else room

    async def _let_go(self, owner: Owner, key_id: str, most: int) -> None:
        async def let_go(unit: WriteUnit) -> None:
            found = [
                job_rows.job_of(tuple(row)) for row in await unit.rows(_OLDEST, owner, key_id, most)
            ]
            await self._lines.put(unit, sorted(found, key=lambda job: job.id))

        await self._database.write(let_go)
