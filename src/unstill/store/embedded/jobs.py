"""Jobs as rows: each is read on the event loop, and written with what its change means elsewhere.

A change, the attempt that it opens or closes, what it means for the book of money and the delivery
that it owes are one unit of a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import apsw

from unstill.domain.attempts import Outcome, Settlement
from unstill.domain.errors import KeyReused, StorageFull, TicketTaken
from unstill.domain.job import Change, IdempotencyMark, Job
from unstill.domain.money import ChargeReserve
from unstill.domain.moves import JobMove
from unstill.domain.owner import Owner
from unstill.store import holds, job_rows
from unstill.store.embedded import charges, deliveries, job_updates, rows
from unstill.store.embedded.group_commit import as_own
from unstill.store.embedded.handle import Handle
from unstill.store.move_texts import moves_in


class EmbeddedJobs:
    def __init__(self, handle: Handle, clock_ms: Callable[[], int]) -> None:
        self._handle = handle
        self._clock_ms = clock_ms

    def look(self, job_id: str) -> Job | None:
        """The job's row as it is now. Raises StorageFailed."""
        try:
            # To the last row: a cursor that is held open would serve the state of its first.
            found = self._handle.opened.find(rows.FIND, (job_id,)).fetchall()
        except apsw.Error as error:
            raise as_own(error) from error
        return job_rows.job_of(found[0]) if found else None

    async def find(self, job_id: str) -> Job | None:
        return self.look(job_id)

    async def moves(self, job: Job) -> Sequence[JobMove]:
        try:
            found = self._handle.opened.find(rows.MOVES_OF, (job.id,)).fetchall()
        except apsw.Error as error:
            raise as_own(error) from error
        return moves_in(f"{found[0][0]}", job.created_ms) if found else ()

    async def marked(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: _marked(connection, owner, mark))

    async def add(
        self,
        job: Job,
        *,
        mark: IdempotencyMark | None = None,
        reserve: ChargeReserve | None = None,
    ) -> Job:
        values = job_rows.row_of(job)
        earlier: list[Job] = []

        def insert(connection: apsw.Connection) -> Job | None:
            if mark is not None:
                found = _marked(connection, job.owner, mark)
                if found is not None:
                    earlier.append(found)
                    return None  # nothing to tell of
                connection.execute(rows.MARK, job_rows.mark_row_of(job, mark))
            connection.execute(rows.INSERT, values)
            if reserve is not None:
                charges.reserve(connection, reserve)
            return job

        added = await self._handle.opened.writer.write(insert)
        return earlier[-1] if added is None else added

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        sql, values = job_updates.update(job_id, change, attempt, self._clock_ms())
        opened = self._handle.opened
        if change.lease is not None:
            opened.leases.hold(change.lease)

        def update(connection: apsw.Connection) -> Job | None:
            changed = connection.execute(sql, values).fetchall()
            if changed and change.opens is not None:
                opened.generation.demand()
                connection.execute(rows.INTEND, job_rows.attempt_row_of(change.opens))
            if change.closes is not None:
                _check_ticket(connection, job_id, change.closes)
                connection.execute(rows.SETTLE, job_rows.settlement_row_of(job_id, change.closes))
            job = job_rows.job_of(changed[0]) if changed else None
            if job is not None:
                _follow(connection, job, change, held=job.id in opened.holds)
            return job

        try:
            job = await opened.writer.write(update)
        except StorageFull:
            if not (change.ends_by_owner and opened.reserve.give_up()):
                raise
            job = await opened.writer.write(update)  # it makes room
        if change.closes is not None:
            opened.ahead.committed(job_id, change.closes.n)
        return job


def _follow(connection: apsw.Connection, job: Job, change: Change, *, held: bool) -> None:
    """Write what a change means elsewhere."""
    if held and job.state in holds.OVER:
        connection.execute(holds.DROP, (job.id,))
    charges.follow(connection, job, change)
    if job.webhook_url is not None:
        deliveries.follow(connection, job, change)


def _check_ticket(connection: apsw.Connection, job_id: str, settlement: Settlement) -> None:
    """Raises TicketTaken if another job of the same account was accepted under it."""
    if settlement.outcome is Outcome.ACCEPTED:
        bounds = (job_id, settlement.n, settlement.ticket)
        if connection.execute(rows.TICKET_TAKEN, bounds).fetchall():
            raise TicketTaken(f"{settlement.ticket}")


def _marked(connection: apsw.Connection, owner: Owner, mark: IdempotencyMark) -> Job | None:
    """The job of an earlier call that is known by `mark`; raises KeyReused."""
    if mark.key is not None:
        found = connection.execute(rows.MARKED_BY_KEY, (owner, mark.key)).fetchall()
        if found and found[0][1] != mark.fingerprint:
            raise KeyReused(mark.key)
    elif mark.since_ms is not None:
        bounds = (owner, mark.fingerprint, mark.since_ms)
        found = connection.execute(rows.MARKED_BY_FINGERPRINT, bounds).fetchall()
    else:
        return None
    if not found:
        return None
    return job_rows.job_of(connection.execute(rows.FIND, (found[0][0],)).fetchall()[0])
