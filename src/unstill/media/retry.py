"""What is asked of a media child once more, where the first one has died of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from unstill.domain.errors import EngineDied

log = structlog.get_logger()
C = TypeVar("C")
T = TypeVar("T")


async def retried_once(check: Callable[[C], Awaitable[T]], about: C) -> T:
    """A child's answer; of a second child, where the first one died."""
    try:
        return await check(about)
    except EngineDied as death:
        log.warning("media_died", about=about, last_words=death.last_words)
        return await check(about)
