"""The pollers of all upstream accounts, as one: taken up at a start, told of every change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from unstill.domain.job import Job
from unstill.domain.log_fields import job_facts
from unstill.domain.server_role import ALL_WORK, ServerRole, WorkKind
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.poll import Poller
from unstill.steps.poll_schedule import PolledTicket, row_of
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.jobs import Jobs
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import Account, Cancellation, Cancelled, Remote

log = structlog.get_logger()

NOBODY = Account(
    id="", slots=0, requests_per_s=0.0, interval_s=60.0
)  # engines have it that are gone


class Pollers:
    """The pollers of all accounts, as one."""

    def __init__(
        self,
        remotes: Mapping[str, Remote],
        *,
        jobs: Jobs,
        backlog: Backlog,
        board: Board,
        stalls: Stalls,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        bills: Bills = WITHOUT_COSTS,
        traces: Traces = NO_TRACES,
        role: ServerRole = ALL_WORK,
    ) -> None:
        """`role`: by which an account is asked here, if any of its engines is polled for."""
        self._backlog = backlog
        self._clock_ms = clock_ms
        self._traces = traces
        given: dict[str, Any] = {
            "jobs": jobs,
            "board": board,
            "stalls": stalls,
            "clock_ms": clock_ms,
            "uptime_ms": uptime_ms,
            "bills": bills,
            "traces": traces,
        }
        by_account: dict[str, dict[str, Remote]] = {}
        for remote in remotes.values():
            by_account.setdefault(remote.account.id, {})[remote.name] = remote
        self._by_engine: dict[str, Poller] = {}
        for sharing in by_account.values():
            account = next(iter(sharing.values())).account
            poller = Poller(account, sharing, **given)
            self._by_engine |= dict.fromkeys(sharing, poller)
        self._orphans = Poller(NOBODY, {}, **given)
        self._polled = self._those_of(role)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_up = False

    async def startup(self) -> None:
        """Take up every ticket, then begin to ask."""
        self._is_up = True
        removed: dict[str, int] = {}
        async for rows in self._backlog.tickets():
            for row in rows:
                poller = self._of(row.engine)
                if poller not in self._polled:
                    continue
                poller.take_up(row)
                if poller is self._orphans:
                    removed[row.engine] = removed.get(row.engine, 0) + 1
        for engine, count in removed.items():
            log.warning("engine_removed", engine=engine, tickets=count)
        self._tasks = [asyncio.create_task(poller.run()) for poller in self._polled]

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        poller = self._of(job.engine)
        # What a start has changed before it is up, it then reads.
        if self._is_up and poller in self._polled:
            ended = poller.changed(job)
            if ended is not None:
                self._trace(ended, job)

    def _trace(self, ended: PolledTicket, job: Job) -> None:
        """All looks at a ticket are one span: there may be thousands."""
        self._traces.add(
            "poll",
            job_facts(job) | {"unstill.looks": ended.looks},
            context=job.trace,
            begun_ms=ended.row.started_ms,
            ended_ms=self._clock_ms(),
            code="" if job.failure is None else job.failure.code,
        )

    def hint(self, job: Job) -> None:
        """Somebody says that there is news of the job."""
        self._of(job.engine).hint(job.id)

    async def cancel(self, job: Job) -> Cancellation:
        """Ask the upstream to stop a running job, and end it if that is done.

        Raises UpstreamError if the upstream does not say, StorageFull or StorageFailed.
        """
        return await self._of(job.engine).cancel(row_of(job))

    async def stop_job(self, job: Job) -> bool:
        """As `cancel` does; whether the job was stopped."""
        return isinstance(await self.cancel(job), Cancelled)

    async def shutdown(self) -> None:
        """Ask no more; all that is known of the tickets is in their rows."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for poller in self._all:
            await poller.stop()

    def _those_of(self, role: ServerRole) -> frozenset[Poller]:
        """Those that it has; of engines that are gone, where it has all engines."""
        by_engine = {**self._by_engine, NOBODY.id: self._orphans}
        polled = filter(partial(role.does_of, work=WorkKind.POLLS), by_engine)
        return frozenset(by_engine[name] for name in polled)

    @property
    def _all(self) -> list[Poller]:
        return [*dict.fromkeys(self._by_engine.values()), self._orphans]

    def _of(self, engine: str) -> Poller:
        return self._by_engine.get(engine, self._orphans)
