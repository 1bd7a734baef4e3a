"""The SQL of jobs, the ledger and marks. How values stand in their columns: job_rows.py."""

from __future__ import annotations

from functools import cache

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.job import Change
from unstill.domain.lease import LEASE_MS
from unstill.store.change_shape import ChangeShape, shape_of
from unstill.store.job_rows import (
    COLUMNS,
    FINAL_STATES,
    NAMES,
    Value,
    value_of,
)
from unstill.store.move_texts import at_ms_of, noting_sql


def places(first: int, count: int) -> str:
    """`$1, $2`, of so many parameters from the `first` on."""
    return ", ".join(f"${first + each}" for each in range(count))


INSERT = (
    f"INSERT INTO jobs ({NAMES}) VALUES ({places(1, len(COLUMNS))}) "  # noqa: S608  - field names
    "RETURNING revision, xact::text"
)
MOVES_OF = "SELECT moves FROM jobs WHERE id = $1"
FIND = f"SELECT {NAMES} FROM jobs WHERE id = $1"  # noqa: S608  - field names

# Whether a unit was committed, after a crash of the database.
IS_ADDED = "SELECT 1 FROM jobs WHERE id = $1"
IS_CHANGED = (
    "SELECT 1 FROM jobs WHERE id = $1 "
    "AND (revision > $2 OR (revision = $2 AND xact = $3::text::xid8))"
)
IS_SETTLED = (
    "SELECT 1 FROM attempts WHERE job_id = $1 AND n = $2 AND outcome = $3 "
    "AND ticket IS NOT DISTINCT FROM $4"
)

# One statement of the function `marked`: the earlier call's job and its fingerprint, or nothing,
# and then the mark is written.
MARK = "SELECT job_id, fingerprint FROM marked($1, $2, $3, $4, $5, $6)"
MARKED_BY_KEY = "SELECT job_id, fingerprint FROM marks WHERE owner = $1 AND key = $2"
MARKED_BY_FINGERPRINT = (
    "SELECT job_id FROM marks WHERE owner = $1 AND fingerprint = $2 AND created_ms >= $3 "
    "AND key IS NULL AND EXISTS (SELECT 1 FROM jobs WHERE id = job_id AND is_hidden = 0) "
    "ORDER BY created_ms DESC, job_id DESC LIMIT 1"
)

ATTEMPT_COLUMNS = Attempt.__struct_fields__
SETTLED_COLUMNS = tuple(each for each in Settlement.__struct_fields__ if each != "n")
ATTEMPT_NAMES = ", ".join(ATTEMPT_COLUMNS)

INTEND = f"INSERT INTO attempts ({ATTEMPT_NAMES}) VALUES ({places(1, len(ATTEMPT_COLUMNS))})"  # noqa: S608  - field names
_SETTLED = ", ".join(f"{name} = ${n}" for n, name in enumerate(SETTLED_COLUMNS, 1))
SETTLE = (
    f"UPDATE attempts SET {_SETTLED} "  # noqa: S608  - field names
    f"WHERE job_id = ${len(SETTLED_COLUMNS) + 1} AND n = ${len(SETTLED_COLUMNS) + 2} "
    f"AND outcome IN ('{Outcome.OPEN}', '{Outcome.UNKNOWN}')"
)
# Parameters: the job, its attempt, the ticket that it was given.
TICKET_TAKEN = "SELECT ticket_taken($1, $2, $3)"
ATTEMPTS = f"SELECT {ATTEMPT_NAMES} FROM attempts WHERE job_id = $1 ORDER BY n"  # noqa: S608  - field names
RECENT_ATTEMPTS = (
    f"SELECT {ATTEMPT_NAMES} FROM attempts "  # noqa: S608  - field names
    "WHERE account = $1 AND settled_ms IS NOT NULL ORDER BY settled_ms DESC, job_id DESC LIMIT $2"
)

