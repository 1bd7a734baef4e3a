"""Signals between servers: notifications of PostgreSQL, several messages in one.

A server hears its own as the others do, on its way back from the database; while that is away, or
this server hears nothing, it tells them to itself alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import asyncpg
import msgspec
import structlog

from unstill.store.postgres.database import ANSWER_WITHIN_S, Database

CHANNEL = "unstill_signals"
TOGETHER_S = 0.05  # messages of that time travel together
MOST_BYTES = 7_500  # PostgreSQL takes 8,000 in a notification
MOST_WAITING = 2_000  # messages; of more, the oldest are dropped
ASK_EVERY_S = 5.0  # a connection that was cut says nothing
OPEN_AGAIN_S = 1.0

_TELL = "SELECT pg_notify($1, $2)"
_Message = tuple[str, str]  # topic, text
_TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

log = structlog.get_logger()


class PostgresSignals:
    """Between `startup` and `shutdown` they travel; before and after, this server tells itself."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._waiting: deque[_Message] = deque(maxlen=MOST_WAITING)
        self._has_some = asyncio.Event()
        self._is_hearing = False
        self._tasks: list[asyncio.Task[None]] = []

    def hear(self, topic: str, listener: Callable[[str], None]) -> None:
        self._listeners.setdefault(topic, []).append(listener)

    def tell(self, topic: str, message: str) -> None:
        if not self._tasks:
            self._told([(topic, message)])
            return
        self._waiting.append((topic, message))
        self._has_some.set()

    async def startup(self) -> None:
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]

    async def shutdown(self) -> None:
        tasks, self._tasks = self._tasks, []
        if tasks and self._waiting:
            await self._send_all()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- sending -------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            await self._has_some.wait()
            await asyncio.sleep(TOGETHER_S)
            self._has_some.clear()
            await self._send_all()

    async def _send_all(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                async with self._database.pool.acquire(timeout=ANSWER_WITHIN_S) as connection:
                    await connection.execute(_TELL, CHANNEL, _written(batch))
            except Exception:  # noqa: BLE001  - the others do without
                self._told(batch)
                continue
            if not self._is_hearing:
                self._told(batch)

    def _next_batch(self) -> list[_Message]:
        batch, size = list[_Message](), 2
        while self._waiting:
            size += len(_written([self._waiting[0]]).encode())
            if batch and size > MOST_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    # --- hearing -------------------------------------------------------------------------------

    async def _listen(self) -> None:
        is_told = False
        while True:
            try:
                await self._listen_once()
            except _TROUBLE as error:
                if self._is_hearing or not is_told:
                    is_told = True
                    log.info("signals_not_heard", why=str(error))
            finally:
                self._is_hearing = False
            await asyncio.sleep(OPEN_AGAIN_S)

    async def _listen_once(self) -> None:
        """Until the connection is lost."""
        connection = await self._database.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self._is_hearing = True
            while not lost.is_set():
                try:
                    async with asyncio.timeout(ASK_EVERY_S):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("SELECT 1", timeout=ASK_EVERY_S)
        finally:
            connection.terminate()

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        try:
            batch = msgspec.json.decode(str(payload), type=list[tuple[str, str]])
        except msgspec.MsgspecError:
            log.warning("signal_not_read", size=len(str(payload)))
            return
        self._told(batch)

    def _told(self, batch: list[_Message]) -> None:
        for topic, message in batch:
            for listener in self._listeners.get(topic, ()):
                try:
                    listener(message)
                except Exception:  # neither the others nor who tells need suffer
                    log.exception("listener_failed", topic=topic)


def _written(batch: list[_Message]) -> str:
    return msgspec.json.encode(batch).decode()
