"""A body's way in: how large it may be, whose room it takes, and when it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

from unstill.domain.errors import BodyTooLarge, Overloaded
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import Slots
from unstill.server.fair_shares import Shares
from unstill.server.server_limits import USUAL
from unstill.system.machine import give_back_memory

# Read and answered a few at a time (`large_bodies`): each is in memory two or three times until its
# picture is on the disk, and what C does with it at one go stops everybody for milliseconds.
LARGE_BYTES = 1024**2
GIVEN_BACK_AFTER_S = 1.0

Admit = Callable[[Mapping[str, Any]], str]  # by the fields before a file: whose room it takes


class LargeBodies:
    """Who of the large bodies is read and answered now; the memory that they leave goes back."""

    def __init__(
        self,
        give_back: Callable[[], object] = give_back_memory,
        *,
        at_once: int = USUAL.large_bodies,
        after_s: float = GIVEN_BACK_AFTER_S,
    ) -> None:
        self._after_s = after_s
        self._turns = Slots(at_once)
        self._give_back = give_back
        self._timer: asyncio.TimerHandle | None = None

    async def take(self, caller: str) -> None:
        """Wait for a turn: callers take them one after another, whoever has sent the most."""
        await self._turns.take(Owner(caller))

    def release(self, caller: str) -> None:
        self._turns.give(Owner(caller))
        # Not at once: the body is still held by whoever answers, and the next may be on its way.
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._after_s, self._tidy, loop)

    def _tidy(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        loop.run_in_executor(None, self._give_back)


class Gate:
    """Within it a body's bytes are counted for its caller; at its end they are let go."""

    def __init__(
        self,
        shares: Shares,
        turns: LargeBodies,
        *,
        caller: str,
        most_bytes: int,
        most_of_caller: int = 0,
        most_of_owner: int = 0,
        admit: Admit | None = None,
    ) -> None:
        """`admit`: asked before a file of a form is taken; without it any is.

        most_of_caller: all open bodies of this caller have no more; 0: no such limit.
        most_of_owner: the same from `let_in` on.
        """
        self._most_of_caller = most_of_caller
        self._most_of_owner = most_of_owner
        self.most_bytes = most_bytes
        self.admit = admit
        self.taken_bytes = 0
        self._shares = shares
        self._turns = turns
        self._caller = caller
        self._turn_of: str | None = None  # whose turn it has

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._shares.give(self._caller, self.taken_bytes)
        if self._turn_of is not None:
            self._turns.release(self._turn_of)

    def take(self, size_bytes: int) -> None:
        """Count a piece that has come; raises BodyTooLarge, Overloaded."""
        if self.taken_bytes + size_bytes > self.most_bytes:
            raise BodyTooLarge(self.most_bytes)
        if not self._shares.take(self._caller, size_bytes, most_each=self._most_of_caller):
            raise Overloaded("too many large requests at once, send this one again shortly")
        self.taken_bytes += size_bytes

    def let_in(self, owner: str, most_bytes: int) -> None:
        """From here on it is the owner's, and may be as large; raises Overloaded."""
        self._shares.give(self._caller, self.taken_bytes)
        taken_bytes, self.taken_bytes = self.taken_bytes, 0
        self._caller, self.most_bytes = owner, most_bytes
        self._most_of_caller = self._most_of_owner
        self.take(taken_bytes)

    async def turn(self) -> None:
        """Wait, if the body is a large one, until few others are being read and answered."""
        if self.taken_bytes > LARGE_BYTES and self._turn_of is None:
            caller = self._caller
            await self._turns.take(caller)
            self._turn_of = caller
