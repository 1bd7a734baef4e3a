"""Wishes that an upstream stop: passed on once, and again where it did not say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from unstill.domain.errors import UnstillError
from unstill.domain.job import cancelled
from unstill.domain.log_fields import row_facts, row_fields
from unstill.store.ports.backlog import TicketRow
from unstill.store.ports.jobs import Jobs
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import Cancellation, Cancelled, Remote, Ticket, TooLate, Unsupported

log = structlog.get_logger()


class CancelSender:
    """The cancels of one account's tickets; `engines` are those that use it, by name."""

    def __init__(
        self,
        engines: Mapping[str, Remote],
        goes_on: Callable[[TicketRow], None],
        *,
        jobs: Jobs,
        clock_ms: Callable[[], int],
        traces: Traces = NO_TRACES,
    ) -> None:
        """`goes_on` is told of a ticket whose upstream will not stop."""
        self._engines = engines
        self._goes_on = goes_on
        self._jobs = jobs
        self._clock_ms = clock_ms
        self._traces = traces
        self._under_way: dict[str, asyncio.Task[None]] = {}  # by job

    async def cancel(self, row: TicketRow) -> Cancellation:
        """Ask the upstream to stop; what it cannot stop goes on, and is paid for.

        Raises UpstreamError if it does not say, StorageFull or StorageFailed.
        """
        engine = self._engines.get(row.engine)
        if engine is None:
            return Unsupported()
        answer = await engine.cancel(ticket_of(row))
        log.info("cancel", **row_fields(row), answer=type(answer).__name__)
        if not isinstance(answer, Cancelled):
            return answer
        change = cancelled(self._clock_ms(), is_hidden=False)
        now = await self._jobs.change(row.job_id, change, attempt=row.attempt)
        return TooLate() if now is None else answer

    def heed(self, row: TicketRow) -> None:
        """Begin to ask, if that is wished and not under way."""
        if row.wants_cancel and row.job_id not in self._under_way:
            cancel = asyncio.create_task(self._heed(row))
            self._under_way[row.job_id] = cancel
            cancel.add_done_callback(lambda _: self._under_way.pop(row.job_id, None))

    async def stop(self) -> None:
        """End the cancels under way; the wishes stand in the rows."""
        cancels = tuple(self._under_way.values())
        for cancel in cancels:
            cancel.cancel()
        await asyncio.gather(*cancels, return_exceptions=True)

    async def _heed(self, row: TicketRow) -> None:
        try:
            with self._traces.step("cancel", row_facts(row), context=row.trace):
                await self.cancel(row)
        except UnstillError as error:
            log.warning("cancel_failed", **row_fields(row), why=error.message)
            return
        except Exception:
            log.exception("cancel_failed", **row_fields(row))
            return
        self._goes_on(row)


def ticket_of(row: TicketRow) -> Ticket:
    """A watched ticket as its engine knows it."""
    return Ticket(row.job_id, row.ticket, row.upstream_model, row.started_ms)
