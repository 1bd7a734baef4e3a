"""A body's way in: how large it may be, whose room it takes, and when it is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

from unstill.domain.errors import BodyTooLarge, Overloaded
from unstill.server.fair_shares import Shares
from unstill.system.machine import give_back_memory

# Read and answered a few at a time: each is in memory two or three times until its picture is on
# the disk, and what C does with it at one go stops everybody for milliseconds.
LARGE_BYTES = 1024**2
LARGE_AT_ONCE = 2
GIVEN_BACK_AFTER_S = 1.0

Admit = Callable[[Mapping[str, Any]], str]  # by the fields before a file: whose room it takes


class LargeBodies:
    """Who of the large bodies is read and answered now; the memory that they leave goes back."""

    def __init__(
        self,
        give_back: Callable[[], object] = give_back_memory,
        *,
        after_s: float = GIVEN_BACK_AFTER_S,
    ) -> None:
        self._after_s = after_s
        self._turns = asyncio.Semaphore(LARGE_AT_ONCE)
        self._give_back = give_back
        self._timer: asyncio.TimerHandle | None = None

    async def take(self) -> None:
        await self._turns.acquire()

    def release(self) -> None:
        self._turns.release()
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
        admit: Admit | None = None,
    ) -> None:
        """`admit`: asked before a file of a form is taken; without it any is."""
        self.most_bytes = most_bytes
        self.admit = admit
        self.taken_bytes = 0
        self._shares = shares
        self._turns = turns
        self._caller = caller
        self._has_turn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._shares.give(self._caller, self.taken_bytes)
        if self._has_turn:
            self._turns.release()

    def take(self, size_bytes: int) -> None:
        """Count a piece that has come; raises BodyTooLarge, Overloaded."""
        if self.taken_bytes + size_bytes > self.most_bytes:
            raise BodyTooLarge(self.most_bytes)
        if not self._shares.take(self._caller, size_bytes):
            raise Overloaded("too many large requests at once, send this one again shortly")
        self.taken_bytes += size_bytes

    def let_in(self, owner: str, most_bytes: int) -> None:
        """From here on it is the owner's, and may be as large; raises Overloaded."""
        self._shares.give(self._caller, self.taken_bytes)
        taken_bytes, self.taken_bytes = self.taken_bytes, 0
        self._caller, self.most_bytes = owner, most_bytes
        self.take(taken_bytes)

    async def turn(self) -> None:
        """Wait, if the body is a large one, until few others are being read and answered."""
        if self.taken_bytes > LARGE_BYTES and not self._has_turn:
            await self._turns.take()
            self._has_turn = True
