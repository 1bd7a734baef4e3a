"""What hostile callers send: `python -m benchmarks.siege_loads NAME URL KEY JOB VIDEO SECONDS`.

Each load is bounded in connections, bytes and time, and goes to loopback only.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from base64 import b64encode
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import NamedTuple

import numpy as np
import uvloop
from PIL import Image

HOST = b"Host: localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
UPLOAD = b"POST /api/v1/uploads/objects HTTP/1.1\r\n" + HOST
MULTIPART = b"Content-Type: multipart/form-data; boundary=cut\r\n"
URLENCODED = b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
ELSEWHERE = "127.0.0.2"  # another address than the honest caller's
PAUSE_S = 0.02


class Target(NamedTuple):
    host: str
    port: int
    key: str
    job_id: str  # one that goes on, of the hostile owner
    video_id: str  # one that is finished

    @property
    def authorized(self) -> bytes:
        return HOST + f"Authorization: Bearer {self.key}\r\n".encode()


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
        await asyncio.sleep(1)


async def drip(target: Target, head: bytes, at_once_bytes: int) -> None:
    """Most of a body at once, the rest at the slowest pace that is let be."""
    while True:
        try:
            _, writer = await opened(target)
            writer.write(head + b"x" * at_once_bytes)
            await writer.drain()
            while not writer.is_closing():
                writer.write(b"x" * 6600)
                await writer.drain()
                await asyncio.sleep(1)
        except OSError:
            await asyncio.sleep(PAUSE_S)


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def large_picture() -> bytes:
    """A valid JPEG of about 19 MB, as JSON."""
    noise = np.random.default_rng(1).integers(0, 256, (2600, 3400, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=95, subsampling=0)
    text = b64encode(file.getvalue()[: 19 * 1000**2]).decode()
    return b'{"model": "wan2.7-i2v", "input": {"first_frame_url": "' + text.encode() + b'"}}'


Run = Callable[[Target], list[Awaitable[None]]]


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


def nothing(_target: Target) -> bytes:
    return b""


def keyed(target: Target, more: bytes) -> bytes:
    return b"POST /v1/videos HTTP/1.1\r\n" + target.authorized + more


LOADS: dict[str, Run] = {
    "ordinary calls, 20 connections": asking(20, lambda _: GET),
    "requests behind each other, 1 connection": pouring(
        1, nothing, GET * 1000, most_bytes=12 * 10**6
    ),
    "the same at 0.2 MB/s": pouring(1, nothing, GET * 100, per_s=200_000),
    "HEAD and OPTIONS behind each other, 4": pouring(
        4,
        nothing,
        (GET.replace(b"GET", b"HEAD") + GET.replace(b"GET", b"OPTIONS")) * 500,
        most_bytes=3 * 10**6,
    ),
    "small posts behind each other, 4": pouring(
        4, nothing, sized(b"POST / HTTP/1.1\r\n" + HOST, b"{}") * 500, most_bytes=3 * 10**6
    ),
    "expecting 100-continue, 20": asking(
        20,
        lambda _: (
            b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        ),
    ),
    "heads without end, 200": pouring(
        200, lambda _: b"GET / HTTP/1.1\r\n", b"a:\r\n" * 2500, most_bytes=300_000
    ),
    "12,000 headers, 20": asking(
        20, lambda _: b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 12_000 + b"\r\n"
    ),
    "trailers without end, 20": pouring(
        20, lambda _: UPLOAD + CHUNKED + b"0\r\n", b"a:\r\n" * 2500, most_bytes=2 * 10**6
    ),
    "chunks of a byte, 4": pouring(4, lambda _: UPLOAD + MULTIPART + CHUNKED, b"1\r\nx\r\n" * 5000),
    "chunks of a byte with a key, 4": pouring(
        4, lambda target: keyed(target, MULTIPART + CHUNKED), b"1\r\nx\r\n" * 5000
    ),
    "extensions of a chunk without end, 4": pouring(
        4, lambda _: UPLOAD + CHUNKED + b"1;", b"x" * 32_768
    ),
    "part heads without end, 4": pouring(
        4,
        lambda _: UPLOAD + MULTIPART + CHUNKED,
        b"%x\r\n%b\r\n" % (28_000, b"--cut\r\nA: b" * 2333 + b"----"),
    ),
    "forms of escapes, 2": asking(2, lambda _: sized(UPLOAD + URLENCODED, b"%41" * 1_000_000)),
    "forms of escapes with a key, 2": asking(
        2, lambda target: sized(keyed(target, URLENCODED), b"%41" * 1_000_000)
    ),
    "queries of 30,000 parameters, 10": asking(
        10, lambda _: b"GET /?" + b"a&" * 30_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    ),
    "paths of 20,000 escapes, 10": asking(
        10, lambda _: b"GET /" + b"%41" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
    ),
    "pictures of 19 MB with a key, 6": asking(
        6,
        lambda target: sized(
            keyed(target, b"").replace(b"/videos", b"/tasks/submit"), large_picture()
        ),
    ),
    "60 MB in one JSON string with a key, 2": asking(
        2, lambda target: sized(keyed(target, b""), b'{"model": "' + b"a" * 60 * 10**6 + b'"}')
    ),
    "slow readers of a video of 73 MB, 500": lambda target: [
        hold(
            target,
            f"GET /v1/videos/{target.video_id}/content HTTP/1.1\r\n".encode()
            + target.authorized
            + b"\r\n",
            window_bytes=4096,
        )
        for _ in range(500)
    ],
    "bodies held open with a key, 5": lambda target: [
        drip(target, keyed(target, b"Content-Length: 60000000\r\n\r\n"), 50 * 10**6)
        for _ in range(5)
    ],
    "uploads held open, 5": lambda target: [
        drip(target, UPLOAD + MULTIPART + b"Content-Length: 20000000\r\n\r\n", 16 * 10**6)
        for _ in range(5)
    ],
    "idle connections, 3,000": lambda target: [
        hold(target, b"", source=ELSEWHERE) for _ in range(3000)
    ],
    "idle connections of the same address, 3,000": lambda target: [
        hold(target, b"") for _ in range(3000)
    ],
    "calls that wait with a key, 3,000": lambda target: [
        hold(
            target,
            f"GET /v1/videos/{target.job_id}?wait=60 HTTP/1.1\r\n".encode()
            + target.authorized
            + b"\r\n",
            source=ELSEWHERE,
        )
        for _ in range(3000)
    ],
}


async def run(name: str, target: Target, seconds: float) -> None:
    tasks = [asyncio.ensure_future(each) for each in LOADS[name](target)]
    print("begun", flush=True)
    await asyncio.wait(tasks, timeout=seconds)


def main() -> None:
    name, url, key, job_id, video_id, seconds = sys.argv[1:]
    host, port = url.removeprefix("http://").split(":")
    if not host.startswith("127."):
        raise SystemExit("a siege is for a server of this machine")
    uvloop.run(run(name, Target(host, int(port), key, job_id, video_id), float(seconds)))


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # thousands of connections are the kernel's to close
