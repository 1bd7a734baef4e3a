"""Limits in seconds that a busy machine may miss once, and code that is too slow misses always."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def quickest_s(once: Callable[[], Awaitable[float]], *, below_s: float) -> float:
    """The shortest of three tries, each in seconds; the first that is short enough ends it."""
    took_s = await once()
    for _ in range(2):
        if took_s < below_s:
            break
        took_s = min(took_s, await once())
    return took_s
