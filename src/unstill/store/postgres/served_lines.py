"""A line that this server takes from, and the entries that it has in hand for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from unstill.domain.owner import Owner
from unstill.store.ports.queue import Lane
from unstill.store.postgres.entries import Entry
from unstill.store.postgres.lines import LineOfLane
from unstill.store.steps_under_way import StepUnderWay


class ServedLine:
    """A line that this server takes from: its lanes, and how many of its slots are taken."""

    def __init__(self, line: LineOfLane) -> None:
        self.line = line
        self.lanes: dict[str, Lane] = {}
        self.busy: Counter[str] = Counter()  # entries in hand, by lane
        self.busy_of: Counter[Owner] = Counter()  # the same, by owner
        self.woken = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def slots(self) -> int:
        return max((lane.slots for lane in self.lanes.values()), default=0)

    @property
    def free(self) -> int:
        return self.slots - self.busy.total()

    def wanted(self, waiting: Mapping[Owner, int]) -> tuple[int, Mapping[str, int]]:
        """How many entries may be taken at most, and of which entrypoints with which limits."""
        if not self.line.is_by_owner:
            return self.free, {self.line.name: self.line.limit}
        rooms = {owner: room for owner in waiting if (room := self._room_of(owner)) > 0}
        most = min(rooms.values(), default=0)
        return most, {self.line.entrypoint(owner): 0 for owner in rooms}

    def _room_of(self, owner: Owner) -> int:
        """How many more of an owner's steps may be begun, so that as many slots are free after."""
        busy = self.busy_of[owner]
        most = next((lane.most_of_one for lane in self.lanes.values()), 0)
        room = (self.free - busy + 1) // 2
        return min(room, most - busy) if most else room

    def wake(self, delay_s: float = 0.0) -> None:
        """Look at it after so long, or sooner."""
        if delay_s <= 0:
            self.woken.set()
            return
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + delay_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.woken.set()

    def rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.woken.set()


class EntryInHand:
    """An entry in hand, and the step that is for it."""

    def __init__(self, entry: Entry, lane: Lane, served: ServedLine, step: StepUnderWay) -> None:
        self.entry = entry
        self.lane = lane
        self.served = served
        self.step = step
        self.owner: Owner | None = None  # once its row is read
        self.is_lost = False  # another server has it by now
        self.is_settled = False  # nothing is left to be done about the entry
        self.over = asyncio.Event()

    def hold(self, job_owner: Owner) -> None:
        """Its row was read."""
        self.owner = self.step.owner = job_owner
        self.served.busy_of[job_owner] += 1


class EntriesInHand:
    """One server's, by job. Where a job has several, all but the first wait for that."""

    def __init__(self, under_way: dict[str, list[str]]) -> None:
        """under_way: told of the lanes of each job."""
        self._under_way = under_way
        self._of: dict[str, list[EntryInHand]] = {}

    def __iter__(self) -> Iterator[EntryInHand]:
        return (hand for hands in self._of.values() for hand in hands)

    def of(self, job_id: str) -> Sequence[EntryInHand]:
        return self._of.get(job_id, ())

    def begin(self, served: ServedLine, lane: Lane, entry: Entry, job_id: str) -> EntryInHand:
        step = StepUnderWay(job_id, lane.name, Owner(""))
        hand = EntryInHand(entry, lane, served, step)
        self._of.setdefault(job_id, []).append(hand)
        self._under_way.setdefault(job_id, []).append(lane.name)
        served.busy[lane.name] += 1
        return hand

    async def its_turn(self, hand: EntryInHand) -> None:
        """Wait for the steps that its job is in before: it is in one at a time."""
        hands = self._of[hand.step.job_id]
        while hands[0] is not hand:
            await hands[0].over.wait()

    def let_go(self, hand: EntryInHand) -> None:
        """The step is over, and its slot free."""
        served, job_id, name = hand.served, hand.step.job_id, hand.lane.name
        self._of[job_id].remove(hand)
        self._under_way[job_id].remove(name)
        if not self._of[job_id]:
            del self._of[job_id], self._under_way[job_id]
        served.busy[name] -= 1
        if hand.owner is not None:
            served.busy_of[hand.owner] -= 1
            if not served.busy_of[hand.owner]:
                del served.busy_of[hand.owner]
        hand.over.set()
        served.wake()
