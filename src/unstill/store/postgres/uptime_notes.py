"""The notes that a server is up, in tables that all servers share."""

from __future__ import annotations

from unstill.domain.lease import Lease
from unstill.store import job_rows
from unstill.store.ports.uptime_notes import LEAST_AWAY_MS
from unstill.store.postgres.database import Database, WriteUnit

_SEEN = "SELECT seen_ms FROM up"
# Servers that start together wait for each other: the first one moves the deadlines.
_SEEN_ALONE = "SELECT seen_ms FROM up FOR UPDATE"
_NOTE = "UPDATE up SET seen_ms = greatest(seen_ms, $1)"
# An idle server writes nothing: what is noted too early only gives more time.
_NOTE_AT_WORK = (
    f"{_NOTE} WHERE EXISTS (SELECT 1 FROM jobs WHERE state NOT IN ({job_rows.FINAL_STATES}))"  # noqa: S608  - state names
)
_MOVE = (
    "UPDATE jobs SET deadline_ms = deadline_ms + $1 "  # noqa: S608  - state names
    f"WHERE state NOT IN ({job_rows.FINAL_STATES}) AND deadline_ms > 0"
)


class PostgresUptimeNotes:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def last_up_ms(self) -> int:
        found = await self._database.row(_SEEN)
        return 0 if found is None else int(found[0])

    async def count_from(self, now_ms: int) -> int:
        async def move(unit: WriteUnit) -> int:
            found = await unit.row(_SEEN_ALONE)
            seen_ms = 0 if found is None else int(found[0])
            away_ms = now_ms - seen_ms if seen_ms else 0
            await unit.run("UPDATE up SET seen_ms = $1", now_ms)
            if abs(away_ms) < LEAST_AWAY_MS:
                return 0
            await unit.run(_MOVE, away_ms)
            return away_ms

        return await self._database.write(move)

    async def note_up(self, now_ms: int, lease: Lease) -> None:  # noqa: ARG002  - see servers.py
        await self._database.execute(_NOTE_AT_WORK, now_ms)
