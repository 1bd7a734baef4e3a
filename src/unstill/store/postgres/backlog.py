"""What a server takes up at its start, and what servers that are gone have left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from unstill.domain.job import State, lane_of
from unstill.domain.owner import Owner
from unstill.store import job_rows
from unstill.store.ports.backlog import (
    InterruptedJob,
    RenderTime,
    TicketRow,
    UnfinishedJob,
    UnfinishedJobs,
)
from unstill.store.postgres import rows
from unstill.store.postgres.database import Database
from unstill.store.postgres.own_folder import OwnFolder

CHUNK = 1_000  # rows read at once when all unfinished jobs are asked for


class PostgresBacklog:
    def __init__(self, database: Database, folder: OwnFolder) -> None:
        self._database = database
        self._folder = folder

    async def interrupted(
        self,
        *,
        server: str,
        now_ms: int,  # noqa: ARG002  - the database's clock says who is gone
    ) -> Sequence[InterruptedJob]:
        gone = self._folder.predecessors
        found = await self._database.rows(rows.INTERRUPTED, server, list(gone))
        return [InterruptedJob(job_rows.job_of(tuple(row)), leased_by) for *row, leased_by in found]

    async def waited_for(self) -> Sequence[str]:
        return [engine for (engine,) in await self._database.rows(rows.WAITED_FOR)]

    async def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        after = ""
        while found := await self._database.rows(rows.PLACES, after, CHUNK):
            places = [job_rows.unfinished_job_of(tuple(row)) for row in found]
            yield places
            after = places[-1].job_id

    async def counted(self) -> Sequence[UnfinishedJobs]:
        return [_jobs_of(tuple(row)) for row in await self._database.rows(rows.COUNTED)]

    async def tickets(
        self, engines: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[TicketRow]]:
        after, of = "", None if engines is None else list(engines)
        while found := await self._database.rows(rows.TICKETS, after, CHUNK, of):
            tickets = [job_rows.ticket_of(tuple(row)) for row in found]
            yield tickets
            after = tickets[-1].job_id

    async def times(self, limit: int) -> Sequence[RenderTime]:
        return [RenderTime(*row) for row in await self._database.rows(rows.TIMES, limit)]


def _jobs_of(row: tuple[str, str, bool, str, int, str]) -> UnfinishedJobs:
    state, engine, is_put_off, owner, count, oldest = row
    lane = lane_of(State(state), engine, int(is_put_off))
    return UnfinishedJobs(State(state), engine, lane, Owner(owner), count, oldest)
