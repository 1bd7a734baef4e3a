"""What operators have set for owners and their keys, in memory.

server/operator_watch.py keeps it as the job store has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from unstill.domain.api_key import ApiKey
from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.money import Budgets
from unstill.domain.owner import Owner

log = structlog.get_logger()


class OwnerLimits:
    """Limits and weights as they are; nobody has any before the first `take`."""

    def __init__(self) -> None:
        self._limits: Mapping[Party, Limits] = {}
        self._of_keys: Mapping[Party, Limits] = {}
        self._told: Callable[[], None] | None = None

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
        """Those of the owners that have one."""
        found = {party.owner: each.budgets for party, each in self._limits.items()}
        return {owner: budgets for owner, budgets in found.items() if budgets != Budgets()}

    def take(self, of_owners: Mapping[Owner, Limits], keys: Sequence[ApiKey]) -> None:
        """What is set for these holds from now on, also for jobs of a key that is revoked."""
        limits = {Party(owner): each for owner, each in of_owners.items()}
        of_keys = {Party(key.owner, key.id): key.limits for key in keys if key.limits != UNLIMITED}
        if (limits, of_keys) != (self._limits, self._of_keys):
            self._limits, self._of_keys = limits, of_keys
            log.info("limits_changed", owners=len(limits), parties=len(limits) + len(of_keys))
            if self._told is not None:
                self._told()

    def budgets_of(self, owner: Owner) -> Budgets:
        return self._limits.get(Party(owner), UNLIMITED).budgets
