"""What a server has written of its jobs: rows and ledger, read beside it or after its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import apsw
import msgspec

from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.job import State

T = TypeVar("T", bound=msgspec.Struct)

_JOBS = "SELECT id, state, attempt, engine, ticket FROM jobs ORDER BY id"
_ATTEMPTS = (
    "SELECT job_id, n, engine, account, upstream_model, intent_ms, submit_by_ms, outcome, ticket,"
    " code, message, of_account, retry_after_ms, settled_ms FROM attempts ORDER BY job_id, n"
)


class Row(msgspec.Struct, frozen=True):
    """The part of `Job` that says where a job is."""

    id: str
    state: State
    attempt: int
    engine: str
    ticket: str | None


def rows(data_dir: Path) -> dict[str, Row]:
    """Every job's row, by its id."""
    return {row.id: row for row in _read(data_dir, _JOBS, Row)}


def attempts(data_dir: Path, job_id: str) -> list[Attempt]:
    """The job's ledger, oldest first."""
    return [each for each in ledger(data_dir) if each.job_id == job_id]


def ledger(data_dir: Path) -> Sequence[Attempt]:
    return _read(data_dir, _ATTEMPTS, Attempt)


def outcomes(data_dir: Path, job_id: str) -> list[tuple[str, Outcome]]:
    """Whom the job was given to and what it came to, in order."""
    return [(each.engine, each.outcome) for each in attempts(data_dir, job_id)]


def _read(data_dir: Path, query: str, kind: type[T]) -> list[T]:
    connection = apsw.Connection(str(data_dir / "unstill.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        found = connection.execute(query)
        names = kind.__struct_fields__
        return [
            msgspec.convert(dict(zip(names, row, strict=True)), kind, strict=False) for row in found
        ]
    finally:
        connection.close()
