"""What a start takes up, by rows that are quick to read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from unstill.domain.job import State, lane_of
from unstill.domain.owner import Owner
from unstill.store import job_rows
from unstill.store.embedded import rows
from unstill.store.embedded.handle import Handle
from unstill.store.ports.backlog import (
    InterruptedJob,
    RenderTime,
    TicketRow,
    UnfinishedJob,
    UnfinishedJobs,
)

CHUNK = 1_000  # rows read at once when all unfinished jobs are asked for

# The condition is word for word that of the index `jobs_unfinished`, or it is not used.
_COUNTED = (
    "SELECT state, engine, due_ms != 0 AS is_put_off, owner, count(*), min(id) FROM jobs "
    "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') "
    "GROUP BY state, engine, is_put_off, owner ORDER BY engine, state, is_put_off, owner"
)


class EmbeddedBacklog:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def interrupted(self, *, server: str, now_ms: int) -> Sequence[InterruptedJob]:
        opened = self._handle.opened
        return [
            InterruptedJob(job_rows.job_of(tuple(row)), leased_by)
            for *row, leased_by in await opened.ledger.select(rows.INTERRUPTED)
            if leased_by != server and opened.leases.has_ended(leased_by, now_ms)
        ]

    async def waited_for(self) -> Sequence[str]:
        found = await self._handle.opened.ledger.select(rows.WAITED_FOR)
        return [engine for (engine,) in found]

    async def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        after = ""
        while found := await self._handle.opened.ledger.select(rows.PLACES, (after, CHUNK)):
            places = [job_rows.unfinished_job_of(row) for row in found]
            yield places
            after = places[-1].job_id

    async def counted(self) -> Sequence[UnfinishedJobs]:
        found = await self._handle.opened.lists.select(_COUNTED)
        return [_jobs_of(row) for row in found]

    async def tickets(
        self, engines: Collection[str] | None = None
    ) -> AsyncIterator[Sequence[TicketRow]]:
        after = ""
        while found := await self._handle.opened.ledger.select(rows.TICKETS, (after, CHUNK)):
            tickets = [job_rows.ticket_of(row) for row in found]
            yield [each for each in tickets if engines is None or each.engine in engines]
            after = tickets[-1].job_id

    async def times(self, limit: int) -> Sequence[RenderTime]:
        found = await self._handle.opened.ledger.select(rows.TIMES, (limit,))
        return [RenderTime(*row) for row in found]


def _jobs_of(row: job_rows.Row) -> UnfinishedJobs:
    state, engine, is_put_off, owner, count, oldest = row
    lane = lane_of(State(state), engine, is_put_off)
    return UnfinishedJobs(State(state), engine, lane, Owner(owner), count, oldest)
