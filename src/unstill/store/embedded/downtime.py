"""When a server was last up, and deadlines moved by the time in which none was."""

from __future__ import annotations

import apsw

from unstill.domain.job import State
from unstill.store.ports.uptime_notes import LEAST_AWAY_MS

_FINAL = ", ".join(f"'{state}'" for state in State if state.is_final)
_UNFINISHED = f"state NOT IN ({_FINAL})"  # word for word that of the index `jobs_unfinished`

_MOVE = f"UPDATE jobs SET deadline_ms = deadline_ms + ? WHERE {_UNFINISHED} AND deadline_ms > 0"  # noqa: S608  - state names
_NOTE = "UPDATE up SET seen_ms = ?"
# An idle server writes nothing: what is noted too early only gives more time.
_NOTE_AT_WORK = f"{_NOTE} WHERE EXISTS (SELECT 1 FROM jobs WHERE {_UNFINISHED})"  # noqa: S608  - state names


def count_from(connection: apsw.Connection, now_ms: int) -> int:
    """Move the deadlines, in the transaction at hand; by how much."""
    seen_ms = last_up_ms(connection)
    away_ms = now_ms - seen_ms if seen_ms else 0
    connection.execute(_NOTE, (now_ms,))
    if abs(away_ms) < LEAST_AWAY_MS:  # below zero where the clock was set back meanwhile
        return 0
    connection.execute(_MOVE, (away_ms,))
    return away_ms


def last_up_ms(connection: apsw.Connection) -> int:
    """When a server last noted that it was up, by its own clock; 0 if none ever did."""
    [(seen_ms,)] = connection.execute("SELECT seen_ms FROM up").fetchall()
    return int(seen_ms or 0)


def note_up(connection: apsw.Connection, now_ms: int) -> None:
    connection.execute(_NOTE_AT_WORK, (now_ms,))
