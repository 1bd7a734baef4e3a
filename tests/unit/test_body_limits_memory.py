"""What large bodies have taken goes back to the system once they are over."""

from __future__ import annotations

import asyncio

import pytest

from unstill.server.body_limits import LARGE_BYTES, Gate, LargeBodies
from unstill.server.fair_shares import Shares
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


@pytest.mark.parametrize("caller", ["ann", ""])
async def test_a_turn_is_given_back_whoever_had_it_and_only_by_a_large_body(caller: str) -> None:
    shares, turns = Shares(8 * LARGE_BYTES), LargeBodies(lambda: None, at_once=1)

    def gate() -> Gate:
        return Gate(shares, turns, caller=caller, most_bytes=2 * LARGE_BYTES)

    for _ in range(2):
        with gate() as large, gate() as small:
            large.take(LARGE_BYTES + 1)
            small.take(LARGE_BYTES)
            await large.turn()
            await small.turn()  # it waits for none
    await asyncio.wait_for(turns.take("bob"), 30)

    assert shares.taken == 0
