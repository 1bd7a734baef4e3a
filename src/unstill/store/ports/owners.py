"""The port of owners: what an operator has set for each, and which jobs take up room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from unstill.domain.limits import Limits, Party
from unstill.domain.owner import Owner


class Owners(Protocol):
    async def limits(self) -> Mapping[Owner, Limits]:
        """Those of all owners that something was ever set for, whoever set it."""

    async def change(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        """Change an owner's limits from what they are; nobody else changes them in between.

        What they are then; durable when it returns. Raises what `change` raised.
        """

    async def with_files(self, party: Party) -> Sequence[str]:
        """The jobs of an owner, or those that a key of it made, that may have files.

        All but those that are deleted and final.
        """
