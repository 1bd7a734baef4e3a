"""A job as a row and back, and the SQL of every read and write.

The columns of the table are the fields of `Job`, by the same names. Plain values are plain
columns; `request`, `size`, `video`, `usage` and `failure` are JSON. The request is written out in
full, its version too, so that a later default cannot change what an old row meant.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from unstill.errors import OperatorError
from unstill.job import MOVES, Change, Failure, Job, State, Usage, Video
from unstill.request import Size, VideoRequest

Value = str | int | None
Row = tuple[Any, ...]  # one value per column, as the database gives them

NEWEST_REQUEST = 1  # the newest `VideoRequest.version` that this release reads

COLUMNS = Job.__struct_fields__
# What a change may set: all but the identity and what the move itself writes.
SETTABLE = frozenset(COLUMNS) - {"id", "state", "attempt", "deaths"}
_JSON_COLUMNS = frozenset({"size", "video", "usage", "failure"})

_STATES = {state.value: state for state in State}
_encode = msgspec.json.Encoder().encode
_request_of = msgspec.json.Decoder(VideoRequest).decode
_size_of = msgspec.json.Decoder(Size).decode
_video_of = msgspec.json.Decoder(Video).decode
_usage_of = msgspec.json.Decoder(Usage).decode
_failure_of = msgspec.json.Decoder(Failure).decode


class _Versioned(msgspec.Struct):
    version: int = 0


# --- rows --------------------------------------------------------------------------------------


def row_of(job: Job) -> tuple[Value, ...]:
    """The job's values in the order of `COLUMNS`."""
    return tuple(value_of(column, getattr(job, column)) for column in COLUMNS)


def value_of(column: str, value: Any) -> Value:
    """One field of a job as its column keeps it."""
    if column == "request":
        return write_request(value)
    if column in _JSON_COLUMNS:
        return None if value is None else _encode(value).decode()
    if column == "is_hidden":
        return int(value)
    plain: Value = value
    return plain


def job_of(row: Row) -> Job:
    """The job of a whole row in the order of `COLUMNS`. Raises OperatorError if it is newer."""
    id_, owner, dialect, words, model, request, engine, created_ms, state, *rest = row
    attempt, deaths, due_ms, size, started_ms, ended_ms, video, usage, failure, is_hidden = rest
    return Job(
        id_,
        owner,
        dialect,
        words,
        model,
        read_request(request),
        engine,
        created_ms,
        _STATES[state],
        attempt,
        deaths,
        due_ms,
        None if size is None else _size_of(size),
        started_ms,
        ended_ms,
        None if video is None else _video_of(video),
        None if usage is None else _usage_of(usage),
        None if failure is None else _failure_of(failure),
        is_hidden == 1,
    )


def write_request(request: VideoRequest) -> str:
    """The request as JSON with every field, those that have their default included."""
    return _encode(msgspec.structs.asdict(request)).decode()


def read_request(text: str) -> VideoRequest:
    """The request of a row that this release or an older one wrote.

    Raises OperatorError if a newer release wrote it.
    """
    try:
        request = _request_of(text)
    except msgspec.ValidationError:
        _refuse_newer(msgspec.json.decode(text, type=_Versioned).version)
        raise
    _refuse_newer(request.version)
    return request


def _refuse_newer(version: int) -> None:
    if version > NEWEST_REQUEST:
        raise OperatorError(
            f"a job was stored by a newer unstill: its request has layout {version}, "
            f"this release reads up to {NEWEST_REQUEST}; start the newer release again"
        )


# --- statements --------------------------------------------------------------------------------

_NAMES = ", ".join(COLUMNS)
_FINAL = ", ".join(f"'{state}'" for state in State if state.is_final)

INSERT = f"INSERT INTO jobs ({_NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  - field names

FIND = f"SELECT {_NAMES} FROM jobs WHERE id = ?"  # noqa: S608  - field names

# The condition is word for word that of the index `jobs_unfinished`, or it is not used.
UNFINISHED = (
    f"SELECT {_NAMES} FROM jobs WHERE state NOT IN ({_FINAL}) AND id > ? ORDER BY id LIMIT ?"  # noqa: S608  - field names
)

HIDDEN = f"SELECT {_NAMES} FROM jobs WHERE is_hidden = 1 AND state IN ({_FINAL}) ORDER BY id"  # noqa: S608  - field names

# Guarded: a job that is not hidden, or not final, keeps its row.
FORGET = f"DELETE FROM jobs WHERE id = ? AND is_hidden = 1 AND state IN ({_FINAL})"  # noqa: S608  - state names


@cache
def page_sql(*, has_after: bool, newest_first: bool) -> str:
    """One page of an owner's jobs; parameters: owner, the id before the page if any, limit."""
    beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
    after = f"AND id {beyond} ?" if has_after else ""
    return (
        f"SELECT {_NAMES} FROM jobs WHERE owner = ? AND is_hidden = 0 {after} "  # noqa: S608  - field names
        f"ORDER BY id {order} LIMIT ?"
    )


def update(job_id: str, change: Change, attempt: int | None) -> tuple[str, list[Value]]:
    """The guarded write of `change` and its parameters; it gives the new row, or none.

    Raises ValueError for a change that no job may make, whatever its state.
    """
    sql = _update_sql(
        change.of, change.to, tuple(change.sets), change.starts, change.dies, attempt is not None
    )
    values = [value_of(column, value) for column, value in change.sets.items()]
    values.append(job_id)
    if attempt is not None:
        values.append(attempt)
    return sql, values


@cache
def _update_sql(  # noqa: PLR0917  - the shape of a change, as a cache key
    of: frozenset[State],
    to: State | None,
    columns: tuple[str, ...],
    starts: bool,  # noqa: FBT001
    dies: bool,  # noqa: FBT001
    has_attempt: bool,  # noqa: FBT001
) -> str:
    _check_move(of, to)
    if unknown := set(columns) - SETTABLE:
        raise ValueError(f"a change may not set {', '.join(sorted(unknown))}")
    sets = ["state = state" if to is None else f"state = '{to}'"]
    sets += [f"{column} = ?" for column in columns]
    sets += ["attempt = attempt + 1"] * starts + ["deaths = deaths + 1"] * dies
    states = ", ".join(f"'{state}'" for state in sorted(of))
    guard = f"id = ? AND state IN ({states})" + " AND attempt = ?" * has_attempt
    return f"UPDATE jobs SET {', '.join(sets)} WHERE {guard} RETURNING {_NAMES}"  # noqa: S608  - checked above


def _check_move(of: frozenset[State], to: State | None) -> None:
    for state in sorted(of):
        if to is not None and to not in MOVES[state]:
            raise ValueError(f"no job moves from {state} to {to}")
