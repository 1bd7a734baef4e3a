"""The rounds beside the steps: of what nobody needs any more, and of what is kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from unstill.domain.removals import Removals
from unstill.files.storage import Storage
from unstill.steps.cleanup import Sweep
from unstill.steps.expiry import Expiry, KeepTimes
from unstill.store.ports.store import Store
from unstill.system.clock import clock_ms as system_clock_ms


class Rounds:
    def __init__(
        self, store: Store, storage: Storage, *, terms: KeepTimes, clock_ms: Callable[[], int]
    ) -> None:
        self._sweep = Sweep(
            retention=store.retention,
            store_state=store,
            files=storage.files,
            uploads=storage.uploads,
            clock_ms=system_clock_ms,  # whatever clock jobs go by: files have the system's
        )
        self._expiry = Expiry(
            terms=terms, retention=store.retention, files=storage.files, clock_ms=clock_ms
        )
        self._rounds: Sequence[asyncio.Task[None]] = ()

    @property
    def removals(self) -> Removals:
        return self._expiry.removals

    def startup(self) -> None:
        """Begin the rounds."""
        self._rounds = [asyncio.create_task(each.run()) for each in (self._sweep, self._expiry)]

    async def shutdown(self) -> None:
        for each in self._rounds:
            each.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)
