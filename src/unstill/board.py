"""The board: how far each unfinished job has come, in memory only."""

from __future__ import annotations

from unstill.job import Job, State

RENDERED = 0.97  # what is left after the render is the check and the rename
_BY_STATE = {
    State.SAVING: RENDERED,
    State.SUCCEEDED: 1.0,
    State.FAILED: 1.0,
    State.CANCELLED: 1.0,
}


class Board:
    """Progress by job; told by engines, read by answers. It never goes back."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}  # of jobs that have been running
        self._waiting: set[str] = set()  # those of them that were put back

    def expect(self, job_id: str) -> None:
        """Take reports of a job that is running."""
        self._fractions.setdefault(job_id, 0.0)
        self._waiting.discard(job_id)

    def report(self, job_id: str, fraction: float) -> None:
        """Note how far an engine is, 0 to 1; an earlier, higher report stands."""
        earlier = self._fractions.get(job_id)
        # Else it was put back or cancelled, and its child speaks late.
        if earlier is not None and job_id not in self._waiting:
            self._fractions[job_id] = max(earlier, min(fraction, 1.0))

    def changed(self, job: Job) -> None:
        """Take reports of a job that is rendered; of one that is put back, keep what was shown."""
        if job.state is State.RUNNING:
            self.expect(job.id)
        elif job.state in _BY_STATE:
            self._fractions.pop(job.id, None)
            self._waiting.discard(job.id)
        elif job.id in self._fractions:
            self._waiting.add(job.id)

    def progress(self, job: Job) -> float:
        """How far the job is, 0 to 1."""
        settled = _BY_STATE.get(job.state)
        if settled is not None:
            return settled
        return self._fractions.get(job.id, 0.0) * RENDERED
