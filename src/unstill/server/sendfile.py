"""A file's bytes into a connection by the kernel: none of them is ever in this process.

What a slow reader has not taken is the kernel's, and no more of it than the kernel is allowed to
hold; who takes next to nothing is hung up on.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import termios
from concurrent.futures import ThreadPoolExecutor

PIECE_BYTES = 1024**2  # asked of the kernel at once, in a thread: the disk may have to be read
THREADS = 4
# What the kernel may hold of a file beyond what the network takes: without it a reader with a
# small window costs megabytes (Linux tcp(7), TCP_NOTSENT_LOWAT).
UNSENT_BYTES = 256 * 1024
# A kilobyte a second is less than any line that anybody waits at.
LEAST_BYTES = 60 * 1024
LEAST_WITHIN_S = 60.0

_threads = ThreadPoolExecutor(THREADS, "files")


class ReaderGone(Exception):
    """The other end has hung up, or takes next to nothing."""


class Outlet:
    """Sends parts of one file over one connection; used while nothing else is written to it."""

    def __init__(
        self, connected: int, file: int, *, least_within_s: float = LEAST_WITHIN_S
    ) -> None:
        """Both descriptors stay the caller's; `connected` is not blocking."""
        self._loop = asyncio.get_running_loop()
        self._least_within_s = least_within_s
        self._sent_bytes = 0
        self._sending: asyncio.Future[int] | None = None
        # Copies: a thread may still be using them when whoever waits for it has been cancelled.
        self._file = os.dup(file)
        self._socket = socket.socket(fileno=os.dup(connected))
        self._socket.setblocking(False)
        if self._socket.family != socket.AF_UNIX and hasattr(socket, "TCP_NOTSENT_LOWAT"):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)

    def close(self) -> None:
        """Let go of both, once no thread uses them."""
        if self._sending is None or self._sending.done():
            self._let_go()
        else:
            self._sending.add_done_callback(self._let_go)

    def _let_go(self, sending: asyncio.Future[int] | None = None) -> None:
        if sending is not None and not sending.cancelled():
            sending.exception()  # nobody else will look at it
        self._socket.close()
        os.close(self._file)

    async def send(self, start: int, size_bytes: int) -> None:
        """Send a part of the file, whole; raises ReaderGone, EOFError if the file is shorter."""
        end = start + size_bytes
        while start < end:
            try:
                sent_bytes = await self._send_piece(start, min(PIECE_BYTES, end - start))
            except BlockingIOError:
                await self._room()
            except OSError as error:
                raise ReaderGone from error
            else:
                if sent_bytes == 0:
                    raise EOFError
                start += sent_bytes
                self._sent_bytes += sent_bytes

    async def _send_piece(self, start: int, size_bytes: int) -> int:
        self._sending = self._loop.run_in_executor(
            _threads, os.sendfile, self._socket.fileno(), self._file, start, size_bytes
        )
        return await asyncio.shield(self._sending)

    async def _room(self) -> None:
        """Until the kernel takes more; raises ReaderGone if next to nothing is taken meanwhile."""
        taken_bytes = self._taken_bytes
        while not await self._is_writable():
            before_bytes, taken_bytes = taken_bytes, self._taken_bytes
            if taken_bytes - before_bytes < LEAST_BYTES:
                raise ReaderGone

    async def _is_writable(self) -> bool:
        """Whether it became so in time."""
        became = asyncio.Event()
        self._loop.add_writer(self._socket, became.set)
        try:
            async with asyncio.timeout(self._least_within_s):
                await became.wait()
        except TimeoutError:
            return False
        finally:
            self._loop.remove_writer(self._socket)
        return True

    @property
    def _taken_bytes(self) -> int:
        """What the other end has said to have: all but what the kernel still holds."""
        (held_bytes,) = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0" * 4))
        return self._sent_bytes - int(held_bytes)
