"""Activity as reads that both databases have, each small: callers' lists have turns between them.

Jobs that have ended are found by the index of ends. Those that were made are counted by their ids,
which begin with their time, and no row of them is looked at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from unstill.domain.activity import (
    MOST_LOOKED_AT,
    Activity,
    ActivitySpan,
    ActivitySums,
    EndedJob,
)
from unstill.domain.job import State
from unstill.domain.job_ids import first_id
from unstill.store.job_rows import Row

ROWS = 500  # in one read

# Parameters: the end and the id before which it begins, the first moment, limit.
ENDED = (
    "SELECT id, ended_ms, engine, state, created_ms, started_ms, {code}, {video_s} FROM jobs "
    "WHERE ended_ms IS NOT NULL AND (ended_ms, id) < ({}, {}) AND ended_ms >= {} "
    "ORDER BY ended_ms DESC, id DESC LIMIT {}"
)
MADE = "SELECT count(*) FROM jobs WHERE id >= {} AND id < {}"

Read = Callable[..., Awaitable[Sequence[Row]]]  # it is given the parameters


async def activity_in(span: ActivitySpan, *, ended: Read, made: Read) -> Activity:
    """What the reads `ENDED` and `MADE` say of the span."""
    sums, before, count = ActivitySums(span), (span.until_ms + 1, ""), 0
    while found := await ended(*before, span.since_ms, min(ROWS, MOST_LOOKED_AT - count)):
        for row in found:
            sums.note(_ended_job_of(row))
        count += len(found)
        before = (found[-1][1], found[-1][0])
        if count >= MOST_LOOKED_AT:
            span = msgspec.structs.replace(span, since_ms=before[0])
            break
    numbers = {
        n: await made(first_id(max(n * span.step_ms, span.since_ms)), _end_of(n, span))
        for n in span.steps
    }
    return sums.told(span, {n: int(found[0][0]) for n, found in numbers.items()})


def _end_of(n: int, span: ActivitySpan) -> str:
    return first_id(min((n + 1) * span.step_ms, span.until_ms + 1))


def _ended_job_of(row: Row) -> EndedJob:
    _, ended_ms, engine, state, *others = row
    return EndedJob(ended_ms, engine, State(state), *others)
