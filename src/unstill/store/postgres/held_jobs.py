"""Held jobs: those of a restored database that may have been sent and paid for since its copy.

Which they are, is in a table that all servers read; an operator lets them go at any of them, or by
a command. How one server follows them: holds.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from unstill.store.call_journal import NotedCall, noted_in
from unstill.store.holds import Holds
from unstill.store.ports.held_jobs import Released
from unstill.store.postgres.database import Database, WriteUnit

DROP = "DELETE FROM held WHERE job_id = $1"
_WAITING = "state IN ('queued', 'ready')"
_ALL_WAITING = f"SELECT job_id FROM held JOIN jobs ON id = job_id WHERE {_WAITING} ORDER BY job_id"  # noqa: S608
# In the order of a change that ends a job: its row first. Of two that release it at once, the
# second waits for that, and then finds it held no more.
_TAKE = (
    f"SELECT id FROM jobs WHERE {_WAITING} AND id IN (SELECT job_id FROM held) {{which}} "  # noqa: S608
    "ORDER BY id FOR UPDATE"
)
_TAKE_ALL = _TAKE.format(which="")
_TAKE_THESE = _TAKE.format(which="AND id = ANY($1::text[])")
_DROP_THESE = "DELETE FROM held WHERE job_id = ANY($1::text[]) RETURNING job_id"
# What was held could not be tried meanwhile.
_PUT_OFF_DEADLINE = (
    "UPDATE jobs SET deadline_ms = greatest(deadline_ms, $2), revision = revision + 1, "
    "xact = pg_current_xact_id() WHERE id = ANY($1::text[])"
)
_LAST_UP = "SELECT seen_ms FROM up"
_LAST_CALLS = (
    "SELECT DISTINCT ON (job_id) job_id, n, engine, ticket FROM attempts "
    "WHERE job_id = ANY($1::text[]) AND outcome IN ('open', 'accepted', 'unknown') "
    "ORDER BY job_id, n DESC"
)

Noted = Mapping[tuple[str, int], NotedCall]


class PostgresHeldJobs:
    """Those of an open store; `data_dir` is this server's own folder."""

    def __init__(self, database: Database, holds: Holds, data_dir: Path) -> None:
        self._database = database
        self._holds = holds
        self._data_dir = data_dir

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._holds

    @property
    def waiting(self) -> int:
        return self._holds.waiting

    async def ids(self) -> Sequence[str]:
        return await held(self._database)

    async def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        noted = await asyncio.to_thread(noted_in, self._data_dir) if job_ids else {}
        released = await release(
            self._database, job_ids, now_ms=now_ms, within_ms=within_ms, noted=noted
        )
        await self._holds.look()
        return released


# --- whether servers are up or not -------------------------------------------------------------


async def held(database: Database) -> list[str]:
    """The jobs that wait for a release, oldest first. Raises StorageFailed."""
    return [f"{job_id}" for (job_id,) in await database.rows(_ALL_WAITING)]


async def release(
    database: Database,
    job_ids: Sequence[str],
    *,
    now_ms: int,
    within_ms: int,
    noted: Noted | None = None,
) -> Released:
    """Let these jobs go, or all that wait without any id; durable when it returns.

    They have `within_ms` again until their deadline, by the clock of the servers that are up, or
    were; by `now_ms` if none ever was. noted: calls whose answers the ledger may lack. Raises
    StorageFailed.
    """

    async def write(unit: WriteUnit) -> list[str]:
        [(up_ms,)] = await unit.rows(_LAST_UP)
        deadline_ms = (up_ms or now_ms) + within_ms
        taken = await (unit.rows(_TAKE_THESE, job_ids) if job_ids else unit.rows(_TAKE_ALL))
        dropped = await unit.rows(_DROP_THESE, [job_id for (job_id,) in taken])
        released = sorted(f"{job_id}" for (job_id,) in dropped)
        await unit.run(_PUT_OFF_DEADLINE, released, deadline_ms)
        return released

    released = await database.write(write)
    others = [job_id for job_id in job_ids if job_id not in released]
    return Released(released, await _sent(database, others, noted or {}))


async def _sent(database: Database, job_ids: Sequence[str], noted: Noted) -> Mapping[str, str]:
    """Which of these jobs an engine may have taken, and what it knows them by, if that is known."""
    sent: dict[str, str] = {}
    if not job_ids:
        return sent
    for job_id, n, engine, ticket in await database.rows(_LAST_CALLS, job_ids):
        call = noted.get((job_id, n))
        known = ticket or (call.attempt.ticket if call is not None else None)
        sent[job_id] = f"{engine}, as {known}" if known else f"{engine}"
    return sent
