"""The life of a worker: a product without a port, from its start to a signal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
import uvloop

from unstill.domain.errors import BadSetting, UnstillError
from unstill.server.lifecycle import TURN_S, keep_what_stands

TOUCHED_EVERY_S = 5.0

log = structlog.get_logger()


class Works(Protocol):
    """What a worker runs."""

    @property
    def failure(self) -> UnstillError | None:
        """Why it cannot go on; None while it can."""

    async def startup(self) -> None: ...

    def stop_taking(self) -> None: ...

    async def shutdown(self) -> None: ...


class HealthFile:
    """What an orchestrator looks at where there is no port: it is there, and its time is of now.

    It says that the process is ready and its event loop turns, not that the database answers: a
    worker outlives that, and to start it anew would mend nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_troubled = False

    def startup(self) -> None:
        """Remove what a killed predecessor left. Raises BadSetting where it cannot be written."""
        try:
            self._path.touch()
            self._path.unlink()
        except OSError as error:
            reason = f"{self._path} cannot be written: {error.strerror}"
            raise BadSetting("--health-file", reason) from error

    def touch(self) -> None:
        try:
            self._path.touch()
        except OSError as error:
            if not self._is_troubled:
                log.warning("health_file_not_touched", why=str(error.strerror))
            self._is_troubled = True
        else:
            self._is_troubled = False

    def remove(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class WorkerProcess:
    def __init__(self, works: Works, ready: Callable[[], None], health: HealthFile | None) -> None:
        """`ready` is called once it works."""
        self._works = works
        self._ready = ready
        self._health = health

    def work_until_ended(self) -> None:
        """Until SIGTERM or SIGINT, or what it cannot go on with, which is raised."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self.run())
        if self._works.failure is not None:
            raise self._works.failure

    async def run(self) -> None:
        """All of its life; the store is closed when this returns."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, ended.set)
        sys.setswitchinterval(TURN_S)
        if self._health is not None:
            self._health.startup()
        await self._works.startup()
        keep_what_stands()
        self._ready()
        try:
            await self._until(ended)
        finally:
            self._works.stop_taking()
            await self._works.shutdown()
            if self._health is not None:
                self._health.remove()

    async def _until(self, ended: asyncio.Event) -> None:
        while not ended.is_set() and self._works.failure is None:
            if self._health is not None:
                self._health.touch()
            with suppress(TimeoutError):
                async with asyncio.timeout(TOUCHED_EVERY_S):
                    await ended.wait()
