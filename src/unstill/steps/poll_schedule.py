"""One ticket that is polled: when it is asked for, and what of an answer is believed. Pure.

What an upstream says once may be a replica that has not heard of the task, a proxy that begins to
serve, a cache: only the end of a task is believed at once.
"""

from __future__ import annotations

from math import inf

import msgspec

from unstill.domain.job import Job
from unstill.store.ports.backlog import TicketRow
from unstill.upstreams.port import Gone, Unclear, Verdict

LEAST_GONE = 4  # looks in a row, over half a minute at the usual pace


class PolledTicket(msgspec.Struct, gc=False):
    """A ticket, and when it is due on the loop's clock; `inf` while it is asked for."""

    row: TicketRow
    due_s: float = inf
    unclear: int = 0  # answers in a row that said nothing
    gone: int = 0  # answers in a row that knew no such task
    late_looks: int = 0  # this life had so many after the deadline
    looks: int = 0  # this life had so many answers

    def believed(self, verdict: Verdict) -> Verdict:
        """What the next answer comes to beside those before it."""
        self.looks += 1
        if not isinstance(verdict, Gone):
            self.gone = self.gone if isinstance(verdict, Unclear) else 0
            return verdict
        self.gone += 1
        if self.gone >= LEAST_GONE:
            return verdict
        return Unclear("not_found", f"{verdict.message}, if it says so again")


def row_of(job: Job) -> TicketRow:
    """What a poller keeps of a job that runs at an upstream."""
    return TicketRow(
        job_id=job.id,
        attempt=job.attempt,
        engine=job.engine,
        ticket=job.ticket or "",
        upstream_model=job.upstream_model or "",
        started_ms=job.started_ms or 0,
        deadline_ms=job.deadline_ms,
        wants_cancel=job.wants_cancel,
        owner=job.owner,
        request_id=job.request_id,
        trace=job.trace,
    )
