"""A copy of a folder's store as another folder's own: of one moment, beside a server or not.

The copy is a store of its own from the beginning, as one that was recovered is: it has a new id,
and what may yet be sent to an engine that costs is held until an operator releases it. Calls that
were noted beside the store after its moment go with it, so what was sent meanwhile goes on under
its ticket (replay.py).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from unstill.domain.attempts import Outcome
from unstill.domain.errors import OperatorError
from unstill.domain.job import State
from unstill.store import job_rows
from unstill.store.call_journal import NotedCall, noted_in, write_noted
from unstill.store.embedded import migrations
from unstill.store.embedded.beside import opened_beside
from unstill.store.embedded.folder_match import FILE, find_store
from unstill.store.embedded.generation import Noted, note, rise
from unstill.store.embedded.group_commit import as_own
from unstill.store.embedded.held_jobs import hold
from unstill.store.embedded.replay import replay
from unstill.store.folder_lock import is_held
from unstill.system.clock import clock_ms

CHUNK = 500  # rows in one read, so that none holds up the server's checkpoints
SETTLED_WITHIN_S = 60.0  # calls under way: longer than an upstream's own limit on an answer
LOOK_EVERY_S = 0.2

_NEEDED = (
    "SELECT id, state, video FROM jobs WHERE id > ? AND NOT (is_hidden = 1 AND state IN "
    "('succeeded', 'failed', 'cancelled')) ORDER BY id LIMIT ?"
)
_BEGUN = (
    "SELECT id, attempt FROM jobs "
    "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') AND state = 'submitting'"
)
_IS_UNDER_WAY = "SELECT 1 FROM jobs WHERE id = ? AND attempt = ? AND state = 'submitting'"
_HIDE = "UPDATE jobs SET is_hidden = 1 WHERE id = ?"
_COUNT = "SELECT count(*) FROM jobs"


class NeededJob(NamedTuple):
    """A job whose files its store needs."""

    id: str
    state: State
    video_name: str | None  # a finished one has it


class OwnStore(NamedTuple):
    """What a copy has become."""

    jobs: int
    sent: int  # after the moment of the copy: they go on
    held: int


def needed_jobs(data_dir: Path) -> Iterator[Sequence[NeededJob]]:
    """The jobs whose files the store needs now, by id, by some hundreds. Raises OwnError."""
    after = ""
    while True:
        with opened_beside(data_dir, having="jobs") as connection:
            found: list[tuple[Any, ...]] = (
                [] if connection is None else connection.execute(_NEEDED, (after, CHUNK)).fetchall()
            )
        if not found:
            return
        yield [_needed_job(*row) for row in found]
        after = found[-1][0]


def _needed_job(job_id: str, state: str, video: str | None) -> NeededJob:
    return NeededJob(job_id, State(state), None if video is None else job_rows.video_name_in(video))


def copy_store(data_dir: Path, folder: Path) -> None:
    """Copy the store as it is at one moment into `folder`, whole and on disk when it returns.

    Raises StoreRefused where a start would, OperatorError where there is none yet, OwnError.
    """
    if find_store(data_dir) is None:
        raise OperatorError(f"{data_dir} has no job store yet: there is nothing to back up")
    with opened_beside(data_dir, having="jobs") as connection:
        if connection is None:
            raise OperatorError(f"{data_dir / FILE} has no jobs table: it is no job store")
        migrations.keep_copy(connection, folder / FILE)
    with _opened(folder / FILE) as copy:
        [(verdict,)] = copy.execute("PRAGMA quick_check(1)").fetchall()
        if verdict != "ok":
            raise OperatorError(f"{data_dir / FILE} is damaged: {verdict}")


def copy_calls(data_dir: Path, folder: Path, *, within_s: float = SETTLED_WITHIN_S) -> None:
    """Give `folder` the calls that servers have noted so far, with what they come to.

    within_s: how long those that a server has under way now are waited for; one that then has no
    answer is in doubt, as after a kill.
    """
    noted = dict(noted_in(data_dir))
    # A call has its row first, and is noted after that.
    begun = {*_begun_in(folder), *(key for key, call in noted.items() if _is_open(call))}
    give_up_at = time.monotonic() + within_s
    while True:
        are_open = [key for key in begun if _is_open(noted.get(key))]
        # In this order: an outcome is noted before its row moves.
        is_under_way = _is_any_under_way(data_dir, are_open)
        later = noted_in(data_dir) if are_open else {}
        noted |= {key: later[key] for key in are_open if key in later}
        if not is_under_way or not is_held(data_dir) or time.monotonic() >= give_up_at:
            break
        time.sleep(LOOK_EVERY_S)
    write_noted(folder, noted.values())


def _begun_in(folder: Path) -> list[tuple[str, int]]:
    with opened_beside(folder, having="jobs") as connection:
        found: list[tuple[Any, ...]] = (
            [] if connection is None else connection.execute(_BEGUN).fetchall()
        )
    return [(job_id, n) for job_id, n in found]


def _is_open(call: NotedCall | None) -> bool:
    return call is None or call.attempt.outcome is Outcome.OPEN


def _is_any_under_way(data_dir: Path, calls: Sequence[tuple[str, int]]) -> bool:
    if not calls:
        return False
    with opened_beside(data_dir, having="jobs") as connection:
        return connection is not None and any(
            connection.execute(_IS_UNDER_WAY, call).fetchall() for call in calls
        )


def deleted_since(data_dir: Path, job_ids: Sequence[str]) -> list[str]:
    """Which of these jobs the store has no more, or no more for their owners. Raises OwnError."""
    with opened_beside(data_dir, having="jobs") as connection:
        if connection is None:
            return []
        sql = "SELECT 1 FROM jobs WHERE id = ? AND is_hidden = 0"
        return [each for each in job_ids if not connection.execute(sql, (each,)).fetchall()]


@contextmanager
def _opened(file: Path) -> Iterator[apsw.Connection]:
    """Raises OwnError, also for what is done with it."""
    try:
        with closing(apsw.Connection(str(file))) as connection:
            connection.pragma("synchronous", "full")
            yield connection
    except apsw.Error as error:
        raise as_own(error) from error


def make_own(folder: Path, *, local_engines: Collection[str], deleted: Sequence[str]) -> OwnStore:
    """Make the copy in `folder` that folder's own store, and hold what might be paid for twice.

    local_engines: those whose jobs cost nothing. deleted: jobs that were deleted while the files
    were copied. Raises OwnError, OSError.
    """
    file = folder / FILE
    with _opened(file) as connection:
        migrations.bring_up_to_date(connection, file, migrations.FOLDER)
        connection.transaction_mode = "IMMEDIATE"
        with connection:
            connection.executemany(_HIDE, [(job_id,) for job_id in deleted])
            standing = rise(connection, clock_ms, renamed=True)
            jobs: int = connection.execute(_COUNT).get
            sent = replay(connection, folder, local_engines)
            held = hold(connection, local_engines)
    note(folder, Noted(standing.store, standing.number, base=0))
    find_store(folder)  # a start would take it
    return OwnStore(jobs, sent, held)
