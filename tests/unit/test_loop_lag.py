"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time

from support.waits import until
from unstill.server.metrics.loop_lag import EVERY_S, LAG_BOUNDS_S, LoopLag

BLOCKED_S = 0.35


async def test_a_loop_that_is_blocked_is_seen_to_be_late_and_one_that_is_not_is_not() -> None:
    lag = LoopLag()
    looking = asyncio.create_task(lag.run())
    await until(lambda: lag.times.within[-1] == 1)
    before_s = lag.worst_s
    await asyncio.sleep(EVERY_S - 0.1)
    time.sleep(BLOCKED_S)  # noqa: ASYNC251  - that is what is looked for
    await until(lambda: lag.times.within[-1] == 2)
    looking.cancel()

    assert before_s < 0.1
    assert lag.worst_s > BLOCKED_S - 0.15
    assert lag.times.within[LAG_BOUNDS_S.index(0.1)] == 1
