"""What nobody needs any more: files of deleted jobs, folders without a row, rows long deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from unstill.backend.port import Backend
from unstill.errors import UnstillError
from unstill.files.port import Files, Folder

log = structlog.get_logger()

INTERVAL_S = 600.0
# Pictures are kept before their row is committed: a folder may be young and without one.
LOST_AFTER_S = 3600.0
ROWS_KEPT_MS = 30 * 24 * 3600 * 1000  # of deleted jobs, for whoever checks the month's accounts


class Sweep:
    """Comes round now and then; each round may be ended at any point."""

    def __init__(self, *, backend: Backend, files: Files, clock_ms: Callable[[], int]) -> None:
        self._backend = backend
        self._files = files
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Sweep at once and then every ten minutes, until cancelled."""
        while True:
            try:
                await self.sweep()
            except UnstillError as error:
                log.warning("sweep_failed", why=error.message)
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> None:
        for job in await self._backend.hidden():
            if job.created_ms < self._clock_ms() - ROWS_KEPT_MS:
                await self._files.remove(job.id)
                await self._backend.forget(job.id)
        async for folder in self._files.folders():
            if await self._is_unneeded(folder):
                await self._files.remove(folder.job_id)

    async def _is_unneeded(self, folder: Folder) -> bool:
        job = await self._backend.find(folder.job_id)
        if job is None:
            return folder.changed_at_s < self._clock_ms() / 1000 - LOST_AFTER_S
        return job.is_hidden and job.state.is_final
