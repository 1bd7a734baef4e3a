"""The board: the last progress of each job that is being rendered, in memory only."""

from __future__ import annotations

from unstill.job import Job, State

RENDERED = 0.97  # what is left after the render is the check and the rename
_BY_STATE = {
    State.QUEUED: 0.0,
    State.READY: 0.0,
    State.SUBMITTING: 0.0,
    State.SAVING: RENDERED,
    State.SUCCEEDED: 1.0,
    State.FAILED: 1.0,
    State.CANCELLED: 1.0,
}


class Board:
    """Progress by job; told by engines, read by answers."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}

    def expect(self, job_id: str) -> None:
        """Take reports of a job that a start has found running."""
        self._fractions.setdefault(job_id, 0.0)

    def report(self, job_id: str, fraction: float) -> None:
        """Note how far an engine is, 0 to 1; an earlier, higher report stands."""
        earlier = self._fractions.get(job_id)
        if earlier is not None:  # else it was put back or cancelled, and its child speaks late
            self._fractions[job_id] = max(earlier, min(fraction, 1.0))

    def changed(self, job: Job) -> None:
        """Take reports of a job that is rendered, forget one that is not any more."""
        if job.state is State.RUNNING:
            self.expect(job.id)
        else:
            self._fractions.pop(job.id, None)

    def progress(self, job: Job) -> float:
        """How far the job is, 0 to 1."""
        settled = _BY_STATE.get(job.state)
        if settled is not None:
            return settled
        return self._fractions.get(job.id, 0.0) * RENDERED
