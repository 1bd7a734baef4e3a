"""The embedded job store: one SQLite file, and lanes in memory.

One process holds the folder. A job is read by its id on the event loop (a few microseconds),
everything else in a thread: callers' lists in one, what the server itself asks in another. One
thread writes with group commit and `synchronous=FULL`: what was answered survives a power cut. APSW
brings a SQLite of its own: before 3.51.3 two connections that write and checkpoint a WAL together
may corrupt it (sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import structlog

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.delivery import Delivery
from unstill.domain.errors import BadSetting, KeyReused, ShuttingDown, StorageFull, TicketTaken
from unstill.domain.job import Change, IdempotencyMark, Job, first_id, lane_of
from unstill.domain.log_fields import job_fields
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.store.embedded import deliveries, downtime, held_jobs, rows
from unstill.store.embedded.call_journal import NotedCall
from unstill.store.embedded.folder_lock import FolderLock
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.group_commit import Work, as_own
from unstill.store.embedded.open_store import Opened, open_store
from unstill.store.lanes import Lanes
from unstill.store.port import (
    CursorPage,
    Lane,
    Listener,
    OffsetPage,
    RenderTime,
    TicketRow,
    UnfinishedJob,
    Where,
)
from unstill.system.clock import clock_ms as system_clock_ms

LOCK_WAIT_S = 5.0  # for a predecessor that is shutting down
CHUNK = 1_000  # rows read at once when all unfinished jobs are asked for

log = structlog.get_logger()


def attempts_in(data_dir: Path, account: str, limit: int) -> Sequence[Attempt]:
    """The account's settled attempts, newest first, read beside a server that holds the folder."""
    file = data_dir / FILE
    if not file.exists():
        return []
    with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        try:
            found = connection.execute(rows.RECENT_ATTEMPTS, (account, limit)).fetchall()
        except apsw.Error:  # a file of the first schema has no ledger
            return []
    return [rows.attempt_of(row) for row in found]


