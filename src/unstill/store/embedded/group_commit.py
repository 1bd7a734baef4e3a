"""Group commit: one thread that writes, and as many units in a commit as are waiting for one."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import NamedTuple, Protocol

import apsw
import structlog

from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import OwnError, ShuttingDown, StorageFailed, StorageFull
from unstill.domain.job import Job

MOST_UNITS = 256  # in one commit: the first of them waits for the last

# One unit; gives the job that it added or changed. It is done again if another unit of its commit
# fails.
Work = Callable[[apsw.Connection], Job | None]
Tell = Callable[[Job], None]

log = structlog.get_logger()


class Unit(NamedTuple):
    work: Work
    answer: asyncio.Future[Job | None]


class UnitOutcome(NamedTuple):
    unit: Unit
    job: Job | None = None
    error: Exception | None = None


class Stamp(Protocol):
    """What is written with every commit, in the transaction and after it."""

    def before_commit(self, connection: apsw.Connection) -> None: ...

    def after_commit(self) -> None: ...


class Writer:
    """Writes units in the order in which they come; one that fails undoes what it did alone.

    A unit is answered after its commit was synced, and `tell` has the job before the answer goes
    out. A caller that is cancelled leaves its write standing.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        tell: Tell,
        stamp: Stamp,
        check: Callable[[], None],
        counted: CommitCounts | None = None,
    ) -> None:
        """`check` raises OwnError where what is written would be lost; then nothing is."""
        self._connection = connection
        self._tell = tell
        self._stamp = stamp
        self._check = check
        self._counted = counted or CommitCounts()
        self._queue: SimpleQueue[list[Unit]] = SimpleQueue()  # an empty list is the last
        self._asked: list[Unit] = []  # in this turn of the event loop
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.create_future()
        # A daemon: a program that forgot to close its store can still end.
        self._thread = Thread(target=self._run, name="unstill-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Work) -> Job | None:
        """Do `work` in the next commit.

        Raises what it raised, StorageFull or StorageFailed; ShuttingDown once stopped.
        """
        if not self._is_open:
            raise ShuttingDown("the job store is closed")
        answer: asyncio.Future[Job | None] = self._loop.create_future()
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append(Unit(work, answer))
        return await answer

    async def stop(self) -> apsw.Connection:
        """Write what is queued and end the thread; the connection is the caller's again."""
        if self._is_open:
            self._is_open = False
            self._hand_over()
            self._queue.put([])
        await asyncio.shield(self._end)
        self._thread.join()
        return self._connection

    # --- on the writer thread ------------------------------------------------------------------

    def _run(self) -> None:
        while batch := self._next_batch():
            for first in range(0, len(batch), MOST_UNITS):  # a turn may have asked for more
                outcomes = self._commit(batch[first : first + MOST_UNITS])
                self._loop.call_soon_threadsafe(self._answer, outcomes)
        self._loop.call_soon_threadsafe(self._end.set_result, None)

    def _next_batch(self) -> list[Unit]:
        """What waits, at least one unit; none once the writer is stopped."""
        batch: list[Unit] = []
        units = self._queue.get()
        while units:
            batch += units
            if len(batch) >= MOST_UNITS:
                return batch
            try:
                units = self._queue.get_nowait()
            except Empty:
                return batch
        if batch:
            self._queue.put([])
        return batch

    def _commit(self, batch: Sequence[Unit]) -> list[UnitOutcome]:
        begun_s = perf_counter()
        try:
            self._check()
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = self._together(batch) or [self._attempt(unit) for unit in batch]
            self._stamp.before_commit(self._connection)
            self._connection.execute("COMMIT")
            self._stamp.after_commit()
            self._counted.times.note(perf_counter() - begun_s)
        except apsw.Error as error:
            self._counted.failed += 1
            system_errno = self._connection.system_errno
            self._roll_back()
            return [UnitOutcome(unit, error=as_own(error, system_errno)) for unit in batch]
        except OwnError as error:
            self._counted.failed += 1
            return [UnitOutcome(unit, error=error) for unit in batch]
        return outcomes

    def _together(self, batch: Sequence[Unit]) -> list[UnitOutcome] | None:
        """All of them, without a savepoint each; none, where one fails.

        Each statement hands the interpreter over and takes it back: of a submit, which is one,
        savepoints were two more.
        """
        try:
            return [UnitOutcome(unit, job=unit.work(self._connection)) for unit in batch]
        except Exception:  # each is done again, and tells its own
            if not self._connection.in_transaction:
                raise  # a full disk or a failed read: SQLite has undone all of it
            self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            return None

    def _attempt(self, unit: Unit) -> UnitOutcome:
        self._connection.execute("SAVEPOINT unit")
        try:
            outcome = UnitOutcome(unit, job=unit.work(self._connection))
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO unit")
            outcome = UnitOutcome(unit, error=self._own(error))
        self._connection.execute("RELEASE unit")
        return outcome

    def _own(self, error: Exception) -> Exception:
        if isinstance(error, apsw.Error):
            return as_own(error, self._connection.system_errno)
        return error

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error as error:
            log.warning("rollback_failed", why=str(error))

    # --- on the event loop ---------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Wake the thread once for all that was asked in a turn."""
        if self._asked:
            self._queue.put(self._asked)
            self._asked = []

    def _answer(self, outcomes: Sequence[UnitOutcome]) -> None:
        for outcome in outcomes:
            if outcome.job is not None:
                self._tell(outcome.job)
            answer = outcome.unit.answer
            if answer.done():
                continue
            if outcome.error is None:
                answer.set_result(outcome.job)
            else:
                answer.set_exception(outcome.error)


def as_own(error: apsw.Error, system_errno: int = 0) -> OwnError:
    """A database error as ours: StorageFull when room would mend it, else StorageFailed."""
    is_full = isinstance(error, apsw.FullError) or (
        isinstance(error, apsw.IOError) and system_errno in {errno.ENOSPC, errno.EDQUOT}
    )
    if is_full:
        return StorageFull("the disk of the data folder is full")
    return StorageFailed(f"the job store failed: {type(error).__name__}: {error}")
