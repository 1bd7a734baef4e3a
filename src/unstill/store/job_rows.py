"""A job and its attempts as rows and back, in whichever store.

The columns of the table are the fields of `Job`, by the same names. Plain values are plain
columns; `request`, `size`, `video`, `usage`, `failure` and `result` are JSON. The request is
written out in full, its version too, so that a later default cannot change what an old row meant.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from sys import intern
from typing import Any

import msgspec

from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.errors import OperatorError
from unstill.domain.job import (
    Failure,
    IdempotencyMark,
    Job,
    Result,
    State,
    Usage,
    Video,
    Vocabulary,
)
from unstill.domain.owner import Owner
from unstill.domain.request import Size, VideoRequest
from unstill.store.ports.backlog import TicketRow, UnfinishedJob

Value = str | int | None
Row = tuple[Any, ...]  # one value per column, as the database gives them

NEWEST_REQUEST = 1  # the newest `VideoRequest.version` that this release reads

COLUMNS = Job.__struct_fields__
NAMES = ", ".join(COLUMNS)
FINAL_STATES = ", ".join(f"'{state}'" for state in State if state.is_final)
ATTEMPT_COLUMNS = Attempt.__struct_fields__
SETTLED_COLUMNS = tuple(each for each in Settlement.__struct_fields__ if each != "n")
ATTEMPT_NAMES = ", ".join(ATTEMPT_COLUMNS)
_JSON_COLUMNS = frozenset({"size", "video", "usage", "failure", "result"})
_FLAG_COLUMNS = frozenset({"is_hidden", "wants_cancel"})

_STATES = {state.value: state for state in State}
# The first release called the unified document "seed", and every row since does.
_STORED_WORDS: dict[Vocabulary, str] = {"openai": "openai", "unified": "seed"}
_WORDS: dict[Any, Vocabulary] = {stored: words for words, stored in _STORED_WORDS.items()}
_encode = msgspec.json.Encoder().encode
_request_of = msgspec.json.Decoder(VideoRequest).decode
_size_of = msgspec.json.Decoder(Size).decode
_video_of = msgspec.json.Decoder(Video).decode
_usage_of = msgspec.json.Decoder(Usage).decode
_failure_of = msgspec.json.Decoder(Failure).decode
_result_of = msgspec.json.Decoder(Result).decode


class _Versioned(msgspec.Struct):
    version: int = 0


# --- rows --------------------------------------------------------------------------------------


def row_of(job: Job) -> tuple[Value, ...]:
    """The job's values in the order of `COLUMNS`."""
    values = list(_fields_of(job))
    for place, write in _WRITES:
        value = values[place]
        if value is not None:
            values[place] = write(value)
    return tuple(values)


def value_of(column: str, value: Any) -> Value:
    """One field of a job as its column keeps it."""
    if column == "request":
        return write_request(value)
    if column == "words":
        return _stored_words(value)
    if column in _JSON_COLUMNS:
        return None if value is None else _json(value)
    if column in _FLAG_COLUMNS:
        return int(value)
    plain: Value = value
    return plain


def job_of(row: Row) -> Job:
    """The job of a whole row in the order of `COLUMNS`. Raises OperatorError if it is newer."""
    # In one step: measured, lists of what is left cost a fourth of the whole.
    (
        id_, owner, dialect, words, model, request, engine, created_ms, state,
        attempt, deaths, due_ms, size, started_ms, ended_ms, video, usage, failure,
        is_hidden, ticket, upstream_model, result, deadline_ms, wants_cancel, webhook_url,
        request_id, key_id, trace,
    ) = row  # fmt: skip
    return Job(
        id_,
        owner,
        dialect,
        _WORDS[words],
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
        ticket,
        upstream_model,
        None if result is None else _result_of(result),
        deadline_ms,
        wants_cancel == 1,
        webhook_url,
        request_id,
        key_id,
        trace,
    )


def video_name_in(text: str) -> str | None:
    """The file's name in the column `video`; None where its time is over."""
    video = _video_of(text)
    return video.file_name if video.removed_ms is None else None


def unfinished_job_of(row: Row) -> UnfinishedJob:
    job_id, owner, state, engine, due_ms, key_id = row
    return UnfinishedJob(
        job_id, Owner(intern(owner)), _STATES[state], intern(engine), due_ms, intern(key_id)
    )


def attempt_of(row: Row) -> Attempt:
    """The attempt of a whole row in the order of `ATTEMPT_COLUMNS`."""
    values = dict(zip(ATTEMPT_COLUMNS, row, strict=True))
    values["outcome"] = Outcome(values["outcome"])
    values["of_account"] = values["of_account"] == 1
    return Attempt(**values)


def attempt_row_of(attempt: Attempt) -> tuple[Value, ...]:
    values = msgspec.structs.asdict(attempt) | {"of_account": int(attempt.of_account)}
    return tuple(values[column] for column in ATTEMPT_COLUMNS)


def settlement_row_of(job_id: str, settlement: Settlement) -> tuple[Value, ...]:
    """The parameters of `SETTLE`."""
    values = msgspec.structs.asdict(settlement) | {"of_account": int(settlement.of_account)}
    return (*(values[column] for column in SETTLED_COLUMNS), job_id, settlement.n)


def mark_row_of(job: Job, mark: IdempotencyMark) -> tuple[Value, ...]:
    """The parameters of `MARK`."""
    return (job.id, job.owner, mark.key, mark.fingerprint, job.created_ms)


def ticket_of(row: Row) -> TicketRow:
    (
        job_id, attempt, engine, ticket, upstream_model, started_ms, deadline_ms, wants_cancel,
        owner, request_id, trace,
    ) = row  # fmt: skip
    return TicketRow(
        job_id=job_id,
        attempt=attempt,
        engine=intern(engine),  # one string for a hundred thousand tickets
        ticket=ticket,
        upstream_model=intern(upstream_model),
        started_ms=started_ms,
        deadline_ms=deadline_ms,
        wants_cancel=wants_cancel == 1,
        owner=Owner(intern(owner)),
        request_id=request_id,
        trace=trace,
    )


def write_request(request: VideoRequest) -> str:
    """The request as JSON with every field, those that have their default included."""
    return _encode(msgspec.structs.asdict(request)).decode()


def _stored_words(words: Vocabulary) -> str:
    return _STORED_WORDS[words]


def _json(value: Any) -> str:
    return _encode(value).decode()


_fields_of = attrgetter(*COLUMNS)
# Only these columns are written otherwise than the field is; a submit writes a whole row.
_WRITES: tuple[tuple[int, Callable[[Any], Value]], ...] = (
    (COLUMNS.index("request"), write_request),
    (COLUMNS.index("words"), _stored_words),
    *((COLUMNS.index(name), _json) for name in sorted(_JSON_COLUMNS)),
    *((COLUMNS.index(name), int) for name in sorted(_FLAG_COLUMNS)),
)


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
