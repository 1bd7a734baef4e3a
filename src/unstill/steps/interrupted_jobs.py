"""What an ended server had under way, judged by what is known of it. Before anything is begun.

What a server that is up has under way is its own to settle, a paid call above all. Of those that
are gone a render of their machine is done again. Of a call that may cost, what the server had heard
is taken as if it came now; where it had heard nothing, the job is in doubt and never sent again.
"""

from __future__ import annotations

from unstill.domain.attempts import Attempt
from unstill.domain.errors import TicketTaken
from unstill.domain.job import Job, State, put_back
from unstill.steps.submit_outcome import found_answered, found_open, not_its_own
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.jobs import Jobs

AT_ONCE = 0  # due before all that came later: what an end of the server has interrupted


async def judge_interrupted(
    *,
    jobs: Jobs,
    attempts: Attempts,
    backlog: Backlog,
    server: str,
    uptime_ms: int,
    now_ms: int,
) -> None:
    """Judge what others than `server` had under way, who are gone.

    uptime_ms: now, by the clock of leases. Raises StorageFull or StorageFailed.
    """
    for job in await backlog.interrupted(server=server, now_ms=uptime_ms):
        if job.state is State.SUBMITTING:
            noted = attempts.noted_ahead(job.id, job.attempt)
            await _judge_call(jobs, job, noted, now_ms)
        else:
            await jobs.change(job.id, put_back(AT_ONCE), attempt=job.attempt)
    attempts.forget_ahead()


async def _judge_call(jobs: Jobs, job: Job, noted: Attempt | None, now_ms: int) -> None:
    if noted is None:
        await jobs.change(job.id, found_open(job, now_ms), attempt=job.attempt)
        return
    try:
        await jobs.change(job.id, found_answered(job, noted), attempt=job.attempt)
    except TicketTaken as error:
        not_known = found_answered(job, not_its_own(noted, error))
        await jobs.change(job.id, not_known, attempt=job.attempt)
