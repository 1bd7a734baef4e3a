"""Held jobs: those of a recovered store that may have been sent and paid for since its copy.

None of them makes a call that may cost before an operator releases it, which another process may
do: while there are any, a store looks every two seconds which of them are left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import structlog

from unstill.backend.belonging import BUSY_WAIT_MS, FILE
from unstill.backend.connections import Reader
from unstill.backend.deadlines import last_up_ms
from unstill.backend.writer import as_own
from unstill.errors import StorageFailed, StorageFull
from unstill.job import FINAL, State

LOOK_EVERY_S = 2.0
SENT = FINAL | {State.RUNNING}  # an upstream has it, or nobody will: it is held no more

ALL = "SELECT job_id FROM held ORDER BY job_id"
COUNT = "SELECT count(*) FROM held"
DROP = "DELETE FROM held WHERE job_id = ?"
_RELEASE = "DELETE FROM held {which} RETURNING job_id"
# What was held could not be tried meanwhile.
_PUT_OFF_DEADLINE = "UPDATE jobs SET deadline_ms = max(deadline_ms, ?) WHERE id = ?"

log = structlog.get_logger()


class Holds:
    """Of an open store."""

    def __init__(self, ledger: Reader, released: Callable[[str], None]) -> None:
        """`released` is told of each job that is held no more."""
        self._ledger = ledger
        self._released = released
        self._ids: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        self._ids = await self._read()
        if self._ids:
            log.warning("jobs_held", count=len(self._ids), mend="unstill jobs release")
            self._looking = asyncio.create_task(self._look())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    async def _look(self) -> None:
        while self._ids:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                [(count,)] = await self._ledger.select(COUNT)
                left = self._ids if count == len(self._ids) else await self._read()
            except (StorageFailed, StorageFull) as error:
                log.warning("held_jobs_not_read", why=error.message)
                continue
            gone, self._ids = self._ids - left, left
            for job_id in sorted(gone):
                self._released(job_id)
            if gone:
                log.info("jobs_released", count=len(gone), held=len(left))

    async def _read(self) -> set[str]:
        return {job_id for (job_id,) in await self._ledger.select(ALL)}


def hold(connection: apsw.Connection, local_engines: Collection[str]) -> int:
    """Hold all that may yet be sent to an engine other than these; how many are held then.

    Those in the midst of a call too: it may have been refused, and another one paid for since.
    """
    engines = tuple(local_engines)
    connection.execute(
        "INSERT OR IGNORE INTO held SELECT id FROM jobs "  # noqa: S608  - places
        "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') "
        "AND state IN ('queued', 'ready', 'submitting') "
        f"AND engine NOT IN ({', '.join('?' * len(engines))})",
        engines,
    )
    count: int = connection.execute(COUNT).get
    return count


# --- beside a running server, or without one ---------------------------------------------------


def held_in(data_dir: Path) -> list[str]:
    """The held jobs, oldest first; none where there is no store yet. Raises OwnError."""
    with _opened(data_dir, apsw.SQLITE_OPEN_READONLY) as connection:
        if connection is None:
            return []
        return [f"{job_id}" for (job_id,) in connection.execute(ALL).fetchall()]


def release_in(data_dir: Path, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> list[str]:
    """Let these jobs go, or all without any id; the ids of those that were held.

    They have `within_ms` again until their deadline, by the clock of the server that is up, or was
    (uptime.py); by `now_ms` if none ever was. Durable when it returns. Raises OwnError.
    """
    with _opened(data_dir, apsw.SQLITE_OPEN_READWRITE) as connection:
        if connection is None:
            return []
        connection.pragma("synchronous", "full")
        connection.transaction_mode = "IMMEDIATE"
        with connection:
            if job_ids:
                one = _RELEASE.format(which="WHERE job_id = ?")
                cursors = (connection.execute(one, (each,)) for each in job_ids)
                found = [row for cursor in cursors for row in cursor.fetchall()]
            else:
                found = connection.execute(_RELEASE.format(which="")).fetchall()
            released = sorted(f"{job_id}" for (job_id,) in found)
            deadline_ms = (last_up_ms(connection) or now_ms) + within_ms
            connection.executemany(
                _PUT_OFF_DEADLINE, [(deadline_ms, job_id) for job_id in released]
            )
    return released


@contextmanager
def _opened(data_dir: Path, flags: int) -> Iterator[apsw.Connection | None]:
    """None where there is no store, or one of a release that held no jobs."""
    file = data_dir / FILE
    if not file.exists():
        yield None
        return
    try:
        with closing(apsw.Connection(str(file), flags=flags)) as connection:
            connection.set_busy_timeout(BUSY_WAIT_MS)
            yield connection if connection.table_exists(None, "held") else None
    except apsw.Error as error:
        raise as_own(error) from error
