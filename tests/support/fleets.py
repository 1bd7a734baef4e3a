"""Several servers over one job store: a test says which of them has a duty, and when no longer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from unstill.domain.errors import StorageFailed
from unstill.store.ports.duties import Duty


class Fleet:
    def __init__(self) -> None:
        self.is_known = True  # whose a duty is; else nobody can say
        self.terms: Counter[str] = Counter()  # how often a duty has changed hands
        self.told: list[tuple[str, str]] = []  # topic and message, by whomever
        self.listeners: dict[str, list[Callable[[str], None]]] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def server(self) -> FleetServer:
        return FleetServer(self)

    async def give(self, name: str, server: FleetServer) -> None:
        """Let the server have the duty; whoever had it is cancelled."""
        await self.take(name)
        self.give_unnoticed(name, server)

    def give_unnoticed(self, name: str, server: FleetServer) -> asyncio.Task[None]:
        """The same, where whoever had it was paused: it is not cancelled. The server's term."""
        self.terms[name] += 1
        term = FleetTerm(self, name)
        task = asyncio.ensure_future(server.performed[name](term))
        self._under_way[name] = task
        return task

    async def take(self, name: str) -> None:
        """Let nobody have the duty."""
        self.terms[name] += 1
        task = self._under_way.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def end(self) -> None:
        for name in tuple(self._under_way):
            await self.take(name)


class FleetTerm:
    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet = fleet
        self._name = name
        self._number = fleet.terms[name]

    async def goes_on(self) -> bool:
        if not self._fleet.is_known:
            raise StorageFailed("the database does not answer")
        return self._fleet.terms[self._name] == self._number


class FleetServer:
    """The duties and the signals of one of them."""

    is_alone = False

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.performed: dict[str, Duty] = {}  # it can do these

    def perform(self, name: str, duty: Duty) -> None:
        self.performed[name] = duty

    async def rest(self) -> None:
        """What is under way is ended by its fleet."""

    def tell(self, topic: str, message: str) -> None:
        """Heard by all, later."""
        self._fleet.told.append((topic, message))
        for listener in self._fleet.listeners.get(topic, ()):
            asyncio.get_running_loop().call_soon(listener, message)

    def hear(self, topic: str, listener: Callable[[str], None]) -> None:
        self._fleet.listeners.setdefault(topic, []).append(listener)
