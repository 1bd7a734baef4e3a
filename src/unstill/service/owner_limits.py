"""What operators have set for owners and their keys, in memory.

Those of owners are followed while the server runs; keys' are told by whoever follows the keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from unstill.domain.api_key import ApiKey
from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.money import Budgets
from unstill.domain.owner import Owner
from unstill.store.ports.owners import Owners

LOOK_EVERY_S = 1.0  # another process sets them: they hold within two seconds

log = structlog.get_logger()


class OwnerLimits:
    """Limits and weights as they are; nobody has any before `startup`."""

    def __init__(self, owners: Owners, *, look_every_s: float = LOOK_EVERY_S) -> None:
        self._owners = owners
        self._look_every_s = look_every_s
        self._limits: Mapping[Party, Limits] = {}
        self._of_keys: Mapping[Party, Limits] = {}
        self._looking: asyncio.Task[None] | None = None
        self._told: Callable[[], None] | None = None
        self._reading = asyncio.Lock()

    def tell(self, told: Callable[[], None]) -> None:
        """Tell it when limits have changed."""
        self._told = told

    @property
    def keys(self) -> tuple[Party, ...]:
        """The keys that have limits of their own."""
        return tuple(self._of_keys)

    def of(self, party: Party) -> Limits:
        found = self._of_keys if party.key_id else self._limits
        return found.get(party, UNLIMITED)

    def weight_of(self, owner: Owner) -> int:
        return self._limits.get(Party(owner), UNLIMITED).weight

    @property
    def budgets(self) -> Mapping[Owner, Budgets]:
        """Of the owners that have one."""
        found = {party.owner: each.budgets for party, each in self._limits.items()}
        return {owner: budgets for owner, budgets in found.items() if budgets != Budgets()}

    def take_keys(self, keys: Sequence[ApiKey]) -> None:
        """What is set for these keys holds from now on, also for jobs of one that is revoked."""
        of_keys = {Party(key.owner, key.id): key.limits for key in keys if key.limits != UNLIMITED}
        if of_keys != self._of_keys:
            self._of_keys = of_keys
            log.info("key_limits_changed", count=len(of_keys))
            self._tell()

    def budgets_of(self, owner: Owner) -> Budgets:
        return self._limits.get(Party(owner), UNLIMITED).budgets

    async def startup(self) -> None:
        """Read them, and look for changes from then on. Raises StorageFailed, StorageFull."""
        self._limits = _by_party(await self._owners.limits())
        self._looking = asyncio.create_task(self._look())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def look(self) -> None:
        """Go by what is set now. Raises StorageFailed, StorageFull."""
        async with self._reading:
            found = _by_party(await self._owners.limits())
            if found != self._limits:
                self._limits = found
                log.info("owners_changed", count=len(found))
                self._tell()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_every_s)
            try:
                await self.look()
            except (StorageFailed, StorageFull) as error:
                log.warning("owners_not_read", why=error.message)

    def _tell(self) -> None:
        if self._told is not None:
            self._told()


def _by_party(limits: Mapping[Owner, Limits]) -> dict[Party, Limits]:
    return {Party(owner): each for owner, each in limits.items()}
