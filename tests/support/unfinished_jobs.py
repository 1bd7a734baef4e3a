"""What a store has left to do."""

from __future__ import annotations

from collections.abc import Sequence

from unstill.store.ports.backlog import UnfinishedJob
from unstill.store.ports.store import Store


async def left(store: Store) -> Sequence[UnfinishedJob]:
    """All places at once."""
    return [place async for places in store.backlog.unfinished() for place in places]
