"""Jobs that go on from the calls of others, as rows, in a unit at hand."""

from __future__ import annotations

from unstill.domain.continuation import Continuation, GoingOn, JobLinks
from unstill.store import job_rows
from unstill.store.postgres import charges, rows
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.texts import sealed

_NAMES = "job_id, continued_by, ticket, at_ms"
_INSERT = f"INSERT INTO continuations ({_NAMES}, seal) VALUES ($1, $2, $3, $4, $5)"  # noqa: S608  - our names
_OF = f"SELECT {_NAMES} FROM continuations WHERE job_id = $1"  # noqa: S608  - our names
_LINKS = (
    "SELECT (SELECT job_id FROM continuations WHERE continued_by = $1), "
    "(SELECT continued_by FROM continuations WHERE job_id = $1)"
)


async def found_in(unit: WriteUnit, job_id: str) -> Continuation | None:
    """That of a job's call, if there is one."""
    found = await unit.row(_OF, job_id)
    return None if found is None else Continuation(*found)


async def links_of(database: Database, job_id: str) -> JobLinks:
    """As the port has it."""
    [links] = await database.rows(_LINKS, job_id)
    return JobLinks(*links)


async def write(unit: WriteUnit, going_on: GoingOn) -> int:
    """Write a job that goes on, with all that it begins with; the revision of its row."""
    said = going_on.continuation
    values = (said.job_id, said.continued_by, said.ticket, said.at_ms)
    await unit.run(_INSERT, *values, sealed(values))
    [(revision, unit.xact)] = await unit.rows(rows.INSERT, *job_rows.row_of(going_on.job))
    await unit.run(rows.INTEND, *job_rows.attempt_row_of(going_on.call))
    if going_on.reserve is not None:
        await charges.write(unit, [going_on.reserve], going_on.reserve)
    return int(revision)
