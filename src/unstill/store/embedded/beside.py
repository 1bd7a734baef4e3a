"""A folder's store, opened beside the server that holds it, or without one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from unstill.domain.attempts import Attempt
from unstill.domain.job import State
from unstill.store import job_rows
from unstill.store.embedded import rows
from unstill.store.embedded.folder_match import BUSY_WAIT_MS, FILE
from unstill.store.embedded.group_commit import as_own
from unstill.store.embedded.moved_mark import refuse_moved

_JOBS = "SELECT id, state, attempt, engine, ticket FROM jobs ORDER BY id"
_LEDGER = f"SELECT {job_rows.ATTEMPT_NAMES} FROM attempts ORDER BY job_id, n"  # noqa: S608  - field names


class StoredJob(NamedTuple):
    """The part of a job's row that says where it is; rows of earlier releases have it too."""

    id: str
    state: State
    attempt: int
    engine: str
    ticket: str | None


def jobs_in(data_dir: Path) -> list[StoredJob]:
    """All jobs, by id; none where there is no store yet. Raises OwnError."""
    with opened_beside(data_dir, having="jobs") as connection:
        found: list[tuple[Any, ...]] = (
            [] if connection is None else connection.execute(_JOBS).fetchall()
        )
    return [
        StoredJob(job_id, State(state), attempt, engine, ticket)
        for job_id, state, attempt, engine, ticket in found
    ]


def ledger_in(data_dir: Path) -> list[Attempt]:
    """All attempts, by job, oldest first; none where there is no ledger yet. Raises OwnError."""
    with opened_beside(data_dir, having="attempts") as connection:
        found = [] if connection is None else connection.execute(_LEDGER).fetchall()
    return [job_rows.attempt_of(row) for row in found]


def attempts_in(data_dir: Path, account: str, limit: int) -> Sequence[Attempt]:
    """The account's settled attempts, newest first. Raises OwnError."""
    with opened_beside(data_dir, having="attempts") as connection:
        if connection is None:
            return []
        found = connection.execute(rows.RECENT_ATTEMPTS, (account, limit)).fetchall()
    return [job_rows.attempt_of(row) for row in found]


@contextmanager
def opened_beside(
    data_dir: Path, *, having: str, writes: bool = False
) -> Iterator[apsw.Connection | None]:
    """None where there is no store, or one of a release without the table `having`.

    With `writes`, what is committed is durable: by `transaction`. Raises StoreRefused with it where
    the jobs were moved elsewhere, OwnError.
    """
    file = data_dir / FILE
    if not file.exists():
        yield None
        return
    if writes:
        refuse_moved(data_dir)
    flags = apsw.SQLITE_OPEN_READWRITE if writes else apsw.SQLITE_OPEN_READONLY
    try:
        with closing(apsw.Connection(str(file), flags=flags)) as connection:
            connection.set_busy_timeout(BUSY_WAIT_MS)
            if writes:
                connection.pragma("synchronous", "full")
            yield connection if connection.table_exists(None, having) else None
    except apsw.Error as error:
        raise as_own(error) from error


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All that is written in it, or nothing of it."""
    # Not `with connection`: that waits for the lock without letting another thread go on, which
    # may be the one that has it.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
