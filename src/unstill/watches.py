"""The watches of all upstream accounts, as one: taken up at a start, told of every change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from unstill.backend.port import Backend
from unstill.board import Board
from unstill.engines.remote import Account, Cancellation, Remote
from unstill.job import Job
from unstill.stalls import Stalls
from unstill.watch import Watch, row_of

log = structlog.get_logger()

NOBODY = Account(id="", slots=0, requests_per_s=0.0, interval_s=60.0)  # of engines that are gone


class Watches:
    """The watches of all accounts, as one."""

    def __init__(
        self,
        remotes: Mapping[str, Remote],
        *,
        backend: Backend,
        board: Board,
        stalls: Stalls,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
    ) -> None:
        self._backend = backend
        given: dict[str, Any] = {
            "backend": backend,
            "board": board,
            "stalls": stalls,
            "clock_ms": clock_ms,
            "uptime_ms": uptime_ms,
        }
        by_account: dict[str, dict[str, Remote]] = {}
        for remote in remotes.values():
            by_account.setdefault(remote.account.id, {})[remote.name] = remote
        self._by_engine: dict[str, Watch] = {}
        for sharing in by_account.values():
            account = next(iter(sharing.values())).account
            watch = Watch(account, sharing, **given)
            self._by_engine |= dict.fromkeys(sharing, watch)
        self._orphans = Watch(NOBODY, {}, **given)
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self) -> None:
        """Take up every ticket, then begin to ask."""
        removed: dict[str, int] = {}
        async for rows in self._backend.tickets():
            for row in rows:
                watch = self._of(row.engine)
                watch.take_up(row)
                if watch is self._orphans:
                    removed[row.engine] = removed.get(row.engine, 0) + 1
        for engine, count in removed.items():
            log.warning("engine_removed", engine=engine, tickets=count)
        self._tasks = [asyncio.create_task(watch.run()) for watch in self._all]

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        self._of(job.engine).changed(job)

    def hint(self, job: Job) -> None:
        """Somebody says that there is news of the job."""
        self._of(job.engine).hint(job.id)

    async def cancel(self, job: Job) -> Cancellation:
        """Ask the upstream to stop a running job, and end it if that is done.

        Raises UpstreamError if the upstream does not say, StorageFull or StorageFailed.
        """
        return await self._of(job.engine).cancel(row_of(job))

    async def shutdown(self) -> None:
        """Ask no more; all that is known of the tickets is in their rows."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for watch in self._all:
            await watch.stop()

    @property
    def _all(self) -> list[Watch]:
        return [*dict.fromkeys(self._by_engine.values()), self._orphans]

    def _of(self, engine: str) -> Watch:
        return self._by_engine.get(engine, self._orphans)
