"""A network between a server and its database that can be cut: a relay, as a program.

    python -m benchmarks.cut_network PORT

It listens on a port of its own, says which, and passes everything on to PORT. SIGUSR1: from now on
nothing passes and nobody is told, as when a cable is pulled; new connections are taken and left
alone. SIGUSR2: it is in again; what was open before stays dead.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import suppress

PIECE_BYTES = 256 * 1024


class Cable:
    def __init__(self, port: int) -> None:
        self._behind = port
        self._is_cut = False
        self._open: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.cut)
        loop.add_signal_handler(signal.SIGUSR2, self.mend)
        server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        print(f"ready at {server.sockets[0].getsockname()[1]}", flush=True)
        async with server:
            await server.serve_forever()

    def cut(self) -> None:
        self._is_cut = True
        for task in self._open:
            task.cancel()

    def mend(self) -> None:
        self._is_cut = False

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Nothing is closed by a cut: both ends find out for themselves."""
        if self._is_cut:
            await asyncio.sleep(3600)
        with suppress(OSError):
            behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._behind)
            ways = [
                asyncio.create_task(_pass_on(reader, behind_writer)),
                asyncio.create_task(_pass_on(behind_reader, writer)),
            ]
            self._open.update(ways)
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            self._open.difference_update(ways)
            if any(way.cancelled() for way in ways):
                await asyncio.sleep(3600)
            for way in ways:
                way.cancel()
            for each in (writer, behind_writer):
                each.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(Cable(int(sys.argv[1])).run())
