"""What operators have set for owners, in memory, and followed while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.limits import UNLIMITED, Limits
from unstill.domain.owner import Owner
from unstill.store.ports.owners import Owners

LOOK_EVERY_S = 1.0  # another process sets them: they hold within two seconds

log = structlog.get_logger()


class OwnerLimits:
    """Limits and weights as they are; nobody has any before `startup`."""

    def __init__(self, owners: Owners, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._owners = owners
        self._look_every_s = look_every_s
        self._limits: Mapping[Owner, Limits] = {}
        self._looking: asyncio.Task[None] | None = None
        self._told: Callable[[], None] | None = None

    def tell(self, told: Callable[[], None]) -> None:
        """Tell it when limits have changed."""
        self._told = told

    def of(self, owner: Owner) -> Limits:
        return self._limits.get(owner, UNLIMITED)

    def weight_of(self, owner: Owner) -> int:
        return self._limits.get(owner, UNLIMITED).weight

    async def startup(self) -> None:
        """Read them, and look for changes from then on. Raises StorageFailed, StorageFull."""
        self._limits = await self._owners.limits()
        self._looking = asyncio.create_task(self._look())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                found = await self._owners.limits()
            except (StorageFailed, StorageFull) as error:
                log.warning("owners_not_read", why=error.message)
                continue
            if found != self._limits:
                self._limits = found
                log.info("owners_changed", count=len(found))
                if self._told is not None:
                    self._told()
