"""What upstreams can do now: read at the start, and every hour, by the engines that can learn it.

Until it has been read, an engine goes by what is built in; so a start waits for no upstream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from unstill.domain.errors import UpstreamError
from unstill.upstreams.port import LearningRemote, Remote

EVERY_S = 3600.0
AFTER_TROUBLE_S = 60.0

log = structlog.get_logger()


class Learner:
    def __init__(
        self,
        remotes: Iterable[Remote],
        *,
        every_s: float = EVERY_S,
        after_trouble_s: float = AFTER_TROUBLE_S,
    ) -> None:
        self._remotes = [each for each in remotes if isinstance(each, LearningRemote)]
        self._every_s = every_s
        self._after_trouble_s = after_trouble_s
        self._tasks: list[asyncio.Task[None]] = []

    def startup(self) -> None:
        self._tasks = [asyncio.create_task(self._go_on(remote)) for remote in self._remotes]

    async def shutdown(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _go_on(self, remote: LearningRemote) -> None:
        in_trouble = False
        while True:
            try:
                await remote.learn()
            except UpstreamError as error:
                if not in_trouble:  # once, however long it lasts
                    log.warning("not_learnt", engine=remote.name, why=error.message)
                in_trouble = True
            except Exception:
                log.exception("not_learnt", engine=remote.name)
                in_trouble = True
            else:
                in_trouble = False
            await asyncio.sleep(self._after_trouble_s if in_trouble else self._every_s)
