"""Held jobs: those of a recovered store that may have been sent and paid for since its copy.

None of them makes a call that may cost before an operator releases it, which another process may
do: while there are any, a store looks every two seconds which of them are left. One that runs at
an upstream waits for nobody; it is held in case it comes back, lost there and perhaps paid for
elsewhere since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import structlog

from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.job import FINAL, Job, State
from unstill.store.embedded.call_journal import noted_in
from unstill.store.embedded.connections import Reader
from unstill.store.embedded.downtime import last_up_ms
from unstill.store.embedded.folder_match import BUSY_WAIT_MS, FILE
from unstill.store.embedded.group_commit import as_own

LOOK_EVERY_S = 2.0
WAITING = frozenset({State.QUEUED, State.READY})  # for the operator's word
OVER = FINAL | {State.SAVING}  # no call can follow: it is held no more

COUNT = "SELECT count(*) FROM held"
DROP = "DELETE FROM held WHERE job_id = ?"
_ALL = "SELECT job_id, state FROM held JOIN jobs ON id = job_id"
_WAITING = "SELECT id FROM jobs WHERE id = job_id AND state IN ('queued', 'ready')"
_ALL_WAITING = f"SELECT job_id FROM held WHERE EXISTS ({_WAITING}) ORDER BY job_id"  # noqa: S608
_RELEASE = f"DELETE FROM held WHERE EXISTS ({_WAITING}) {{which}} RETURNING job_id"  # noqa: S608
# What was held could not be tried meanwhile.
_PUT_OFF_DEADLINE = "UPDATE jobs SET deadline_ms = max(deadline_ms, ?) WHERE id = ?"
_LAST_CALL = (
    "SELECT n, engine, ticket FROM attempts WHERE job_id = ? "
    "AND outcome IN ('open', 'accepted', 'unknown') ORDER BY n DESC LIMIT 1"
)

log = structlog.get_logger()


class Holds:
    """Knows which jobs of an open store are held."""

    def __init__(self, ledger: Reader, released: Callable[[str], None]) -> None:
        """`released` is told of each job that waits no more."""
        self._ledger = ledger
        self._released = released
        self._ids: set[str] = set()
        self._waiting: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        found = await self._read()
        self._ids = set(found)
        self._waiting = {job_id for job_id, state in found.items() if state in WAITING}
        if self._waiting:
            self._tell()
        if self._ids:
            self._looking = asyncio.create_task(self._look())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._ids

    @property
    def waiting(self) -> int:
        """How many wait for the operator's word."""
        return len(self._waiting)

    def changed(self, job: Job) -> None:
        """Follow a job; told after the commit."""
        if job.id not in self._ids:
            return
        if job.state in OVER:
            self._ids.discard(job.id)
        if job.state not in WAITING:
            self._waiting.discard(job.id)
        elif job.id not in self._waiting:  # lost by its upstream, or not taken after all
            self._waiting.add(job.id)
            self._tell()

    def _tell(self) -> None:
        log.warning("jobs_held", count=len(self._waiting), mend="unstill jobs release")

    async def _look(self) -> None:
        while self._ids:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                [(count,)] = await self._ledger.select(COUNT)
                left = self._ids if count == len(self._ids) else set(await self._read())
            except (StorageFailed, StorageFull) as error:
                log.warning("held_jobs_not_read", why=error.message)
                continue
            released = self._waiting - left
            self._ids &= left
            self._waiting -= released
            for job_id in sorted(released):
                self._released(job_id)
            if released:
                log.info("jobs_released", count=len(released), held=len(self._waiting))

    async def _read(self) -> Mapping[str, State]:
        return {job_id: State(state) for job_id, state in await self._ledger.select(_ALL)}


def hold(connection: apsw.Connection, local_engines: Collection[str]) -> int:
    """Hold all that may yet be sent to an engine other than these; how many wait then.

    Those in the midst of a call too: it may have been refused, and another one paid for since. And
    those that run at an upstream: one that is free to repeat may have lost them, or will.
    """
    engines = tuple(local_engines)
    connection.execute(
        "INSERT OR IGNORE INTO held SELECT id FROM jobs "  # noqa: S608  - places
        "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') "
        "AND state IN ('queued', 'ready', 'submitting', 'running') "
        f"AND engine NOT IN ({', '.join('?' * len(engines))})",
        engines,
    )
    return len(connection.execute(_ALL_WAITING).fetchall())


# --- beside a running server, or without one ---------------------------------------------------


class Released(NamedTuple):
    """What came of a release."""

    job_ids: Sequence[str]  # that are held no more
    sent: Mapping[str, str]  # others that were asked for and an engine may have: which


def held_in(data_dir: Path) -> list[str]:
    """The jobs that wait for a release, oldest first; none where there is no store yet.

    Raises OwnError.
    """
    with _opened(data_dir, apsw.SQLITE_OPEN_READONLY) as connection:
        if connection is None:
            return []
        return [f"{job_id}" for (job_id,) in connection.execute(_ALL_WAITING).fetchall()]


def release_in(data_dir: Path, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
    """Let these jobs go, or all that wait without any id.

    They have `within_ms` again until their deadline, by the clock of the server that is up, or was
    (steps/uptime.py); by `now_ms` if none ever was. Durable when it returns. Raises OwnError.
    """
    with _opened(data_dir, apsw.SQLITE_OPEN_READWRITE) as connection:
        if connection is None:
            return Released([], {})
        connection.pragma("synchronous", "full")
        connection.transaction_mode = "IMMEDIATE"
        with connection:
            if job_ids:
                one = _RELEASE.format(which="AND job_id = ?")
                cursors = (connection.execute(one, (each,)) for each in job_ids)
                found = [row for cursor in cursors for row in cursor.fetchall()]
            else:
                found = connection.execute(_RELEASE.format(which="")).fetchall()
            released = sorted(f"{job_id}" for (job_id,) in found)
            deadline_ms = (last_up_ms(connection) or now_ms) + within_ms
            connection.executemany(
                _PUT_OFF_DEADLINE, [(deadline_ms, job_id) for job_id in released]
            )
        others = [job_id for job_id in job_ids if job_id not in released]
        return Released(released, _sent(connection, data_dir, others))


def _sent(connection: apsw.Connection, data_dir: Path, job_ids: Sequence[str]) -> Mapping[str, str]:
    """Which of these jobs an engine may have taken, and what it knows them by, if that is known."""
    noted = noted_in(data_dir) if job_ids else {}
    sent: dict[str, str] = {}
    for job_id in job_ids:
        rows: list[tuple[Any, ...]] = connection.execute(_LAST_CALL, (job_id,)).fetchall()
        for n, engine, ticket in rows:
            call = noted.get((job_id, n))
            known = ticket or (call.attempt.ticket if call is not None else None)
            sent[job_id] = f"{engine}, as {known}" if known else f"{engine}"
    return sent


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
