"""Jobs as rows: a change, and all that it means elsewhere, are one unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from unstill.domain.attempts import Outcome, Settlement
from unstill.domain.errors import KeyReused, TicketTaken
from unstill.domain.job import Change, IdempotencyMark, Job
from unstill.domain.money import ChargeReserve
from unstill.domain.moves import JobMove
from unstill.domain.owner import Owner
from unstill.store import job_rows
from unstill.store.holds import OVER, Holds
from unstill.store.move_texts import moves_in
from unstill.store.postgres import charges, deliveries, held_jobs, rows
from unstill.store.postgres.database import Database, Values, WriteUnit
from unstill.store.postgres.feed import Feed
from unstill.store.postgres.lines import Lines
from unstill.store.postgres.own_folder import OwnFolder


class PostgresJobs:
    def __init__(
        self,
        database: Database,
        feed: Feed,
        folder: OwnFolder,
        *,
        holds: Holds,
        lines: Lines,
        clock_ms: Callable[[], int],
    ) -> None:
        self._database = database
        self._feed = feed
        self._folder = folder
        self._holds = holds
        self._lines = lines
        self._clock_ms = clock_ms

    async def find(self, job_id: str) -> Job | None:
        found = await self._database.row(rows.FIND, job_id)
        return None if found is None else job_rows.job_of(tuple(found))

    async def moves(self, job: Job) -> Sequence[JobMove]:
        found = await self._database.row(rows.MOVES_OF, job.id)
        return () if found is None else moves_in(str(found[0]), job.created_ms)

    async def marked(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        if mark.key is not None:
            found = await self._database.row(rows.MARKED_BY_KEY, owner, mark.key)
            if found is not None and found["fingerprint"] != mark.fingerprint:
                raise KeyReused(mark.key)
        elif mark.since_ms is not None:
            bounds = (owner, mark.fingerprint, mark.since_ms)
            found = await self._database.row(rows.MARKED_BY_FINGERPRINT, *bounds)
        else:
            return None
        return None if found is None else await self.find(found["job_id"])

    async def add(
        self,
        job: Job,
        *,
        mark: IdempotencyMark | None = None,
        reserve: ChargeReserve | None = None,
    ) -> Job:
        values = job_rows.row_of(job)
        tag = self._lines.foresee(job)

        async def insert(unit: WriteUnit) -> Job:
            if mark is not None:
                earlier = await _earlier(unit, job, mark)
                if earlier is not None:
                    return earlier
            [(revision, unit.xact)] = await unit.rows(rows.INSERT, *values)
            unit.proof = (rows.IS_ADDED, (job.id,))
            await self._lines.follow(unit, job, tag)
            if reserve is not None:
                await charges.reserve(unit, reserve)
            unit.after.append(lambda: self._feed.committed(job, revision))
            return job

        added: Job | None = None
        try:
            added = await self._database.write(insert)
        finally:
            if added is not job:
                self._lines.came_to_nothing(job, tag)
        return added

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        sql, values = rows.update(job_id, change, attempt, self._clock_ms())

        async def update(unit: WriteUnit) -> Job | None:
            found = await unit.row(sql, *values)
            if found is not None and change.opens is not None:
                await unit.run(rows.INTEND, *job_rows.attempt_row_of(change.opens))
            if change.closes is not None:
                await _check_ticket(unit, job_id, change.closes)
                await unit.run(rows.SETTLE, *job_rows.settlement_row_of(job_id, change.closes))
                closed = change.closes
                unit.proof = (rows.IS_SETTLED, (job_id, closed.n, closed.outcome, closed.ticket))
            return None if found is None else await self._changed(unit, found, change)

        job = await self._database.write(update)
        if change.closes is not None:
            self._folder.ahead.committed(job_id, change.closes.n)
        return job

    async def _changed(self, unit: WriteUnit, found: Values, change: Change) -> Job:
        """Write what a change means elsewhere, and tell of it after its commit."""
        *row, revision, unit.xact = found
        unit.proof = (rows.IS_CHANGED, (row[0], revision, unit.xact))
        job = job_rows.job_of(tuple(row))
        if job.state in OVER and job.id in self._holds:
            await unit.run(held_jobs.DROP, job.id)
        await charges.follow(unit, job, change)
        if job.webhook_url is not None:
            await deliveries.follow(unit, job, change)
        await self._lines.follow(unit, job)
        unit.after.append(lambda: self._feed.committed(job, revision))
        return job


async def _earlier(unit: WriteUnit, job: Job, mark: IdempotencyMark) -> Job | None:
    """An earlier call's job that is known by `mark`; else that is written. Raises KeyReused."""
    found = await unit.row(rows.MARK, *job_rows.mark_row_of(job, mark), mark.since_ms)
    if found is None:
        return None
    if mark.key is not None and found["fingerprint"] != mark.fingerprint:
        raise KeyReused(mark.key)
    row = await unit.row(rows.FIND, found["job_id"])
    return None if row is None else job_rows.job_of(tuple(row))


async def _check_ticket(unit: WriteUnit, job_id: str, settlement: Settlement) -> None:
    """Raises TicketTaken if another job of the same account was accepted under it."""
    if settlement.outcome is Outcome.ACCEPTED:
        bounds = (job_id, settlement.n, settlement.ticket)
        [(is_taken,)] = await unit.rows(rows.TICKET_TAKEN, *bounds)
        if is_taken:
            raise TicketTaken(f"{settlement.ticket}")
