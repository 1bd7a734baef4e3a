"""What a folder has beside a store that was put back: the calls noted since, and whole videos.

A job that the copy still has waiting, and that has been sent since, is put where its last call
found it: `submitting`, with the attempt open. The next start judges it as after any kill, by what
was noted of that call. So what an upstream has taken is watched there again, what may have been
taken is in doubt, and what was refused waits. A job whose video is in its folder is `saving`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import msgspec

from unstill.domain.attempts import Attempt, Outcome
from unstill.domain.job import Result, State
from unstill.store import job_rows
from unstill.store.call_journal import NotedCall, noted_in
from unstill.store.embedded import rows
from unstill.system.job_folders import JOBS, finished, folder_of

_OF_A_VIDEO_HERE = job_rows.value_of("result", Result())

# Those that a call may follow: all that is unfinished, but videos that are on their way home.
_FIND = (
    "SELECT id, attempt, state FROM jobs "
    "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND state != 'saving' "
    "AND engine NOT IN ({})"
)
# Over an attempt of the same number that the copy has open.
_ENTER = rows.INTEND.replace("INSERT", "INSERT OR REPLACE", 1)
_SUBMITTING = (
    "UPDATE jobs SET state = 'submitting', attempt = ?, engine = ?, size = coalesce(size, ?), "
    "ticket = NULL, upstream_model = NULL, due_ms = 0 WHERE id = ?"
)
_ENGINE = "UPDATE jobs SET engine = ?, ticket = ?, upstream_model = ? WHERE id = ?"
_SAVING = (
    "UPDATE jobs SET state = 'saving', attempt = ?, due_ms = 0, result = coalesce(result, ?) "
    "WHERE id = ?"
)


class _CopiedJob(NamedTuple):
    """A job as the copy has it."""

    job_id: str
    attempt: int
    state: str


def replay(connection: apsw.Connection, data_dir: Path, local_engines: Collection[str]) -> int:
    """Give the store what it lacks, in the transaction at hand; of how many jobs.

    local_engines: those whose jobs cost nothing, and are rendered again.
    """
    calls: dict[str, list[NotedCall]] = {}
    for call in noted_in(data_dir).values():
        calls.setdefault(call.attempt.job_id, []).append(call)
    engines = tuple(local_engines)
    places = ", ".join("?" * len(engines))
    found: list[tuple[Any, ...]] = connection.execute(_FIND.format(places), engines).fetchall()
    return sum(
        _replay(connection, data_dir / JOBS, copied, calls.get(copied.job_id, ()))
        for copied in map(_CopiedJob._make, found)
    )


def _replay(
    connection: apsw.Connection, jobs: Path, copied: _CopiedJob, calls: Sequence[NotedCall]
) -> bool:
    is_open = copied.state == State.SUBMITTING
    new = sorted(
        (call for call in calls if call.attempt.n >= copied.attempt + (not is_open)),
        key=lambda call: call.attempt.n,
    )
    last_n = new[-1].attempt.n if new else copied.attempt
    home_n = finished(folder_of(jobs, copied.job_id))
    if home_n and home_n >= last_n:
        _enter(connection, [call.attempt for call in new])
        if new:
            last = new[-1].attempt
            at = (last.engine, last.ticket, last.upstream_model, copied.job_id)
            connection.execute(_ENGINE, at)
        connection.execute(_SAVING, (home_n, _OF_A_VIDEO_HERE, copied.job_id))
        return True
    if last_n == copied.attempt:  # the next start judges an open one by itself
        return False
    *earlier, last_call = new
    last = last_call.attempt
    _enter(connection, [*(call.attempt for call in earlier), _opened(last)])
    size = job_rows.value_of("size", last_call.size)
    connection.execute(_SUBMITTING, (last.n, last.engine, size, copied.job_id))
    return True


def _enter(connection: apsw.Connection, attempts: Sequence[Attempt]) -> None:
    connection.executemany(_ENTER, [job_rows.attempt_row_of(attempt) for attempt in attempts])


def _opened(attempt: Attempt) -> Attempt:
    """As it was when its call began."""
    return msgspec.structs.replace(
        attempt,
        outcome=Outcome.OPEN,
        ticket=None,
        code="",
        message="",
        of_account=False,
        retry_after_ms=0,
        settled_ms=None,
    )
