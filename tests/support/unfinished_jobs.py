"""What a store has left to do."""

from __future__ import annotations

from collections.abc import Sequence

from unstill.store.port import Backend, UnfinishedJob


async def left(store: Backend) -> Sequence[UnfinishedJob]:
    """All places at once."""
    return [place async for places in store.unfinished() for place in places]
