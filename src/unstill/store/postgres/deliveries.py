"""Deliveries as rows that all servers share, in the units of changes and for operators.

How values stand in their columns: delivery_rows.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from unstill.domain.delivery import DAY_MS, TIMEOUT_S, Delivery, DeliveryState, owed_for
from unstill.domain.job import Change, Job
from unstill.store.delivery_rows import COLUMNS, OF_JOB, delivery_of, settlement_of
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.rows import places

__all__ = ["delivery_of", "settlement_of"]

_NAMES = ", ".join(COLUMNS)
_fields_of = attrgetter(*COLUMNS)

INSERT = f"INSERT INTO deliveries ({_NAMES}) VALUES ({places(1, len(COLUMNS))})"  # noqa: S608  - field names
DROP = "DELETE FROM deliveries WHERE job_id = $1"
# After the row of its job has gone; nothing where the job has kept it.
FORGET = (
    "DELETE FROM deliveries WHERE job_id = $1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = $1)"
)

# Parameters: the moment, the receivers and the owners that are left out, limit.
_DUE_NAMES = ", ".join(
    (*(f"owed.{each}" for each in COLUMNS), *(f"coalesce(jobs.{each}, '')" for each in OF_JOB))
)
DUE = (
    f"SELECT {_DUE_NAMES} FROM deliveries AS owed "  # noqa: S608  - field names
    "LEFT JOIN jobs ON jobs.id = owed.job_id "
    "WHERE owed.state = 'owed' AND owed.due_ms <= $1 "
    "AND owed.receiver <> ALL($2::text[]) AND owed.owner <> ALL($3::text[]) "
    "ORDER BY owed.due_ms LIMIT $4"
)
OF = f"SELECT {_NAMES} FROM deliveries WHERE job_id = $1"  # noqa: S608  - field names
COUNT_OWED = "SELECT count(*) FROM deliveries WHERE state = 'owed'"
NEWEST = f"SELECT {_NAMES} FROM deliveries ORDER BY job_id DESC LIMIT $1"  # noqa: S608  - field names
COUNT = "SELECT count(*) FROM deliveries WHERE state = $1"
STANDING = (
    "SELECT count(*), min(created_ms), count(*) FILTER (WHERE tries > 0) FROM deliveries "
    "WHERE state = 'owed'"
)
GIVEN_UP = "SELECT count(*) FROM deliveries WHERE state = 'given_up' AND ended_ms >= $1"

# A row that a replay has made anew while its try was under way, at whatever server, is not settled
# by that try: the replay has set `tries` back or moved `until_ms`.
SETTLE = (
    "UPDATE deliveries SET state = $1, tries = $2, due_ms = $3, last_error = $4, ended_ms = $5 "
    "WHERE job_id = $6 AND state = 'owed' AND tries = $7 AND until_ms = $8"
)

# The first pauses again: after a long outage of ours the receiver may come back together with us.
# What has only just come due may be under way yet at the server that sent before this one: it
# keeps its tries, so that what comes of it is stored, and is not sent once more.
_UNDER_WAY_MS = 4 * round(1000 * TIMEOUT_S)
_MAY_BE_UNDER_WAY = f"due_ms BETWEEN $1::bigint - {_UNDER_WAY_MS} AND $1"
OWE_AT_ONCE = (
    f"UPDATE deliveries SET tries = CASE WHEN {_MAY_BE_UNDER_WAY} THEN tries ELSE 0 END, "  # noqa: S608  - a number
    f"due_ms = CASE WHEN {_MAY_BE_UNDER_WAY} THEN due_ms ELSE $1 END, "
    "until_ms = greatest(until_ms, $2) "
    f"WHERE state = 'owed' AND NOT ({_MAY_BE_UNDER_WAY} AND until_ms >= $2)"
)

_REPLAY = (
    "UPDATE deliveries SET state = 'owed', tries = 0, due_ms = $1, until_ms = $2, ended_ms = NULL "
    "WHERE {which} RETURNING job_id"
)
_REPLAY_THESE = _REPLAY.format(which="job_id = ANY($3::text[])")
_REPLAY_ALL = _REPLAY.format(which="state IN ('owed', 'given_up')")


async def follow(unit: WriteUnit, job: Job, change: Change) -> None:
    """Write what a change of a job means for its receiver, in the change's own unit."""
    if job.is_hidden:
        # Also one that has ended: a replay would tell of the deleted job again.
        await unit.run(DROP, job.id)
    elif change.to is not None and change.to.is_final:
        delivery = owed_for(job)
        if delivery is not None:
            await unit.run(INSERT, *_fields_of(delivery))


# --- whether servers are up or not -------------------------------------------------------------


async def newest(database: Database, limit: int) -> list[Delivery]:
    """The deliveries of the newest jobs, newest first. Raises StorageFailed."""
    return [delivery_of(tuple(row)) for row in await database.rows(NEWEST, limit)]


async def count(database: Database, state: DeliveryState) -> int:
    [(found,)] = await database.rows(COUNT, state)
    return int(found)


async def replay(database: Database, job_ids: Sequence[str], *, now_ms: int) -> list[str]:
    """Make deliveries due at once, for a day from now: those of `job_ids` whatever became of them.

    Without any id, all that are owed or given up. The ids of those that there were; durable when
    it returns. Raises StorageFailed.
    """
    day = (0, now_ms + DAY_MS)  # due by any clock: the servers' may be set otherwise

    async def write(unit: WriteUnit) -> list[str]:
        if job_ids:
            found = await unit.rows(_REPLAY_THESE, *day, list(job_ids))
        else:
            found = await unit.rows(_REPLAY_ALL, *day)
        return [f"{job_id}" for (job_id,) in found]

    replayed = await database.write(write)
    order = {job_id: n for n, job_id in enumerate(job_ids)}
    return sorted(replayed, key=lambda each: (order.get(each, 0), each))
