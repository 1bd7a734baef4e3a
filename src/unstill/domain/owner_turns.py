"""Whose turn it is: where jobs of several owners wait for one thing, the owners take turns.

An owner with a thousand jobs waits as long between two of them as one with a single job, or a third
of that where its weight is three. Which of an owner's jobs is first is said by whoever keeps them.
Pure; no operation grows with the jobs.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from heapq import heapify, heappop, heappush
from math import lcm

from unstill.domain.owner import Owner

MOST_WEIGHT = 100
_ROUND = lcm(*range(1, MOST_WEIGHT + 1))  # each weight divides it: places are never rounded
_FORGOTTEN = 64  # places kept of owners that left, before those that say nothing are dropped

WeightOf = Callable[[Owner], int]  # 1 to MOST_WEIGHT; it may change from turn to turn
_Place = tuple[int, int]  # how far it is, and who of those that are as far came first


def equal_weight(owner: Owner) -> int:  # noqa: ARG001  - a `WeightOf`
    return 1


class RoundRobin:
    """The owners that wait, the one whose turn it is first.

    Each is so far along, and by a turn it comes one round further divided by its weight; whoever
    is least far is next. Who joins begins where the first is, behind those that are as far: its
    first turn is the next but one where one other waits, whatever that one's weight. Who leaves
    and comes again while others wait has gained nothing by that.
    """

    def __init__(self, weight_of: WeightOf = equal_weight) -> None:
        self._weight_of = weight_of
        self._places: dict[Owner, _Place] = {}
        # The same in order; entries of owners that left or moved are skipped when met.
        self._order: list[tuple[_Place, Owner]] = []
        self._left: dict[Owner, int] = {}  # how far those were that left
        self._joined = 0

    def __iter__(self) -> Iterator[Owner]:
        """In the order of their next turns; nobody may join, leave or take a turn meanwhile."""
        first = self.first
        if first is not None:
            yield first
            yield from sorted(self._places, key=self._places.__getitem__)[1:]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def first(self) -> Owner | None:
        """Whose turn it is; None where nobody waits."""
        order = self._order
        while order:
            place, owner = order[0]
            if self._places.get(owner) == place:
                return owner
            heappop(order)
        return None

    def join(self, owner: Owner) -> None:
        """Wait behind all who are no further; one who waits already keeps its place."""
        if owner not in self._places:
            place = self._place_of_newcomer(owner)
            self._joined += 1
            self._left.pop(owner, None)
            self._put(owner, place)

    def took(self, owner: Owner) -> None:
        """Had its turn, while it waits: whoever is less far is before it."""
        place = self._places.get(owner)
        if place is not None:
            self._put(owner, (place[0] + self._step(owner), place[1]))

    def leave(self, owner: Owner) -> None:
        """Wait no more; a turn that it had is told of before."""
        place = self._places.pop(owner, None)
        if place is None:
            return
        if not self._places:
            self._left.clear()
            self._order.clear()
            return
        self._left[owner] = place[0]
        if len(self._left) > _FORGOTTEN + len(self._places):
            least = self._least
            self._left = {each: far for each, far in self._left.items() if far > least}

    def ahead(self, owner: Owner, own: int, waiting: Callable[[Owner], int]) -> int:
        """How many turns come before the owner's next but `own`, these `own` included.

        waiting: how many turns each of the others waits for.
        """
        far, since = self._places.get(owner) or self._place_of_newcomer(owner)
        far += own * self._step(owner)
        ahead = own
        for other, (other_far, other_since) in self._places.items():
            if other != owner and (gap := far - other_far) >= 0:
                turns, rest = divmod(gap, self._step(other))
                ahead += min(waiting(other), turns + bool(rest or other_since < since))
        return ahead

    @property
    def _least(self) -> int:
        first = self.first
        return 0 if first is None else self._places[first][0]

    def _place_of_newcomer(self, owner: Owner) -> _Place:
        return max(self._least, self._left.get(owner, 0)), self._joined

    def _step(self, owner: Owner) -> int:
        return _ROUND // self._weight_of(owner)

    def _put(self, owner: Owner, place: _Place) -> None:
        self._places[owner] = place
        heappush(self._order, (place, owner))
        if len(self._order) > _FORGOTTEN + 2 * len(self._places):
            self._order = [(place, owner) for owner, place in self._places.items()]
            heapify(self._order)


class Slots:
    """So many at once; owners that wait for one take turns, each in the order of its calls.

    keeps_room: an owner holds no more slots than are free, so that whoever comes next finds one.
    """

    def __init__(
        self, count: int, *, keeps_room: bool = False, weight_of: WeightOf = equal_weight
    ) -> None:
        self._free = count
        self._keeps_room = keeps_room
        self._round_robin = RoundRobin(weight_of)
        self._waiting: dict[Owner, deque[asyncio.Future[None]]] = {}
        self._held: Counter[Owner] = Counter()

    @asynccontextmanager
    async def taken(self, owner: Owner) -> AsyncIterator[None]:
        """Hold a slot, as soon as one is free and it is the owner's turn."""
        await self.take(owner)
        try:
            yield
        finally:
            self.give(owner)

    async def take(self, owner: Owner) -> None:
        """Have a slot, as soon as one is free and it is the owner's turn; `give` follows."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._round_robin.join(owner)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(owner)  # it was handed out in the same moment
            raise

    def give(self, owner: Owner) -> None:
        """Let a slot go that the owner has."""
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
            if not turn.done():  # else its call was cancelled
                self._round_robin.took(owner)
                self._free -= 1
                self._held[owner] += 1
                turn.set_result(None)
            if not turns:
                del self._waiting[owner]
                self._round_robin.leave(owner)

    def _next_owner(self) -> Owner | None:
        if not self._keeps_room:
            return self._round_robin.first
        return next((owner for owner in self._round_robin if self._held[owner] < self._free), None)
