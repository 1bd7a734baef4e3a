"""What is put right about the lines now and then, by one server of all.

A row that waits without an entry gets one: its server ended, or knew no such lane. What PgQueuer
logs is dropped, parked jobs that wait no more are noted so, and tags that have grown large are
written smaller.
"""

from __future__ import annotations

import asyncio

import structlog

from unstill.domain.errors import OwnError
from unstill.domain.job import Job, State
from unstill.store import job_rows
from unstill.store.ports.duties import Term
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.entries import Entries, NewEntry
from unstill.store.postgres.lines import CHUNK, Lines, key_of
from unstill.store.postgres.tags import LOWERED_FROM, MOST_PRIORITY

EVERY_S = 15.0

# The lane is that of `Job.lane`; a render has an entry for as long as a server has it in hand.
_MISSING = (
    f"SELECT {job_rows.NAMES} FROM jobs WHERE state NOT IN ({job_rows.FINAL_STATES}) AND id > $1 "  # noqa: S608  - field names
    "AND (state IN ('queued', 'saving') OR (state = 'ready' AND is_parked = 0) "
    "OR (state = 'running' AND ticket IS NULL)) "
    "AND NOT EXISTS (SELECT 1 FROM unstill_pgqueuer WHERE dedupe_key = jobs.id || CASE state "
    "WHEN 'queued' THEN ':frames' "
    "WHEN 'saving' THEN CASE due_ms WHEN 0 THEN ':save:' ELSE ':again:' END || engine "
    "ELSE ':engine:' || engine END AND status IN ('queued', 'picked')) ORDER BY id LIMIT $2"
)
_PRUNE = "DELETE FROM unstill_pgqueuer_log WHERE created < now() - interval '1 hour'"
# Nobody looks for them: an owner whose jobs have all left the line is not asked for there.
_LEFT = (
    "DELETE FROM unstill_pgqueuer AS entry WHERE entrypoint LIKE 'frames/%' "
    "AND (status = 'queued' OR heartbeat < now() - interval '2 minutes') AND NOT EXISTS (SELECT 1 "
    "FROM jobs WHERE id = split_part(entry.dedupe_key, ':', 1) AND state = 'queued')"
)
_PARKED_NO_MORE = "UPDATE jobs SET is_parked = 0 WHERE is_parked = 1 AND state != 'ready'"
_LOWER = (
    "INSERT INTO line_tags (line, lowered) VALUES ($1, $2) "
    "ON CONFLICT (line) DO UPDATE SET lowered = EXCLUDED.lowered"
)
_RAISE = (
    f"UPDATE unstill_pgqueuer SET priority = least({MOST_PRIORITY}, priority + $2::bigint) "  # noqa: S608  - a number
    "WHERE (entrypoint = $1 OR starts_with(entrypoint, $1 || '/')) AND priority < $3::bigint"
)

log = structlog.get_logger()


class LineSweep:
    def __init__(self, database: Database, entries: Entries, lines: Lines) -> None:
        self._database = database
        self._entries = entries
        self._lines = lines

    async def again_and_again(self, term: Term) -> None:
        """The duty. Raises OwnError, and is begun again."""
        while await term.goes_on():
            await self.put_missing()
            await self.tidy()
            await asyncio.sleep(EVERY_S)

    async def begin(self) -> None:
        """What a server does at its start; where it fails, the sweep comes back to it."""
        try:
            await self.put_missing()
        except OwnError as error:
            log.warning("lanes_not_read", why=error.message)

    async def tidy(self) -> None:
        """Drop what is over. Raises StorageFailed."""
        for statement in (_LEFT, _PARKED_NO_MORE, _PRUNE):
            await self._database.execute(statement)
        for line in self._lines.names:
            await self.lower(line)

    async def put_missing(self) -> None:
        """Put each row that waits without an entry, in the order of ids. Raises StorageFailed."""
        after = ""
        while found := await self._database.rows(_MISSING, after, CHUNK):
            jobs = [job_rows.job_of(tuple(row)) for row in found]
            after = jobs[-1].id

            async def put(unit: WriteUnit, jobs: list[Job] = jobs) -> None:
                await self._lines.put(unit, [job for job in jobs if job.lane is not None])
                renders = [job for job in jobs if job.state is State.RUNNING]
                await self._entries.put(unit, [self._render(job) for job in renders])

            await self._database.write(put)

    def _render(self, job: Job) -> NewEntry:
        """An entry by which a render goes on that no server has in hand."""
        lane = f"engine:{job.engine}"
        line = self._lines.of(lane)
        entrypoint = lane if line is None else line.entrypoint(job.owner)
        return NewEntry(entrypoint, key_of(job.id, lane), MOST_PRIORITY)

    async def lower(self, line: str) -> None:
        """Write tags of the line smaller, where they near what a priority can be."""
        tags = self._lines.tags
        await self._lines.read_lowered()
        reached, lowered = tags.reached(line), tags.lowered(line)
        if reached - lowered > LOWERED_FROM:
            by, below = reached - lowered, MOST_PRIORITY
        elif lowered:
            # What a server has put that did not know of it yet is put to where the line is now.
            by, below = 2 * MOST_PRIORITY, tags.priority(line, reached) - LOWERED_FROM
        else:
            return

        async def write(unit: WriteUnit) -> None:
            if below == MOST_PRIORITY:
                await unit.run(_LOWER, line, reached)
            await unit.run(_RAISE, line, by, below)

        await self._database.write(write)
        await self._lines.read_lowered()
