"""What large bodies have taken goes back to the system once they are over."""

from __future__ import annotations

import asyncio

from unstill.server.body_limits import LargeBodies
from unstill.server.server_limits import LARGE_AT_ONCE


async def test_memory_is_given_back_once_after_any_number_of_large_bodies() -> None:
    given_back = asyncio.Event()
    loop = asyncio.get_running_loop()
    times: list[int] = []

    def give_back() -> None:
        times.append(1)
        loop.call_soon_threadsafe(given_back.set)

    turns = LargeBodies(give_back, after_s=0.05)
    for _ in range(LARGE_AT_ONCE):
        await turns.take("a")
    for _ in range(LARGE_AT_ONCE):
        turns.release("a")
    assert times == []  # whoever answers still holds them
    await asyncio.wait_for(given_back.wait(), 30)
    await turns.take("a")
    turns.release("a")

    assert times == [1]
