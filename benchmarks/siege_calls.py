"""How hostile callers behave on their connections; what they send is in siege_loads.

Whatever is done here is bounded by who runs it, in time, and by its arguments, in bytes.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import NamedTuple

HOST = b"Host: localhost\r\n"
ELSEWHERE = "127.0.0.2"  # another address than the honest caller's
PAUSE_S = 0.02
AGAIN_S = 1.0  # after a connection that was to stay was hung up on
DRIP_BYTES = 6600  # a second: the slowest pace that is let be


class Target(NamedTuple):
    host: str
    port: int
    key: str
    job_id: str  # one that goes on, of the hostile owner
    video_id: str  # one that is finished

    @property
    def authorized(self) -> bytes:
        return HOST + f"Authorization: Bearer {self.key}\r\n".encode()

    def get(self, path: str, *, method: str = "GET") -> bytes:
        """A call with the hostile owner's key."""
        return f"{method} {path} HTTP/1.1\r\n".encode() + self.authorized + b"\r\n"


Run = Callable[[Target], list[Awaitable[None]]]


async def opened(
    target: Target, *, source: str = "127.0.0.1", window_bytes: int = 0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    line = socket.socket()
    line.setblocking(False)
    if window_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window_bytes)
    line.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(line, (target.host, target.port))
        limit = max(window_bytes // 2, 1) if window_bytes else 2**16
        return await asyncio.open_connection(sock=line, limit=limit)
    except OSError:
        line.close()
        raise


async def pour(target: Target, first: bytes, again: bytes, *, most_bytes: int, per_s: int) -> None:
    """Send without end on one connection, and on the next when it is closed; `per_s` 0: at will."""
    sent_bytes = 0
    while sent_bytes < most_bytes:
        try:
            _, writer = await opened(target)
            writer.write(first)
            while sent_bytes < most_bytes and not writer.is_closing():
                writer.write(again)
                sent_bytes += len(again)
                await writer.drain()
                await asyncio.sleep(len(again) / per_s if per_s else 0)
            await asyncio.sleep(3600)  # who has sent all keeps the connection
        except OSError:
            await asyncio.sleep(PAUSE_S)


async def ask(target: Target, sent: bytes) -> None:
    """The same call again and again, each on a fresh connection."""
    while True:
        try:
            reader, writer = await opened(target)
            writer.write(sent)
            await writer.drain()
            await reader.read(65536)
            writer.close()
        except OSError:
            await asyncio.sleep(PAUSE_S)


async def reset(target: Target, sent: bytes) -> None:
    """Ask, and be gone with a reset before there is an answer."""
    while True:
        try:
            _, writer = await opened(target)
            writer.write(sent)
            await writer.drain()
            line = writer.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            await asyncio.sleep(0)
        except OSError:
            await asyncio.sleep(PAUSE_S)


async def hold(
    target: Target, sent: bytes, *, source: str = "127.0.0.1", window_bytes: int = 0
) -> None:
    """A connection that stays, and comes again when it is hung up on."""
    while True:
        try:
            reader, writer = await opened(target, source=source, window_bytes=window_bytes)
            writer.write(sent)
            if window_bytes:
                await asyncio.sleep(3600)
            while await reader.read(65536):
                pass
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(AGAIN_S)


async def drip(target: Target, head: bytes, at_once_bytes: int, *, per_s: int = DRIP_BYTES) -> None:
    """Most of what is announced at once, the rest little by little."""
    while True:
        try:
            _, writer = await opened(target)
            writer.write(head + b"x" * at_once_bytes)
            await writer.drain()
            while not writer.is_closing():
                writer.write(b"x" * per_s)
                await writer.drain()
                await asyncio.sleep(1)
        except OSError:
            await asyncio.sleep(PAUSE_S)


# --- so many of them at once ----------------------------------------------------------------------


def pouring(
    connections: int,
    first: Callable[[Target], bytes],
    again: bytes,
    *,
    most_bytes: int = 2**26,
    per_s: int = 0,
) -> Run:
    return lambda target: [
        pour(target, first(target), again, most_bytes=most_bytes, per_s=per_s)
        for _ in range(connections)
    ]


def asking(connections: int, sent: Callable[[Target], bytes]) -> Run:
    def run(target: Target) -> list[Awaitable[None]]:
        one = sent(target)
        return [ask(target, one) for _ in range(connections)]

    return run


def resetting(connections: int, sent: Callable[[Target], bytes]) -> Run:
    return lambda target: [reset(target, sent(target)) for _ in range(connections)]


def holding(
    connections: int,
    sent: Callable[[Target], bytes],
    *,
    source: str = "127.0.0.1",
    window_bytes: int = 0,
) -> Run:
    return lambda target: [
        hold(target, sent(target), source=source, window_bytes=window_bytes)
        for _ in range(connections)
    ]


def dripping(
    connections: int,
    head: Callable[[Target], bytes],
    at_once_bytes: int,
    *,
    per_s: int = DRIP_BYTES,
) -> Run:
    return lambda target: [
        drip(target, head(target), at_once_bytes, per_s=per_s) for _ in range(connections)
    ]
