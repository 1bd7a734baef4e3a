"""Jobs that another process has added to an open store: those that go on from the calls of others.

An operator's command adds one beside a running server, which looks once a second whether there are
any, and tells of them as of its own commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from unstill.domain.errors import OwnError
from unstill.store.embedded.connections import Reader

LOOK_EVERY_S = 1.0

_LAST = "SELECT coalesce(max(number), 0) FROM continuations"
_ADDED = "SELECT number, continued_by FROM continuations WHERE number > ? ORDER BY number"

log = structlog.get_logger()


class AddedJobs:
    """Watches an open store for jobs of other processes."""

    def __init__(self, ledger: Reader, added: Callable[[str], None]) -> None:
        """`added` is told of each job that another process has added; it may raise OwnError."""
        self._ledger = ledger
        self._added = added
        self._number = 0  # all up to it were told of, here or by what a start reads
        self._own: set[str] = set()  # jobs that this process adds, whose commit tells of them
        self._looking: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Before what runs at upstreams is read."""
        [(self._number,)] = await self._ledger.select(_LAST)
        self._looking = asyncio.create_task(self._look())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def add_own(self, job_id: str) -> None:
        """This process adds the job in the transaction at hand; of any thread."""
        self._own.add(job_id)

    async def look(self) -> None:
        """See what was added since. Raises OwnError."""
        for number, job_id in await self._ledger.select(_ADDED, (self._number,)):
            if job_id not in self._own:
                self._added(f"{job_id}")
            self._own.discard(f"{job_id}")
            self._number = number

    async def _look(self) -> None:
        is_told = False
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except OwnError as error:
                if not is_told:
                    log.warning("added_jobs_not_read", why=error.message)
                is_told = True
            else:
                is_told = False
