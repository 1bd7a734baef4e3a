"""The SQL of jobs, the ledger and marks. How values stand in their columns: job_rows.py."""

from __future__ import annotations

from functools import cache

from unstill.domain.attempts import Outcome
from unstill.store.job_rows import (
    ATTEMPT_COLUMNS,
    ATTEMPT_NAMES,
    COLUMNS,
    FINAL_STATES,
    NAMES,
    SETTLED_COLUMNS,
)

INSERT = f"INSERT INTO jobs ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  - field names

# In the same unit as the job's own row.
MARK = "INSERT INTO marks (job_id, owner, key, fingerprint, created_ms) VALUES (?, ?, ?, ?, ?)"

MARKED_BY_KEY = "SELECT job_id, fingerprint FROM marks WHERE owner = ? AND key = ?"

# The newest: a retry follows its first try within seconds. A job that its owner has deleted since
# was answered.
MARKED_BY_FINGERPRINT = (
    "SELECT job_id FROM marks WHERE owner = ? AND fingerprint = ? AND created_ms >= ? "
    "AND key IS NULL AND EXISTS (SELECT 1 FROM jobs WHERE id = job_id AND is_hidden = 0) "
    "ORDER BY created_ms DESC, job_id DESC LIMIT 1"
)

MOVES_OF = "SELECT moves FROM jobs WHERE id = ?"

FIND = f"SELECT {NAMES} FROM jobs WHERE id = ?"  # noqa: S608  - field names

# In the same transaction as the move to `submitting`, before the call.
INTEND = (
    f"INSERT INTO attempts ({ATTEMPT_NAMES}) "  # noqa: S608  - field names
    f"VALUES ({', '.join('?' * len(ATTEMPT_COLUMNS))})"
)

# Whatever became of the job: a ticket that comes late is kept for the accounts. What is sure about
# a call stays, whoever gives it up later.
SETTLE = (
    f"UPDATE attempts SET {', '.join(f'{each} = ?' for each in SETTLED_COLUMNS)} "  # noqa: S608  - field names
    f"WHERE job_id = ? AND n = ? AND outcome IN ('{Outcome.OPEN}', '{Outcome.UNKNOWN}')"
)

# Parameters: the job, its attempt, the ticket that it was given. The job that goes on from this one
# has it by right.
TICKET_TAKEN = (
    "SELECT 1 FROM attempts AS own JOIN attempts AS other "
    "ON other.account = own.account AND other.ticket = ?3 AND other.job_id != own.job_id "
    "WHERE own.job_id = ?1 AND own.n = ?2 AND NOT EXISTS (SELECT 1 FROM continuations "
    "WHERE job_id = own.job_id AND continued_by = other.job_id) LIMIT 1"
)

ATTEMPTS = f"SELECT {ATTEMPT_NAMES} FROM attempts WHERE job_id = ? ORDER BY n"  # noqa: S608  - field names

RECENT_ATTEMPTS = (
    f"SELECT {ATTEMPT_NAMES} FROM attempts "  # noqa: S608  - field names
    "WHERE account = ? AND settled_ms IS NOT NULL ORDER BY settled_ms DESC, job_id DESC LIMIT ?"
)

# The condition is word for word that of the index `jobs_at_upstreams`.
TICKETS = (
    "SELECT id, attempt, engine, ticket, coalesce(upstream_model, ''), coalesce(started_ms, 0), "
    "deadline_ms, wants_cancel, owner, request_id, trace FROM jobs "
    "WHERE state = 'running' AND ticket IS NOT NULL AND id > ? ORDER BY id LIMIT ?"
)

# What servers have under way, or had as they died: a call that may cost, or a render of its own.
INTERRUPTED = (
    f"SELECT {NAMES}, leased_by FROM jobs WHERE state NOT IN ({FINAL_STATES}) "  # noqa: S608  - field names
    "AND (state = 'submitting' OR (state = 'running' AND ticket IS NULL)) ORDER BY id"
)

# What lanes and queues need of the unfinished jobs, and nothing that is slow to read. The condition
# is word for word that of the index `jobs_unfinished`, or it is not used.
PLACES = (
    "SELECT id, owner, state, engine, due_ms, key_id FROM jobs "  # noqa: S608  - field names
    f"WHERE state NOT IN ({FINAL_STATES}) AND id > ? ORDER BY id LIMIT ?"
)

# Looked for among so many of the newest rows only, or a start would wait for them.
_TIMES_AMONG = 200_000
TIMES = (
    "SELECT engine, request ->> '$.model', "  # noqa: S608  - a number
    "(size ->> '$.width') * (size ->> '$.height') * (request ->> '$.duration_s'), "
    "ended_ms - started_ms "
    "FROM (SELECT engine, request, size, state, started_ms, ended_ms FROM jobs "
    f"ORDER BY id DESC LIMIT {_TIMES_AMONG}) "
    "WHERE state = 'succeeded' AND started_ms IS NOT NULL AND size IS NOT NULL LIMIT ?"
)

WAITED_FOR = (
    f"SELECT DISTINCT engine FROM jobs WHERE state NOT IN ({FINAL_STATES}) "  # noqa: S608  - state names
    "AND state IN ('queued', 'ready', 'saving')"
)

LONG_DELETED = (
    f"SELECT id FROM jobs WHERE is_hidden = 1 AND state IN ({FINAL_STATES}) "  # noqa: S608  - state names
    "AND id > ? AND id < ? ORDER BY id LIMIT ?"
)

# Nothing where the job has kept its row.
FORGET_MARK = (
    "DELETE FROM marks WHERE job_id = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)"
)
FORGET_ATTEMPTS = (
    "DELETE FROM attempts WHERE job_id = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ?1)"
)


@cache
def needed(count: int) -> str:
    """Which of so many ids have a row, and whether the job's files are needed."""
    return (
        f"SELECT id, NOT (is_hidden = 1 AND state IN ({FINAL_STATES})) FROM jobs "  # noqa: S608  - state names
        f"WHERE id IN ({', '.join('?' * count)})"
    )
