"""The pollers of all upstream accounts, as one: told of every change, and each a duty of its own.

One server of all asks for the tickets of an account. It takes them up from their rows as its term
begins, and lets go of them as that ends: what is known of a ticket is in its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import partial

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
from unstill.store.ports.duties import Duties, Duty, Term
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.signals import Signals
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import Account, Cancellation, Cancelled, Remote

log = structlog.get_logger()

NOBODY = Account(
    id="", slots=0, requests_per_s=0.0, interval_s=60.0
)  # engines have it that are gone

HINTS = "hints"  # their topic: the id and the engine of a job that there is news of


class Pollers:
    """The pollers of all accounts, as one."""

    def __init__(
        self,
        remotes: Mapping[str, Remote],
        *,
        jobs: Jobs,
        backlog: Backlog,
        duties: Duties,
        signals: Signals,
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
        self._duties = duties
        self._signals = signals
        self._clock_ms = clock_ms
        self._traces = traces

        def poller_of(account: Account, sharing: Mapping[str, Remote]) -> Poller:
            return Poller(
                account,
                sharing,
                jobs=jobs,
                board=board,
                stalls=stalls,
                clock_ms=clock_ms,
                uptime_ms=uptime_ms,
                bills=bills,
                traces=traces,
            )

        by_account: dict[str, dict[str, Remote]] = {}
        for remote in remotes.values():
            by_account.setdefault(remote.account.id, {})[remote.name] = remote
        self._by_engine: dict[str, Poller] = {}
        for sharing in by_account.values():
            account = next(iter(sharing.values())).account
            poller = poller_of(account, sharing)
            self._by_engine |= dict.fromkeys(sharing, poller)
        self._orphans = poller_of(NOBODY, {})
        self._polled = self._those_of(role)
        signals.hear(HINTS, self._hinted)

    async def startup(self) -> None:
        """Ask for the tickets of each account for as long as that is this server's duty.

        Where it can be no other's, every ticket is taken up at once: all rows are read once.
        """
        if self._duties.is_alone and self._polled:
            await self._take_up(self._polled, None)
        for poller in (each for each in self._all if each in self._polled):
            self._duties.perform(f"watch:{poller.account.id}", self._duty(poller))

    def _duty(self, poller: Poller) -> Duty:
        # Who has no account has the tickets of all engines that nobody has.
        engines = [name for name, each in self._by_engine.items() if each is poller] or None

        one_term = asyncio.Lock()  # a server may get a duty again that it is about to let go

        async def watch(term: Term) -> None:
            async with one_term:
                try:
                    if not poller.is_ours:  # else the start has taken its tickets up
                        await self._take_up([poller], engines)
                    await poller.run(term)
                finally:
                    await poller.let_go()

        return watch

    async def _take_up(self, pollers: Collection[Poller], engines: Collection[str] | None) -> None:
        """Let these watch the tickets of these engines; None: of all. Raises StorageFailed."""
        removed: dict[str, int] = {}
        for poller in pollers:
            poller.begin()
        async for rows in self._backlog.tickets(engines):
            for row in rows:
                poller = self._of(row.engine)
                if poller not in pollers:
                    continue
                poller.take_up(row)
                if poller is self._orphans:
                    removed[row.engine] = removed.get(row.engine, 0) + 1
        for engine, count in removed.items():
            log.warning("engine_removed", engine=engine, tickets=count)

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        ended = self._of(job.engine).changed(job)
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

    def hint(self, job_id: str, engine: str) -> None:
        """Somebody says that there is news of the job: who asks for it does so now."""
        self._signals.tell(HINTS, f"{job_id} {engine}")

    def _hinted(self, message: str) -> None:
        job_id, _, engine = message.partition(" ")
        self._of(engine).hint(job_id)

    async def cancel(self, job: Job) -> Cancellation:
        """Ask the upstream to stop a running job, and end it if that is done.

        Raises UpstreamError if the upstream does not say, StorageFull or StorageFailed.
        """
        return await self._of(job.engine).cancel(row_of(job))

    async def stop_job(self, job: Job) -> bool:
        """As `cancel` does; whether the job was stopped."""
        return isinstance(await self.cancel(job), Cancelled)

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