# The conditions are word for word those of the indexes, or they are not used.
TICKETS = (
    "SELECT id, attempt, engine, ticket, coalesce(upstream_model, ''), coalesce(started_ms, 0), "
    "deadline_ms, wants_cancel, owner, request_id, trace FROM jobs "
    "WHERE state = 'running' AND ticket IS NOT NULL AND id > $1 "
    "AND ($3::text[] IS NULL OR engine = ANY($3)) ORDER BY id LIMIT $2"
)
# Parameters: who asks, and the servers that are known to be gone whatever they have said.
INTERRUPTED = (
    f"SELECT {NAMES}, leased_by FROM jobs WHERE state NOT IN ({FINAL_STATES}) "  # noqa: S608  - field names
    "AND (state = 'submitting' OR (state = 'running' AND ticket IS NULL)) "
    "AND leased_by IS DISTINCT FROM $1 AND (leased_by = ANY($2::text[]) OR ("
    "coalesce(lease_until < now(), true) "
    "AND NOT EXISTS (SELECT 1 FROM servers WHERE id = leased_by AND up_until >= now()))) "
    "ORDER BY id"
)
PLACES = (
    "SELECT id, owner, state, engine, due_ms, key_id FROM jobs "  # noqa: S608  - field names
    f"WHERE state NOT IN ({FINAL_STATES}) AND id > $1 ORDER BY id LIMIT $2"
)
COUNTED = (
    "SELECT state, engine, due_ms != 0 AS is_put_off, owner, count(*), min(id) FROM jobs "  # noqa: S608  - state names
    f"WHERE state NOT IN ({FINAL_STATES}) "
    "GROUP BY state, engine, is_put_off, owner ORDER BY engine, state, is_put_off, owner"
)
WAITED_FOR = (
    f"SELECT DISTINCT engine FROM jobs WHERE state NOT IN ({FINAL_STATES}) "  # noqa: S608  - state names
    "AND state IN ('queued', 'ready', 'saving')"
)
_TIMES_AMONG = 200_000
TIMES = (
    "SELECT engine, request::jsonb ->> 'model', "  # noqa: S608  - a number
    "(size::jsonb ->> 'width')::bigint * (size::jsonb ->> 'height')::bigint "
    "* (request::jsonb ->> 'duration_s')::bigint, ended_ms - started_ms "
    "FROM (SELECT engine, request, size, state, started_ms, ended_ms FROM jobs "
    f"ORDER BY id DESC LIMIT {_TIMES_AMONG}) AS newest "
    "WHERE state = 'succeeded' AND started_ms IS NOT NULL AND size IS NOT NULL LIMIT $1"
)


def update(
    job_id: str, change: Change, attempt: int | None, now_ms: int
) -> tuple[str, list[Value]]:
    """The guarded write of `change` and its parameters.

    It gives the new row, its revision and the transaction's number, or none. Raises ValueError for
    a change that no job may make, whatever its state.
    """
    shape = shape_of(change, attempt)
    values = [value_of(column, value) for column, value in change.sets.items()]
    if change.to is not None:
        values.append(at_ms_of(change, now_ms))
    if shape.names_server:
        values.append(None if change.lease is None else change.lease.server)
    values.append(job_id)
    if attempt is not None:
        values.append(attempt)
    if change.held_by is not None:
        values.append(change.held_by)
    return _update_sql(shape), values


@cache
def _update_sql(shape: ChangeShape) -> str:
    shape.check()
    sets = ["revision = revision + 1", "xact = pg_current_xact_id()"]
    sets += [] if shape.to is None else [f"state = '{shape.to}'"]
    sets += [f"{column} = ${n}" for n, column in enumerate(shape.columns, 1)]
    last = len(shape.columns)
    if shape.to is not None:
        last += 1
        sets.append(noting_sql(shape.to, f"(${last}::bigint - created_ms)::text"))
    if shape.names_server:
        last += 1
        # By the database's clock: no server's own is asked.
        until = f"now() + interval '{LEASE_MS} ms'"
        sets += [f"leased_by = ${last}", f"lease_until = {until}"]
    sets += ["attempt = attempt + 1"] * shape.starts + ["deaths = deaths + 1"] * shape.dies
    last += 1
    guard = f"id = ${last}"
    for column in ["attempt"] * shape.has_attempt + ["leased_by"] * shape.is_of_server:
        last += 1
        guard += f" AND {column} = ${last}"
    guard += " AND ticket IS NULL" * shape.is_local
    states = ", ".join(f"'{state}'" for state in sorted(shape.of))
    return (
        f"UPDATE jobs SET {', '.join(sets)} "  # noqa: S608  - checked above
        f"WHERE {guard} AND state IN ({states}) RETURNING {NAMES}, revision, xact::text"
    )
