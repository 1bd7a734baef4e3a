"""A relay ahead of a storage that counts what passes: requests by method, and bytes each way."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from contextlib import suppress

# Of a head; one that two pieces share is found by the end of the piece before.
_HEAD = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /[^\r\n]* HTTP/1\.1\r\n")
_LONGEST_HEAD = 4096
_PIECE_BYTES = 256 * 1024


class CountingRelay:
    """From `start` to `close` it listens at `port` of loopback and passes all on to `behind`."""

    def __init__(self, behind: int) -> None:
        self.requests: Counter[str] = Counter()
        self.bytes_there = 0
        self.bytes_back = 0
        self.port = 0
        self._behind = behind
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._is_up.wait(20)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listening = asyncio.start_server(self._meet, "127.0.0.1", 0)
        server = self._loop.run_until_complete(listening)
        self.port = int(server.sockets[0].getsockname()[1])
        self._is_up.set()
        self._loop.run_forever()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
            back = asyncio.create_task(self._pass_back(behind_reader, writer))
            await self._pass_there(reader, behind_writer)
            await back

    async def _pass_there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = b""
        while piece := await reader.read(_PIECE_BYTES):
            seen = kept + piece
            end = 0
            for match in _HEAD.finditer(seen):
                self.requests[match[1].decode()] += 1
                end = match.end()
            kept = seen[max(end, len(seen) - _LONGEST_HEAD) :]
            self.bytes_there += len(piece)
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                self.bytes_back += len(piece)
                writer.write(piece)
                await writer.drain()
        writer.close()