class EmbeddedBackend:
    """A `Backend` in the folder `data_dir`.

    vfs: the name of the SQLite VFS that the file is opened with, None for SQLite's own.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
        vfs: str | None = None,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        self._data_dir = data_dir
        self._lock = FolderLock(data_dir)
        self._lock_wait_s = lock_wait_s
        self._vfs = vfs
        self._opened: Opened | None = None
        self._lanes = Lanes(self._look, clock_ms)
        self._told: Sequence[Listener] = ()  # of each commit, in this order

    # --- life ----------------------------------------------------------------------------------

    async def open(self, listeners: Sequence[Listener] = ()) -> None:
        await self._take_folder()
        try:
            self._opened = await open_store(
                self._data_dir, self._vfs, tell=self._tell, released=self._wake
            )
            self._told = (self._opened.holds.changed, self._lanes.offer, *listeners)
            await self._opened.startup()
            await self._place_unfinished()
        except BaseException:
            await self.close()
            self._lock.release()
            raise

    @property
    def store_id(self) -> str:
        return self._store.generation.store

    def is_held(self, job_id: str) -> bool:
        return job_id in self._store.holds

    @property
    def held(self) -> int:
        return self._store.holds.waiting

    def check(self) -> None:
        self._store.presence.check()

    def _wake(self, job_id: str) -> None:
        job = self._look(job_id)
        if job is not None:
            self._lanes.offer(job)

    async def _place_unfinished(self) -> None:
        async for places in self.unfinished():
            for place in places:
                lane = lane_of(place.state, place.engine, place.due_ms)
                if lane is not None:
                    self._lanes.wait(place.job_id, place.owner, lane, place.due_ms)

    def serve(self, lanes: Sequence[Lane]) -> None:
        self._lanes.serve(lanes)

    async def rest(self, timeout_s: float) -> None:
        await self._lanes.rest(timeout_s)

    async def close(self) -> None:
        await self._lanes.rest(0)
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()
            self._lock.release()

    async def _take_folder(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            await self._lock.take(self._lock_wait_s)
        except OSError as error:
            raise BadSetting("server.data_dir", f"{error.filename}: {error.strerror}") from error

    # --- reads ---------------------------------------------------------------------------------

    async def find(self, job_id: str) -> Job | None:
        return self._look(job_id)

    async def marked(self, owner: Owner, mark: IdempotencyMark) -> Job | None:
        return await self._store.ledger.read(lambda connection: _marked(connection, owner, mark))

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        lists = self._store.lists
        return await lists.page(owner, limit=limit, after=after, newest_first=newest_first)

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        return await self._store.lists.list_by_offset(owner, where, offset=offset, limit=limit)

    async def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        after = ""
        while found := await self._store.ledger.select(rows.PLACES, (after, CHUNK)):
            places = [rows.unfinished_job_of(row) for row in found]
            yield places
            after = places[-1].job_id

    async def times(self, limit: int) -> Sequence[RenderTime]:
        return [RenderTime(*row) for row in await self._store.ledger.select(rows.TIMES, (limit,))]

    async def interrupted(self) -> Sequence[Job]:
        return [rows.job_of(row) for row in await self._store.ledger.select(rows.INTERRUPTED)]

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        bounds = (after, first_id(before_ms), CHUNK)
        return [job_id for (job_id,) in await self._store.ledger.select(rows.LONG_DELETED, bounds)]

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for first in range(0, len(job_ids), CHUNK):
            chunk = tuple(job_ids[first : first + CHUNK])
            for job_id, is_needed in await self._store.ledger.select(
                rows.needed(len(chunk)), chunk
            ):
                found[job_id] = is_needed == 1
        return found

    async def waited_for(self) -> Sequence[str]:
        return [engine for (engine,) in await self._store.ledger.select(rows.WAITED_FOR)]

    async def tickets(self) -> AsyncIterator[Sequence[TicketRow]]:
        after = ""
        while found := await self._store.ledger.select(rows.TICKETS, (after, CHUNK)):
            tickets = [rows.ticket_of(row) for row in found]
            yield tickets
            after = tickets[-1].job_id

    async def attempts(self, job_id: str) -> Sequence[Attempt]:
        found = await self._store.ledger.select(rows.ATTEMPTS, (job_id,))
        return [rows.attempt_of(row) for row in found]

    async def recent_attempts(self, account: str, limit: int) -> Sequence[Attempt]:
        found = await self._store.ledger.select(rows.RECENT_ATTEMPTS, (account, limit))
        return [rows.attempt_of(row) for row in found]

    async def due_deliveries(
        self,
        by_ms: int,
        *,
        limit: int,
        without: Collection[str] = (),
        without_owners: Collection[Owner] = (),
    ) -> Sequence[Delivery]:
        sql = deliveries.due_sql(without, without_owners)
        found = await self._store.ledger.select(sql, (by_ms, *without, *without_owners, limit))
        return [deliveries.delivery_of(row) for row in found]

    def _look(self, job_id: str) -> Job | None:
        try:
            # To the last row: a cursor that is held open would serve the state of its first.
            found = self._store.find(rows.FIND, (job_id,)).fetchall()
        except apsw.Error as error:
            raise as_own(error) from error
        return rows.job_of(found[0]) if found else None

    # --- writes --------------------------------------------------------------------------------

    async def add(self, job: Job, *, mark: IdempotencyMark | None = None) -> Job:
        values = rows.row_of(job)
        earlier: list[Job] = []

        def insert(connection: apsw.Connection) -> Job | None:
            if mark is not None:
                found = _marked(connection, job.owner, mark)
                if found is not None:
                    earlier.append(found)
                    return None  # nothing to tell of
                connection.execute(rows.MARK, rows.mark_row_of(job, mark))
            connection.execute(rows.INSERT, values)
            return job

        added = await self._write(insert)
        return earlier[-1] if added is None else added

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        sql, values = rows.update(job_id, change, attempt)

        def update(connection: apsw.Connection) -> Job | None:
            changed = connection.execute(sql, values).fetchall()
            if changed and change.opens is not None:
                self._store.generation.demand()
                connection.execute(rows.INTEND, rows.attempt_row_of(change.opens))
            if change.closes is not None:
                _check_ticket(connection, job_id, change.closes)
                connection.execute(rows.SETTLE, rows.settlement_row_of(job_id, change.closes))
            job = rows.job_of(changed[0]) if changed else None
            if job is not None and job.state in held_jobs.OVER and job.id in self._store.holds:
                connection.execute(held_jobs.DROP, (job.id,))
            if job is not None and job.webhook_url is not None:
                deliveries.follow(connection, job, change)
            return job

        try:
            job = await self._write(update)
        except StorageFull:
            if not (change.ends_by_owner and self._store.reserve.give_up()):
                raise
            job = await self._write(update)  # it makes room
        if change.closes is not None:
            self._store.ahead.committed(job_id, change.closes.n)
        return job

    async def note_ahead(self, attempt: Attempt, size: Size | None, *, lasts: bool = False) -> None:
        self._store.ahead.note(NotedCall(attempt, size))
        if lasts:
            await asyncio.to_thread(self._store.ahead.sync)

    def noted_ahead(self, job_id: str, n: int) -> Attempt | None:
        return self._store.ahead.of(job_id, n)

    def forget_ahead(self) -> None:
        self._store.ahead.forget()

    async def forget(self, job_id: str) -> None:
        def delete(connection: apsw.Connection) -> None:
            connection.execute(rows.FORGET, (job_id,))
            connection.execute(rows.FORGET_ATTEMPTS, (job_id,))
            connection.execute(rows.FORGET_MARK, (job_id,))
            connection.execute(deliveries.FORGET, (job_id,))

        await self._write(delete)

    async def last_up_ms(self) -> int:
        return await self._store.ledger.read(downtime.last_up_ms)

    async def count_from(self, now_ms: int) -> int:
        away_ms: list[int] = []

        def move(connection: apsw.Connection) -> None:
            away_ms.append(downtime.count_from(connection, now_ms))

        await self._write(move)
        return away_ms[-1]

    async def note_up(self, now_ms: int) -> None:
        def note(connection: apsw.Connection) -> None:
            downtime.note_up(connection, now_ms)

        await self._write(note)

    async def settle_delivery(self, delivery: Delivery) -> None:
        await self._execute(deliveries.SETTLE, deliveries.settlement_of(delivery))

    async def owe_at_once(self, now_ms: int, *, until_ms: int) -> None:
        await self._execute(deliveries.OWE_AT_ONCE, (now_ms, until_ms))

    async def _execute(self, sql: str, bounds: tuple[rows.Value, ...]) -> None:
        """One statement that changes no job."""

        def execute(connection: apsw.Connection) -> None:
            connection.execute(sql, bounds)

        await self._write(execute)

    async def _write(self, work: Work) -> Job | None:
        return await self._store.writer.write(work)

    def _tell(self, job: Job) -> None:
        for listener in self._told:
            try:
                listener(job)
            except Exception:  # the other listeners, and who waits for the write, need not suffer
                log.exception("listener_failed", **job_fields(job), state=job.state)

    # --- the open store ------------------------------------------------------------------------

    @property
    def _store(self) -> Opened:
        if self._opened is None:
            raise ShuttingDown("the job store is not open")
        return self._opened


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
    return rows.job_of(connection.execute(rows.FIND, (found[0][0],)).fetchall()[0])
