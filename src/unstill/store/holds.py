"""Which jobs of an open store are held, followed as jobs change and as operators release them.

None of them makes a call that may cost before an operator releases it, which another process may
do: while there are any, a store looks every two seconds which of them are left. One that runs at
an upstream waits for nobody; it is held in case it comes back, lost there and perhaps paid for
elsewhere since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.job import FINAL, Job, State

LOOK_EVERY_S = 2.0
WAITING = frozenset({State.QUEUED, State.READY})  # for the operator's word
OVER = FINAL | {State.SAVING}  # no call can follow: it is held no more

DROP = "DELETE FROM held WHERE job_id = ?"
_COUNT = "SELECT count(*) FROM held"
_ALL = "SELECT job_id, state FROM held JOIN jobs ON id = job_id"

log = structlog.get_logger()


class Holds:
    """Knows which jobs of an open store are held."""

    def __init__(
        self,
        select: Callable[[str], Awaitable[Sequence[Any]]],
        released: Callable[[str], None],
    ) -> None:
        """`select` reads rows of the store; `released` is told of each job that waits no more."""
        self._select = select
        self._released = released
        self._ids: set[str] = set()
        self._waiting: set[str] = set()
        self._looking: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        found = await self._read()
        self._ids = set(found)
        self._waiting = {job_id for job_id, state in found.items() if state in WAITING}
        if self._waiting:
            self._tell()
        if self._ids:
            self._looking = asyncio.create_task(self._look())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._ids

    @property
    def waiting(self) -> int:
        """How many wait for the operator's word."""
        return len(self._waiting)

    def changed(self, job: Job) -> None:
        """Follow a job; told after the commit."""
        if job.id not in self._ids:
            return
        if job.state in OVER:
            self._ids.discard(job.id)
        if job.state not in WAITING:
            self._waiting.discard(job.id)
        elif job.id not in self._waiting:  # lost by its upstream, or not taken after all
            self._waiting.add(job.id)
            self._tell()

    def _tell(self) -> None:
        log.warning("jobs_held", count=len(self._waiting), mend="unstill jobs release")

    async def look(self) -> None:
        """See which of them an operator has released. Raises StorageFailed, StorageFull."""
        [(count,)] = await self._select(_COUNT)
        left = self._ids if count == len(self._ids) else set(await self._read())
        released = self._waiting - left
        self._ids &= left
        self._waiting -= released
        for job_id in sorted(released):
            self._released(job_id)
        if released:
            log.info("jobs_released", count=len(released), held=len(self._waiting))

    async def _look(self) -> None:
        while self._ids:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except (StorageFailed, StorageFull) as error:
                log.warning("held_jobs_not_read", why=error.message)

    async def _read(self) -> Mapping[str, State]:
        return {job_id: State(state) for job_id, state in await self._select(_ALL)}
