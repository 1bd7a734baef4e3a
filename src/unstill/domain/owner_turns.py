"""Whose turn it is: where jobs of several owners wait for one thing, the owners take turns.

An owner with a thousand jobs waits as long between two of them as one with a single job. Which of
an owner's jobs is first is said by whoever keeps them. Pure; no operation grows with the jobs.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from unstill.domain.owner import Owner


class RoundRobin:
    """The owners that wait, the one whose turn it is first.

    Here would stand a weight: an owner of weight three goes behind the others with its third turn.
    """

    def __init__(self) -> None:
        # Ordered by a chain: a dict that is emptied from its front is walked through each time.
        self._owners: OrderedDict[Owner, None] = OrderedDict()

    def __iter__(self) -> Iterator[Owner]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)

    def join(self, owner: Owner) -> None:
        """Wait behind all who wait; one who waits already keeps its place."""
        self._owners.setdefault(owner)

    def took(self, owner: Owner) -> None:
        """Had its turn: everybody else is before it."""
        if owner in self._owners:
            self._owners.move_to_end(owner)

    def leave(self, owner: Owner) -> None:
        """Wait no more."""
        self._owners.pop(owner, None)


class Slots:
    """So many at once; owners that wait for one take turns, each in the order of its calls.

    keeps_room: an owner holds no more slots than are free, so that whoever comes next finds one.
    """

    def __init__(self, count: int, *, keeps_room: bool = False) -> None:
        self._free = count
        self._keeps_room = keeps_room
        self._round_robin = RoundRobin()
        self._waiting: dict[Owner, deque[asyncio.Future[None]]] = {}
        self._held: Counter[Owner] = Counter()

    @asynccontextmanager
    async def taken(self, owner: Owner) -> AsyncIterator[None]:
        """Hold a slot, as soon as one is free and it is the owner's turn."""
        await self._take(owner)
        try:
            yield
        finally:
            self._give(owner)

    async def _take(self, owner: Owner) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._round_robin.join(owner)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give(owner)  # it was handed out in the same moment
            raise

    def _give(self, owner: Owner) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._hand_out()

    def _hand_out(self) -> None:
        """Give what is free to those whose turn it is."""
        while self._free and (owner := self._next_owner()) is not None:
            turns = self._waiting[owner]
            turn = turns.popleft()
            if not turns:
                del self._waiting[owner]
                self._round_robin.leave(owner)
            if not turn.done():  # else its call was cancelled
                self._round_robin.took(owner)
                self._free -= 1
                self._held[owner] += 1
                turn.set_result(None)

    def _next_owner(self) -> Owner | None:
        if not self._keeps_room:
            return next(iter(self._round_robin), None)
        return next((owner for owner in self._round_robin if self._held[owner] < self._free), None)
