"""Jobs as they were last read: one that is asked for again costs a query only once it has changed.

Whoever polls asks for the same few jobs each second, and a step for its own job several times.
"""

from __future__ import annotations

from collections.abc import Callable

from unstill.job import Job

MOST_JOBS = 4_000  # of each half
MOST_PROMPT_CHARS = 2_000  # of a job that is kept: all of them together take 20 MB at the most


class JobCache:
    """Told of each change after its commit, before anybody who waits for it goes on.

    It forgets a job then and reads it anew when it is asked for: of two changes that are told of
    one after the other, the second may stand in the store already. Two halves: what is found in the
    older one goes into the younger; once that is full, it is the older one, and what was in the
    older one is let go.
    """

    def __init__(self, read: Callable[[str], Job | None], *, most_jobs: int = MOST_JOBS) -> None:
        self._read = read
        self._most_jobs = most_jobs
        self._young: dict[str, Job] = {}
        self._old: dict[str, Job] = {}

    def find(self, job_id: str) -> Job | None:
        """The job as it is now; raises what reading raises."""
        job = self._young.get(job_id)
        if job is not None:
            return job
        job = self._old.pop(job_id, None) or self._read(job_id)
        if job is not None and len(job.request.prompt) <= MOST_PROMPT_CHARS:
            if len(self._young) >= self._most_jobs:
                self._young, self._old = {}, self._young
            self._young[job_id] = job
        return job

    def changed(self, job_id: str) -> None:
        """Another read will show another job."""
        self._young.pop(job_id, None)
        self._old.pop(job_id, None)

    def clear(self) -> None:
        """All of them may have changed."""
        self._young, self._old = {}, {}
