"""Waits for whatever a test is about, longer than a busy machine needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 30.0


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_true():  # noqa: ASYNC110  - the truth may be about anything
            await asyncio.sleep(0.002)


def hold_until(is_true: Callable[[], bool], *, within_s: float = PATIENCE_S) -> None:
    """The same for a test without a loop, about another process."""
    deadline = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
