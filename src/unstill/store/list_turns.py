"""Turns of callers' lists: an owner's wait for each other, and nobody lines up without an end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from unstill.domain.errors import Overloaded
from unstill.domain.owner import Owner

MOST_AT_ONCE = 16  # lists of one owner, the one that is read included


class ListTurns:
    def __init__(self) -> None:
        self.at_once: Counter[Owner] = Counter()  # lists under way, by owner
        # An owner's lists wait for each other, so that whoever reads them has one of each owner at
        # most: it takes them as they come, which is by turns.
        self._turns: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def of(self, owner: Owner) -> AsyncIterator[None]:
        """The owner's lists one after the other. Raises Overloaded."""
        if self.at_once[owner] >= MOST_AT_ONCE:
            raise Overloaded(f"{MOST_AT_ONCE} of your lists are being read, ask for this one again")
        self.at_once[owner] += 1
        turn = self._turns.setdefault(owner, asyncio.Lock())
        try:
            async with turn:
                yield
        finally:
            self.at_once[owner] -= 1
            if not self.at_once[owner]:
                del self.at_once[owner], self._turns[owner]
