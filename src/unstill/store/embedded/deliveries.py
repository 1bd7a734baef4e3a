"""Deliveries: the SQL of every read and write, and the replay beside a running server.

As rows: delivery_rows.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter
from pathlib import Path

import apsw

from unstill.domain.delivery import DAY_MS, Delivery, DeliveryState, owed_for
from unstill.domain.job import Change, Job
from unstill.domain.owner import Owner
from unstill.store.delivery_rows import COLUMNS, OF_JOB, delivery_of
from unstill.store.embedded.beside import opened_beside, transaction

_NAMES = ", ".join(COLUMNS)
_fields_of = attrgetter(*COLUMNS)

INSERT = f"INSERT INTO deliveries ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  - field names

# A row that a replay has made anew while its try was under way is not settled by that try: the
# replay has set `tries` back or moved `until_ms`.
SETTLE = (
    "UPDATE deliveries SET state = ?, tries = ?, due_ms = ?, last_error = ?, ended_ms = ? "
    "WHERE job_id = ? AND state = 'owed' AND tries = ? AND until_ms = ?"
)

# The first pauses again: after a long outage of ours the receiver may come back together with us.
OWE_AT_ONCE = (
    "UPDATE deliveries SET tries = 0, due_ms = ?1, until_ms = max(until_ms, ?2) "
    "WHERE state = 'owed'"
)

DROP = "DELETE FROM deliveries WHERE job_id = ?"

# After the row of its job has gone; nothing where the job has kept it.
FORGET = (
    "DELETE FROM deliveries WHERE job_id = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)"
)

NEWEST = f"SELECT {_NAMES} FROM deliveries ORDER BY job_id DESC LIMIT ?"  # noqa: S608  - field names

OF = f"SELECT {_NAMES} FROM deliveries WHERE job_id = ?"  # noqa: S608  - field names

# By the index of what is owed: the state has to stand in the text for that.
COUNT_OWED = "SELECT count(*) FROM deliveries WHERE state = 'owed'"
COUNT = "SELECT count(*) FROM deliveries WHERE state = ?"
STANDING = (
    "SELECT count(*), min(created_ms), coalesce(sum(tries > 0), 0) FROM deliveries "
    "WHERE state = 'owed'"
)
GIVEN_UP = "SELECT count(*) FROM deliveries WHERE state = 'given_up' AND ended_ms >= ?"

_REPLAY = (
    "UPDATE deliveries SET state = 'owed', tries = 0, due_ms = ?, until_ms = ?, ended_ms = NULL "
    "WHERE {which} RETURNING job_id"
)
_REPLAY_ONE = _REPLAY.format(which="job_id = ?")
_REPLAY_ALL = _REPLAY.format(which="state IN ('owed', 'given_up')")


def due_sql(without: Collection[str], without_owners: Collection[Owner]) -> str:
    """What is due by a moment, soonest first, but to some receivers and of some owners' jobs.

    Parameters: the moment, the receivers, the owners, limit.
    """
    receivers, owners = (", ".join("?" * len(each)) for each in (without, without_owners))
    names = (f"owed.{each}" for each in COLUMNS)
    of_job = (f"coalesce(jobs.{each}, '')" for each in OF_JOB)
    return (
        f"SELECT {', '.join((*names, *of_job))} FROM deliveries AS owed "  # noqa: S608  - field names
        "LEFT JOIN jobs ON jobs.id = owed.job_id WHERE owed.state = 'owed' AND owed.due_ms <= ? "
        f"AND owed.receiver NOT IN ({receivers}) AND owed.owner NOT IN ({owners}) "
        "ORDER BY owed.due_ms LIMIT ?"
    )


def follow(connection: apsw.Connection, job: Job, change: Change) -> None:
    """Write what a change of a job means for its receiver, in the change's own transaction."""
    if job.is_hidden:
        # Also one that has ended: a replay would tell of the deleted job again.
        connection.execute(DROP, (job.id,))
    elif change.to is not None and change.to.is_final:
        delivery = owed_for(job)
        if delivery is not None:
            connection.execute(INSERT, _fields_of(delivery))


# --- beside a running server, or without one ---------------------------------------------------


def newest_in(data_dir: Path, limit: int) -> list[Delivery]:
    """The deliveries of the newest jobs; none where there is no store yet. Raises OwnError."""
    with opened_beside(data_dir, having="deliveries") as connection:
        if connection is None:
            return []
        return [delivery_of(row) for row in connection.execute(NEWEST, (limit,)).fetchall()]


def count_in(data_dir: Path, state: DeliveryState) -> int:
    with opened_beside(data_dir, having="deliveries") as connection:
        if connection is None:
            return 0
        count: int = connection.execute(COUNT, (state,)).get
        return count


def replay_in(data_dir: Path, job_ids: Sequence[str], *, now_ms: int) -> list[str]:
    """Make deliveries due at once, for a day from now: those of `job_ids` whatever became of them.

    Without any id, all that are owed or given up. The ids of those that there were; durable when
    it returns. Raises OwnError.
    """
    day = (0, now_ms + DAY_MS)  # due by any clock: the server's may be set otherwise
    with opened_beside(data_dir, having="deliveries", writes=True) as connection:
        if connection is None:
            return []
        with transaction(connection):
            if not job_ids:
                found = connection.execute(_REPLAY_ALL, day).fetchall()
            else:
                rows = (connection.execute(_REPLAY_ONE, (*day, each)) for each in job_ids)
                found = [row for cursor in rows for row in cursor.fetchall()]
    return [str(job_id) for (job_id,) in found]
