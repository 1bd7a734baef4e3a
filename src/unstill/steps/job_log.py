"""The log of jobs: a line for each change of one."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from unstill.domain.job import Job
from unstill.domain.log_fields import job_fields

log = structlog.get_logger()


class JobLog:
    """Told of every change after its commit."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms

    def changed(self, job: Job) -> None:
        if job.failure is not None and not job.is_hidden:
            code, why = job.failure.code, _without_prompt(job.failure.message, job)
            log.info("job_failed", **job_fields(job), code=code, why=why)
        log.info(
            "job_deleted" if job.is_hidden else "job",  # its state need not have changed
            **job_fields(job),
            asked=job.model,
            model=job.request.model,
            engine=job.engine,
            state=job.state.value,
            attempt=job.attempt,
            elapsed_s=(self._clock_ms() - job.created_ms) / 1000,
        )


def _without_prompt(words: str, job: Job) -> str:
    """An upstream's words as the log may have them: some quote what was asked."""
    for prompt in (job.request.prompt, job.request.negative_prompt):
        if prompt.strip():
            words = words.replace(prompt, "[prompt]").replace(prompt.strip(), "[prompt]")
    return words
