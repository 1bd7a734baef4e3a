"""The rounds beside the steps: of what nobody needs any more, and of what is kept for a while.

Of several servers one makes them, as its duty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from unstill.domain.removals import Removals
from unstill.files.storage import Storage
from unstill.steps.cleanup import Sweep
from unstill.steps.expiry import Expiry, KeepTimes
from unstill.store.ports.duties import Term
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
        self._duties = store.duties

    @property
    def removals(self) -> Removals:
        return self._expiry.removals

    def startup(self) -> None:
        """Make the rounds for as long as that is this server's duty."""
        self._duties.perform("rounds", self._make)

    async def _make(self, term: Term) -> None:
        """Both, until the term is over, and no longer than each other."""
        rounds = [asyncio.create_task(each.run(term)) for each in (self._sweep, self._expiry)]
        try:
            ended, _ = await asyncio.wait(rounds, return_when=asyncio.FIRST_COMPLETED)
            for each in ended:
                await each  # raises what it ended with
        finally:
            for each in rounds:
                each.cancel()
            await asyncio.gather(*rounds, return_exceptions=True)
