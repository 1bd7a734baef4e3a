"""Who waits, for a change or for a list, waits as long as it is there, and as it has named."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.types import Receive

from unstill.dialects.parameters import MOST_WAIT_S
from unstill.domain.access_errors import OverLimit
from unstill.domain.errors import BadField
from unstill.domain.owner import EVERYONE, Owner
from unstill.progress.board import Board
from unstill.progress.waiters import Waiter
from unstill.server.body import ClientGone

Result = TypeVar("Result")

RETRY_AFTER_S = 5  # a poll's pause, as SDKs have it

# As clients print a float: with up to 17 digits, or with an exponent.
_SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?")


def wait_s_of(query: Mapping[str, str]) -> float:
    """The seconds of `wait`, 0 without it; raises BadField."""
    text = query.get("wait", "0")
    if _SECONDS.fullmatch(text) is None or float(text) > MOST_WAIT_S:
        raise BadField("wait", f"a number of seconds, 0 to {MOST_WAIT_S}", text)
    return float(text)


class WaitLimits(msgspec.Struct, frozen=True):
    """How many may wait at an address, and with keys of an owner; 0: any number."""

    per_address: int
    per_owner: int

    def check(self, board: Board, address: str, owner: Owner) -> None:
        """Raises OverLimit if nobody more may wait there, or for that owner."""
        if 0 < self.per_address <= board.waiting_at(address):
            raise self._over("waiting_per_address", self.per_address, board.waiting_at(address))
        if owner != EVERYONE and 0 < self.per_owner <= board.waiting_of(owner):
            raise self._over("waiting_per_owner", self.per_owner, board.waiting_of(owner))

    @staticmethod
    def _over(limit: str, most: int, used: int) -> OverLimit:
        what = "calls wait for a change"
        return OverLimit(limit, what, most=most, used=used, retry_after_s=RETRY_AFTER_S)


class WaitingCaller:
    """A caller that waits: its wait ends when it hangs up."""

    __slots__ = ("_gone",)

    def __init__(self, receive: Receive, waiter: Waiter) -> None:
        self._gone = asyncio.create_task(_end_when_gone(receive, waiter))

    def __enter__(self) -> None:
        """It is watched since it was made."""

    def __exit__(self, *error: object) -> None:
        self._gone.cancel()


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives; where the caller hangs up first it is cancelled, and ClientGone raised."""
    gone = asyncio.create_task(_gone(receive))
    working: asyncio.Task[Result] | None = None
    try:
        await asyncio.sleep(0)  # who asks and is gone at once is known to be, a turn later
        if gone.done():
            raise ClientGone
        working = asyncio.create_task(work)
        await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        gone.cancel()
        if working is None:
            work.close()
        else:
            working.cancel()


async def _end_when_gone(receive: Receive, waiter: Waiter) -> None:
    await _gone(receive)
    waiter.end()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass  # the end of the request, or a body that no verb asked for
