"""What an ended server had under way, judged by what is known of it. Before anything is begun.

A render of this machine is done again. Of a call that may cost, what the server had heard is taken
as if it came now; where it had heard nothing, the job is in doubt and is never sent again.
"""

from __future__ import annotations

from unstill.domain.errors import TicketTaken
from unstill.domain.job import Job, State, put_back
from unstill.steps.submit_outcome import found_answered, found_open, not_its_own
from unstill.store.port import Backend

AT_ONCE = 0  # due before all that came later: what an end of the server has interrupted


async def judge_interrupted(backend: Backend, now_ms: int) -> None:
    """Judge all of it. Raises StorageFull or StorageFailed."""
    for job in await backend.interrupted():
        if job.state is State.SUBMITTING:
            await _judge_call(backend, job, now_ms)
        else:
            await backend.change(job.id, put_back(AT_ONCE), attempt=job.attempt)
    backend.forget_ahead()


async def _judge_call(backend: Backend, job: Job, now_ms: int) -> None:
    attempt = backend.noted_ahead(job.id, job.attempt)
    if attempt is None:
        await backend.change(job.id, found_open(job, now_ms), attempt=job.attempt)
        return
    try:
        await backend.change(job.id, found_answered(job, attempt), attempt=job.attempt)
    except TicketTaken as error:
        not_known = found_answered(job, not_its_own(attempt, error))
        await backend.change(job.id, not_known, attempt=job.attempt)
