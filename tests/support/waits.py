"""A wait for whatever a test is about, longer than a busy machine needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_true():  # noqa: ASYNC110  - the truth may be about anything
            await asyncio.sleep(0.002)
