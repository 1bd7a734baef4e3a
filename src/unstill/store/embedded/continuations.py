"""Jobs that go on from the calls of others, as rows, in a transaction at hand."""

from __future__ import annotations

from typing import Any

import apsw

from unstill.domain.continuation import Continuation, GoingOn, JobLinks
from unstill.store import job_rows
from unstill.store.embedded import charges, rows
from unstill.store.seals import seal_of

TABLE = "continuations"

_NAMES = "job_id, continued_by, ticket, at_ms"
_INSERT = f"INSERT INTO continuations ({_NAMES}, seal) VALUES (?, ?, ?, ?, ?)"  # noqa: S608  - our names
_OF = f"SELECT {_NAMES} FROM continuations WHERE job_id = ?"  # noqa: S608  - our names
_BEFORE = "SELECT job_id FROM continuations WHERE continued_by = ?"


def found_in(connection: apsw.Connection, job_id: str) -> Continuation | None:
    """That of a job's call, if there is one."""
    found: list[tuple[Any, ...]] = connection.execute(_OF, (job_id,)).fetchall()
    return Continuation(*found[0]) if found else None


def links_in(connection: apsw.Connection, job_id: str) -> JobLinks:
    """As the port has it."""
    following = found_in(connection, job_id)
    before: list[tuple[Any, ...]] = connection.execute(_BEFORE, (job_id,)).fetchall()
    return JobLinks(
        continues=f"{before[0][0]}" if before else None,
        continued_by=None if following is None else following.continued_by,
    )


def write(connection: apsw.Connection, going_on: GoingOn) -> None:
    """Write a job that goes on, with all that it begins with."""
    said = going_on.continuation
    values = (said.job_id, said.continued_by, said.ticket, said.at_ms)
    connection.execute(_INSERT, (*values, seal_of(values)))
    connection.execute(rows.INSERT, job_rows.row_of(going_on.job))
    connection.execute(rows.INTEND, job_rows.attempt_row_of(going_on.call))
    if going_on.reserve is not None:
        charges.write(connection, [going_on.reserve], going_on.reserve)
