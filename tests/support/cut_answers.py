"""A relay on loopback before a database: it hangs up in place of the answer to what it is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

PIECE_BYTES = 64 * 1024


class CutsAnswers:
    """Passes everything on; the next answers to what has `to` in it are heard by nobody."""

    def __init__(self, port: int, *, to: bytes) -> None:
        self._behind = port
        self._to = to
        self._left = 0
        self._relays: set[asyncio.Task[None]] = set()
        self.cut = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def cut_next(self, count: int) -> None:
        self._left = count

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
        is_cutting = asyncio.Event()
        back = asyncio.create_task(self._pass_back(behind_reader, writer, is_cutting))
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if self._left and self._to in piece:
                    self._left -= 1
                    is_cutting.set()
                behind_writer.write(piece)
                await behind_writer.drain()
        back.cancel()
        for each in (writer, behind_writer):
            each.close()

    async def _pass_back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_cutting: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                if is_cutting.is_set():
                    self.cut += 1
                    break
                writer.write(piece)
                await writer.drain()
        writer.close()
