"""What goes wrong in a fleet: processes, their network, the database, the bucket, in turn."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.fleet import Fleet, Member

LONG_S = 40.0  # a server that is silent for so long is taken for gone


class FleetFault(NamedTuple):
    what: str
    weight: int  # how often it is drawn beside the others
    place: str  # nothing else goes wrong there meanwhile; empty: a process that is well
    happen: Callable[[], Awaitable[None]]  # empty `place`: it finds one, or nothing happens


class Faults:
    """One thing after another, some of them at once."""

    def __init__(self, site: Fleet, chance: random.Random) -> None:
        self._site = site
        self._chance = chance
        self.seen: Counter[str] = Counter()
        self.at_ms: list[int] = []  # of those by which a call may be left in doubt
        self._busy: set[str] = set()  # processes by name, and other places
        self._kinds: Sequence[FleetFault] = (
            FleetFault("the database crashes", 2, "database", self._crash),
            FleetFault("the bucket answers nothing", 2, "bucket", self._pause),
            FleetFault("the bucket is away", 1, "bucket", self._take_away),
            *self._of_processes(),
        )

    def _of_processes(self) -> Iterator[FleetFault]:
        def of(what: str, weight: int, happen: Callable[[Member], Awaitable[None]]) -> FleetFault:
            return FleetFault(what, weight, "", lambda: self._to_one(what, happen))

        yield of("a process is killed", 6, self._kill)
        yield of("a process is frozen", 3, lambda member: self._freeze(member, self._short_s()))
        yield of(
            "a process is frozen for longer than its lease",
            1,
            lambda member: self._freeze(member, LONG_S),
        )
        yield of(
            "a process is cut off from the database",
            3,
            lambda member: self._cut(member, self._short_s()),
        )
        yield of(
            "a process is cut off for longer than its lease",
            1,
            lambda member: self._cut(member, LONG_S),
        )

    async def run(self, until_s: float) -> None:
        under_way: list[asyncio.Task[None]] = []
        while time.monotonic() < until_s:
            await asyncio.sleep(self._chance.uniform(0.5, 4.0))
            weights = [kind.weight for kind in self._kinds]
            [kind] = self._chance.choices(self._kinds, weights=weights)
            under_way.append(asyncio.create_task(self._happen(kind)))
        await asyncio.gather(*under_way)

    async def heal(self) -> None:
        for member in self._site.members.values():
            member.mend()
            if member.is_frozen:
                member.thaw()
            if not member.is_up:
                member.start()

    async def _happen(self, kind: FleetFault) -> None:
        if not kind.place:
            await kind.happen()
        elif kind.place not in self._busy:
            with self._noted(kind.what, kind.place):
                await kind.happen()

    async def _to_one(self, what: str, happen: Callable[[Member], Awaitable[None]]) -> None:
        well = [
            member
            for member in self._site.members.values()
            if member.is_up and member.name not in self._busy
        ]
        if well:
            member = self._chance.choice(well)
            with self._noted(what, member.name):
                await happen(member)

    @contextmanager
    def _noted(self, what: str, place: str) -> Iterator[None]:
        self.seen[what] += 1
        self._busy.add(place)
        self._note_moment()
        yield
        self._busy.discard(place)

    def _note_moment(self) -> None:
        self.at_ms.append(int(time.time() * 1000))

    def _short_s(self) -> float:
        return self._chance.uniform(1.0, 10.0)

    # --- what happens --------------------------------------------------------------------------

    async def _kill(self, member: Member) -> None:
        await asyncio.to_thread(member.kill)
        await asyncio.sleep(self._chance.uniform(0.0, 3.0))
        member.start()

    async def _freeze(self, member: Member, for_s: float) -> None:
        member.freeze()
        await asyncio.sleep(for_s)
        member.thaw()
        self._note_moment()

    async def _cut(self, member: Member, for_s: float) -> None:
        member.cut()
        await asyncio.sleep(for_s)
        member.mend()

    async def _crash(self) -> None:
        await asyncio.to_thread(self._site.postgres.stop)
        await asyncio.sleep(self._chance.uniform(0.0, 6.0))
        await asyncio.to_thread(self._site.postgres.start)

    async def _pause(self) -> None:
        self._site.s3.pause()
        await asyncio.sleep(self._chance.uniform(1.0, 12.0))
        self._site.s3.resume()

    async def _take_away(self) -> None:
        await asyncio.to_thread(self._site.s3.end)
        await asyncio.sleep(self._chance.uniform(0.0, 8.0))
        await asyncio.to_thread(self._site.s3.start)
