"""The moves of a job as a text in its row, which each move writes to its end.

`r1980u2100` is: made ready 1,980 ms after it was created, begun after 2,100. What reads a whole job
does not read it: its row is as fast as before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from unstill.domain.job import Change, State
from unstill.domain.moves import JobMove

# A job that its upstreams send back for a day is not to have a row that grows without an end: from
# here on only what is near the end is noted.
MOST_CHARS = 1_000
NEAR_END = frozenset({State.SAVING, State.SUCCEEDED, State.FAILED, State.CANCELLED})

LETTERS = {
    State.READY: "r",
    State.SUBMITTING: "b",
    State.RUNNING: "u",
    State.SAVING: "v",
    State.SUCCEEDED: "s",
    State.FAILED: "f",
    State.CANCELLED: "c",
}
_STATES = {letter: state for state, letter in LETTERS.items()}
_MOVE = re.compile(r"([a-z])(-?[0-9]+)")


def at_ms_of(change: Change, now_ms: int) -> int:
    """When it is made: as it says itself, where it begins or ends a job."""
    return change.sets.get("ended_ms") or change.sets.get("started_ms") or now_ms


def noting_sql(to: State, since_created: str) -> str:
    """What a statement sets for a move; `since_created`: its time as SQL, as a text or a number."""
    noted = f"moves || '{LETTERS[to]}' || {since_created}"
    if to not in NEAR_END:
        noted = f"CASE WHEN length(moves) < {MOST_CHARS} THEN {noted} ELSE moves END"
    return f"moves = {noted}"


def moves_in(text: str, created_ms: int) -> Sequence[JobMove]:
    return [
        JobMove(_STATES[letter], created_ms + int(since_ms))
        for letter, since_ms in _MOVE.findall(text)
    ]
