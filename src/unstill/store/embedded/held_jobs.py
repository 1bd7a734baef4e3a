"""Held jobs: those of a recovered store that may have been sent and paid for since its copy.

Which they are, and how an operator lets them go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw

from unstill.store.call_journal import noted_in
from unstill.store.embedded.beside import opened_beside, transaction
from unstill.store.embedded.downtime import last_up_ms
from unstill.store.embedded.handle import Handle
from unstill.store.ports.held_jobs import Released

_WAITING = "SELECT id FROM jobs WHERE id = job_id AND state IN ('queued', 'ready')"
_ALL_WAITING = f"SELECT job_id FROM held WHERE EXISTS ({_WAITING}) ORDER BY job_id"  # noqa: S608
_RELEASE = f"DELETE FROM held WHERE EXISTS ({_WAITING}) {{which}} RETURNING job_id"  # noqa: S608
# What was held could not be tried meanwhile.
_PUT_OFF_DEADLINE = "UPDATE jobs SET deadline_ms = max(deadline_ms, ?) WHERE id = ?"
_LAST_CALL = (
    "SELECT n, engine, ticket FROM attempts WHERE job_id = ? "
    "AND outcome IN ('open', 'accepted', 'unknown') ORDER BY n DESC LIMIT 1"
)


class EmbeddedHeldJobs:
    """Those of an open store."""

    def __init__(self, handle: Handle, data_dir: Path) -> None:
        self._handle = handle
        self._data_dir = data_dir

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._handle.opened.holds

    @property
    def waiting(self) -> int:
        return self._handle.opened.holds.waiting

    async def ids(self) -> Sequence[str]:
        found = await self._handle.opened.ledger.select(_ALL_WAITING)
        return [f"{job_id}" for (job_id,) in found]

    async def release(self, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
        holds = self._handle.opened.holds
        # As a command does beside a server: it reads the notes of calls too, which are on the disk.
        released = await asyncio.to_thread(
            release_in, self._data_dir, job_ids, now_ms=now_ms, within_ms=within_ms
        )
        await holds.look()
        return released


def hold(connection: apsw.Connection, local_engines: Collection[str]) -> int:
    """Hold all that may yet be sent to an engine other than these; how many wait then.

    Those in the midst of a call too: it may have been refused, and another one paid for since. And
    those that run at an upstream: one that is free to repeat may have lost them, or will.
    """
    engines = tuple(local_engines)
    connection.execute(
        "INSERT OR IGNORE INTO held SELECT id FROM jobs "  # noqa: S608  - places
        "WHERE state NOT IN ('succeeded', 'failed', 'cancelled') "
        "AND state IN ('queued', 'ready', 'submitting', 'running') "
        f"AND engine NOT IN ({', '.join('?' * len(engines))})",
        engines,
    )
    return len(connection.execute(_ALL_WAITING).fetchall())


# --- beside a running server, or without one ---------------------------------------------------


def held_in(data_dir: Path) -> list[str]:
    """The jobs that wait for a release, oldest first; none where there is no store yet.

    Raises OwnError.
    """
    with opened_beside(data_dir, having="held") as connection:
        if connection is None:
            return []
        return [f"{job_id}" for (job_id,) in connection.execute(_ALL_WAITING).fetchall()]


def release_in(data_dir: Path, job_ids: Sequence[str], *, now_ms: int, within_ms: int) -> Released:
    """Let these jobs go, or all that wait without any id.

    They have `within_ms` again until their deadline, by the clock of the server that is up, or was
    (steps/uptime.py); by `now_ms` if none ever was. Durable when it returns. Raises OwnError.
    """
    with opened_beside(data_dir, having="held", writes=True) as connection:
        if connection is None:
            return Released([], {})
        with transaction(connection):
            if job_ids:
                one = _RELEASE.format(which="AND job_id = ?")
                cursors = (connection.execute(one, (each,)) for each in job_ids)
                found = [row for cursor in cursors for row in cursor.fetchall()]
            else:
                found = connection.execute(_RELEASE.format(which="")).fetchall()
            released = sorted(f"{job_id}" for (job_id,) in found)
            deadline_ms = (last_up_ms(connection) or now_ms) + within_ms
            connection.executemany(
                _PUT_OFF_DEADLINE, [(deadline_ms, job_id) for job_id in released]
            )
        others = [job_id for job_id in job_ids if job_id not in released]
        return Released(released, _sent(connection, data_dir, others))


def _sent(connection: apsw.Connection, data_dir: Path, job_ids: Sequence[str]) -> Mapping[str, str]:
    """Which of these jobs an engine may have taken, and what it knows them by, if that is known."""
    noted = noted_in(data_dir) if job_ids else {}
    sent: dict[str, str] = {}
    for job_id in job_ids:
        rows: list[tuple[Any, ...]] = connection.execute(_LAST_CALL, (job_id,)).fetchall()
        for n, engine, ticket in rows:
            call = noted.get((job_id, n))
            known = ticket or (call.attempt.ticket if call is not None else None)
            sent[job_id] = f"{engine}, as {known}" if known else f"{engine}"
    return sent
