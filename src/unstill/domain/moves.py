"""The states that a job came into, each with its time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.job import Job, State


class JobMove(msgspec.Struct, frozen=True):
    state: State
    at_ms: int


def moves_of(job: Job) -> Sequence[JobMove]:
    """In order, as far as the job's row tells: when it was made, begun and ended."""
    moves = [JobMove(State.QUEUED, job.created_ms)]
    if job.started_ms is not None:
        moves.append(JobMove(State.RUNNING, job.started_ms))
    if job.ended_ms is not None:
        moves.append(JobMove(job.state, job.ended_ms))
    return moves
