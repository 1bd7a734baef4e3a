"""Hints that servers give each other: "something has changed". A lost one costs a second.

They are sent behind the commits, several in one: a notification within a transaction would make
all commits of the database wait for each other.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import structlog

from unstill.domain.errors import ShuttingDown
from unstill.store.postgres.database import TROUBLES, Database

CHANNEL = "unstill_changes"
TOGETHER_S = 0.01  # changes of that time are one hint
OPEN_AGAIN_S = 1.0

_TELL = "SELECT pg_notify($1, $2)"

log = structlog.get_logger()


class Hints:
    """Sends and hears them on connections of the store's pool, between `startup` and `shutdown`."""

    def __init__(self, database: Database, server: str) -> None:
        """server: this one's id, so that it does not hear itself."""
        self._database = database
        self._server = server
        self._heard = asyncio.Event()
        self._to_tell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self) -> None:
        self._tasks = [
            asyncio.create_task(self._tell()),
            asyncio.create_task(self._listen()),
        ]

    async def shutdown(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def tell_of_change(self) -> None:
        """Say soon that this server has changed something."""
        self._to_tell.set()

    async def change_elsewhere(self) -> None:
        """Wait until another server has said so, since this was asked last."""
        await self._heard.wait()
        self._heard.clear()

    async def _tell(self) -> None:
        while True:
            await self._to_tell.wait()
            await asyncio.sleep(TOGETHER_S)
            self._to_tell.clear()
            with suppress(*TROUBLES, ShuttingDown):  # who does not hear looks within a second
                async with self._database.pool.acquire() as connection:
                    await connection.execute(_TELL, CHANNEL, self._server)

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except TROUBLES as error:
                log.info("hints_not_heard", why=str(error))
            await asyncio.sleep(OPEN_AGAIN_S)

    async def _listen_once(self) -> None:
        """Until the connection is lost; it asks now and then, as a cut one says nothing."""
        connection = await self._database.connect()
        try:
            await connection.add_listener(CHANNEL, self._hear)
            self._heard.set()  # what came meanwhile
            while not connection.is_closed():
                await asyncio.sleep(5 * OPEN_AGAIN_S)
                await connection.execute("SELECT 1")
        finally:
            connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, message: object) -> None:
        if message != self._server:
            self._heard.set()
