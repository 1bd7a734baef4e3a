"""What an ended server had under way, judged by what is known of it.

A start does so before anything is begun; where servers may end while others go on, one of these
does so all the time.

What a server that is up has under way is its own to settle, a paid call above all. Of those that
are gone a render of their machine is done again. Of a call that may cost, what the server had heard
is taken as if it came now; where it had heard nothing, the upstream is asked if it can tell
(settle_doubts.py), and else the job is in doubt and never sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from unstill.domain.attempts import Attempt
from unstill.domain.errors import StorageFailed, StorageFull, TicketTaken
from unstill.domain.job import Job, State, put_back
from unstill.domain.lease import Lease
from unstill.steps.submit_outcome import found_answered, found_open, not_its_own
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.backlog import Backlog, InterruptedJob
from unstill.store.ports.duties import Term
from unstill.store.ports.jobs import Jobs

AT_ONCE = 0  # due before all that came later: what an end of the server has interrupted
INTERVAL_S = 10.0

log = structlog.get_logger()

TakeUp = Callable[[InterruptedJob], Awaitable[bool]]  # whether its upstream is asked


async def nobody_can_tell(found: InterruptedJob) -> bool:
    """For whoever has no upstreams."""
    del found
    return False


class Judge:
    """Judges for one server what others had under way."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        attempts: Attempts,
        backlog: Backlog,
        lease: Callable[[], Lease],
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        take_up: TakeUp = nobody_can_tell,
    ) -> None:
        """take_up: lets an upstream say what became of a call that was under way."""
        self._jobs = jobs
        self._attempts = attempts
        self._backlog = backlog
        self._lease = lease
        self._clock_ms = clock_ms
        self._uptime_ms = uptime_ms
        self._take_up = take_up

    async def judge(self) -> None:
        """Judge what is interrupted now. Raises StorageFull or StorageFailed."""
        await judge_interrupted(
            jobs=self._jobs,
            attempts=self._attempts,
            backlog=self._backlog,
            server=self._lease().server,
            uptime_ms=self._uptime_ms(),
            now_ms=self._clock_ms(),
            take_up=self._take_up,
        )

    async def run(self, term: Term) -> None:
        """Judge again and again, for as long as the term goes on."""
        while True:
            try:
                if not await term.goes_on():
                    return
                await self.judge()
            except (StorageFull, StorageFailed) as error:
                log.warning("interrupted_not_judged", why=error.message)
            await asyncio.sleep(INTERVAL_S)


async def judge_interrupted(
    *,
    jobs: Jobs,
    attempts: Attempts,
    backlog: Backlog,
    server: str,
    uptime_ms: int,
    now_ms: int,
    take_up: TakeUp = nobody_can_tell,
) -> None:
    """Judge what others than `server` had under way, who are gone.

    uptime_ms: now, by the clock of leases. Raises StorageFull or StorageFailed.
    """
    for found in await backlog.interrupted(server=server, now_ms=uptime_ms):
        job = found.job
        if job.state is State.SUBMITTING:
            noted = attempts.noted_ahead(job.id, job.attempt)
            if noted is not None or not await take_up(found):
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
