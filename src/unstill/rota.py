"""Whose turn it is: where jobs of several owners wait for one thing, the owners take turns.

An owner with a thousand jobs waits as long between two of them as one with a single job. Which of
an owner's jobs is first is said by whoever keeps them. Pure; no operation grows with the jobs.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager


class Rota:
    """The owners that wait, the one whose turn it is first.

    Here would stand a weight: an owner of weight three goes behind the others with its third turn.
    """

    def __init__(self) -> None:
        # Ordered by a chain: a dict that is emptied from its front is walked through each time.
        self._owners: OrderedDict[str, None] = OrderedDict()

    def __iter__(self) -> Iterator[str]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)

    def join(self, owner: str) -> None:
        """Wait behind all who wait; one who waits already keeps its place."""
        self._owners.setdefault(owner)

    def took(self, owner: str) -> None:
        """Had its turn: everybody else is before it."""
        if owner in self._owners:
            self._owners.move_to_end(owner)

    def leave(self, owner: str) -> None:
        """Wait no more."""
        self._owners.pop(owner, None)


class Slots:
    """So many at once; owners that wait for one take turns, each in the order of its calls."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._rota = Rota()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def taken(self, owner: str) -> AsyncIterator[None]:
        """Hold a slot, as soon as one is free and it is the owner's turn."""
        await self._take(owner)
        try:
            yield
        finally:
            self._give()

    async def _take(self, owner: str) -> None:
        if self._free and not self._rota:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._rota.join(owner)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()  # it was handed on in the same moment
            raise

    def _give(self) -> None:
        """Hand the slot to the next who still waits for it, if anybody does."""
        while self._rota:
            owner = next(iter(self._rota))
            turns = self._waiting[owner]
            turn = turns.popleft()
            self._rota.took(owner)
            if not turns:
                del self._waiting[owner]
                self._rota.leave(owner)
            if not turn.done():  # else its call was cancelled
                turn.set_result(None)
                return
        self._free += 1
