"""The states that a job came into, each with its time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unstill.domain.job import Job, State


class JobMove(msgspec.Struct, frozen=True):
    state: State
    at_ms: int


def moves_of(job: Job, noted: Sequence[JobMove] = ()) -> Sequence[JobMove]:
    """In order; what was not noted by when the job was made, begun and ended.

    noted: nothing of what was before the store began to.
    """
    moves = [JobMove(State.QUEUED, job.created_ms), *noted]
    has_begun = any(each.state is State.RUNNING for each in noted)
    if job.started_ms is not None and not has_begun:
        begun = JobMove(State.RUNNING, job.started_ms)
        later = (at for at, each in enumerate(moves) if each.at_ms > begun.at_ms)
        moves.insert(next(later, len(moves)), begun)
    if job.ended_ms is not None and moves[-1].state is not job.state:
        moves.append(JobMove(job.state, job.ended_ms))
    return moves
