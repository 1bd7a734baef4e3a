"""What a media child is asked once more, since the first one died of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from unstill.domain.errors import EngineDied

log = structlog.get_logger()
C = TypeVar("C")
T = TypeVar("T")


async def retried_once(check: Callable[[C], Awaitable[T]], about: C) -> T:
    """A media child's answer; a child that dies is asked once more, as an engine's is."""
    try:
        return await check(about)
    except EngineDied as death:
        log.warning("media_died", about=about, last_words=death.last_words)
        return await check(about)
