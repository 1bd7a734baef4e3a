"""What nobody needs any more: files of deleted jobs, old uploads, lost folders, old rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from unstill.backend.port import Backend
from unstill.errors import StorageFailed, StorageFull
from unstill.files.port import Files, Folder
from unstill.files.uploads import Uploads

log = structlog.get_logger()

INTERVAL_S = 600.0
# Pictures are kept before their row is committed: a folder may be young and without one.
LOST_AFTER_S = 3600.0
ROWS_KEPT_MS = 30 * 24 * 3600 * 1000  # of deleted jobs, for whoever checks the month's accounts


class Sweep:
    """Comes round now and then; each round may be ended at any point."""

    def __init__(
        self, *, backend: Backend, files: Files, uploads: Uploads, clock_ms: Callable[[], int]
    ) -> None:
        self._backend = backend
        self._files = files
        self._uploads = uploads
        self._clock_ms = clock_ms

    async def run(self) -> None:
        """Sweep at once and then every ten minutes, until cancelled."""
        while True:
            try:
                await self.sweep()
            except Exception as error:  # a round that failed does not end the rounds
                log.exception("sweep_failed", error=type(error).__name__)
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> None:
        """One round. Raises OwnError if the rows or the folders cannot be read."""
        for job in await self._backend.hidden():
            if job.created_ms < self._clock_ms() - ROWS_KEPT_MS and await self._remove(job.id):
                await self._backend.forget(job.id)
        await self._uploads.sweep(self._clock_ms() / 1000)
        async for folder in self._files.folders():
            if await self._is_unneeded(folder):
                await self._remove(folder.job_id)

    async def _remove(self, job_id: str) -> bool:
        """Remove its files; whether they are gone. One that cannot be removed holds up no other."""
        try:
            await self._files.remove(job_id)
        except (StorageFull, StorageFailed) as error:
            log.warning("files_not_removed", job_id=job_id, why=error.message)
            return False
        return True

    async def _is_unneeded(self, folder: Folder) -> bool:
        job = await self._backend.find(folder.job_id)
        if job is None:
            return folder.changed_at_s < self._clock_ms() / 1000 - LOST_AFTER_S
        return job.is_hidden and job.state.is_final
