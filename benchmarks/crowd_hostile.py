"""Hostile callers of all kinds at once: `... crowd_hostile URL KEY JOB VIDEO SECONDS`.

Each is bounded in connections and in what it sends a second, so that all of them together are no
test of how many calls two cores can answer. They go to loopback only. At the end, or told to end,
it prints how its paced calls were answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from itertools import cycle

import uvloop
from benchmarks.siege_calls import ELSEWHERE, HOST, Run, Target, dripping, holding, opened
from benchmarks.siege_loads import CHUNKED, MULTIPART, TLS_HELLO, UPLOAD, keyed, nothing, submitting

AT_ONCE = 60  # calls of one kind that are under way; more are left out
HEARD_WITHIN_S = 20.0
DRIP_S = 0.5
UNKNOWN = "01a226b5-661a-7d0e-81a1-849fc6d3c6b2"
_ENDED = HOST + b"\r\n"
MALFORMED = (
    b"GET / HTTP/9.9\r\n" + _ENDED,
    b"GET  /  HTTP/1.1\r\n" + _ENDED,
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"zz\r\nabc\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"ffffffffffffffffff\r\nabc\r\n",
    UPLOAD + MULTIPART + CHUNKED + b"5\r\n--cut\r\n0\r\n\r\n",
    b"\0" * 200,
    b"\r\n" * 500,
    b"GET /" + b"%" * 3000 + b" HTTP/1.1\r\n" + _ENDED,
    TLS_HELLO,
)


_heard: Counter[str] = Counter()  # what came of paced calls, by status


async def _one(target: Target, sent: bytes) -> None:
    status = ""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(HEARD_WITHIN_S):
            reader, writer = await opened(target)
            try:
                writer.write(sent)
                await writer.drain()
                status = (await reader.read(65536))[9:12].decode("latin-1")
            finally:
                writer.close()
    _heard[status or "nothing"] += 1


async def _paced(target: Target, sent: Sequence[bytes], per_s: float) -> None:
    """So many calls a second, each on a fresh connection, whether the last was answered or not."""
    under_way: set[asyncio.Task[None]] = set()
    for each in cycle(sent):
        if len(under_way) < AT_ONCE:
            task = asyncio.create_task(_one(target, each))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.sleep(1 / per_s)


def paced(per_s: float, sent: Callable[[Target], Sequence[bytes]]) -> Run:
    return lambda target: [_paced(target, sent(target), per_s)]


async def _dripping_host(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A host of pictures that never comes to an end."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"\x89")
            await writer.drain()
            await asyncio.sleep(DRIP_S)


async def _slow_pictures(target: Target) -> None:
    """Jobs of one owner, all of whose pictures drip."""
    host = await asyncio.start_server(_dripping_host, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{host.sockets[0].getsockname()[1]}/a.png".encode()
    body = b'{"model": "wan2.7-i2v", "input": {"first_frame_url": "' + url + b'"}}'
    async with host:
        await _paced(target, [submitting(target, body)], 4)


HUGE = b'{"model": "' + b"a" * 40 * 10**6 + b'"}'
KINDS: Mapping[str, Run] = {
    "slow heads, 200": holding(200, lambda _: b"GET / HTTP/1.1\r\nHost: a\r\nX: "),
    "slow bodies, 3": dripping(
        3, lambda target: keyed(target, b"Content-Length: 60000000\r\n\r\n"), 10**6
    ),
    "bodies of 40 MB, one in 5 s": paced(0.2, lambda target: [submitting(target, HUGE)]),
    "idle connections, 500": holding(500, nothing, source=ELSEWHERE),
    "wrong keys, 20 a second": paced(
        20, lambda _: [b"GET /v1/videos HTTP/1.1\r\n" + HOST + b"Authorization: Bearer x\r\n\r\n"]
    ),
    "polls of what is not there, 40 a second": paced(
        40, lambda target: [target.get(f"/v1/videos/{UNKNOWN}")]
    ),
    "lists, 4 a second": paced(
        4,
        lambda target: [
            target.get("/v1/videos?limit=100"),
            target.get("/api/v1/tasks?page_size=100&status=CANCELED"),
        ],
    ),
    "streams of events, 200": holding(
        200, lambda target: target.get(f"/v1/videos/{target.job_id}/events"), source=ELSEWHERE
    ),
    "waiting calls, 200": holding(
        200, lambda target: target.get(f"/v1/videos/{target.job_id}?wait=60"), source=ELSEWHERE
    ),
    "slow readers of a video, 30": holding(
        30, lambda target: target.get(f"/v1/videos/{target.video_id}/content"), window_bytes=4096
    ),
    "pictures that drip, 4 a second": lambda target: [_slow_pictures(target)],
    "malformed requests, 20 a second": paced(20, lambda _: MALFORMED),
}


async def run(target: Target, seconds: float) -> None:
    kinds: list[Awaitable[None]] = [each for kind in KINDS.values() for each in kind(target)]
    tasks = [asyncio.ensure_future(each) for each in kinds]
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print("begun", flush=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(stopped.wait(), seconds)
    print(json.dumps(dict(sorted(_heard.items()))), flush=True)
    for task in tasks:
        task.cancel()


def main() -> None:
    url, key, job_id, video_id, seconds = sys.argv[1:]
    host, port = url.removeprefix("http://").split(":")
    if not host.startswith("127."):
        raise SystemExit("hostile callers are for a server of this machine")
    uvloop.run(run(Target(host, int(port), key, job_id, video_id), float(seconds)))


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # hundreds of connections are the kernel's to close
