"""What callers who wait cost: memory each, the other callers' polls, and the server's end.

    python -m benchmarks.waiters

2,000 streams of events and 2,000 long polls, each for a job of its own, on which nothing happens.
The limit of the memory is a stream of a bare ASGI app on the same uvicorn, the limit of the polls
and of the end is the same server without anybody who waits. The two servers that are polled share
one core and are loaded in turn.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import uvloop
from benchmarks import wrk
from benchmarks.answers import HEADERS, KEYS, fill, lines
from benchmarks.bare import listen, serve
from benchmarks.figure import Figure, at_most, least_of_limit, table_of
from benchmarks.process import Running, running
from rich.console import Console
from starlette.types import Receive, Scope, Send

from unstill.system.installed import note

WAITERS = 2000  # of each kind
ROUNDS = 9
MEMORY_BUDGET_KIB = at_most(15.0)
POLL_BUDGET = least_of_limit(0.90)
END_BUDGET_S = at_most(1.5)
STREAM, POLL = "/v1/videos/{}/events", "/v1/videos/{}?wait=60"
SETTLES_S = 1.0
# What a client sends by itself (curl 8).
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: curl/8.0.0\r\nAccept: */*\r\n"
    f"Authorization: {HEADERS['Authorization']}\r\n\r\n"
)


def measure() -> list[Figure]:
    """Memory and the end anywhere, polls only where wrk and a second core are."""
    with TemporaryDirectory(prefix="unstill-") as name:
        stored = Path(name) / "stored"
        ids = asyncio.run(fill(stored))
        waiting = ids[: 4 * WAITERS : 2]
        limit_kib = memory_kib(("benchmarks.waiters", "limit"), "/{}", waiting[:WAITERS])
        figures = [
            Figure(
                f"memory of each of {WAITERS:,} {what}",
                "KiB RSS",
                memory_kib(product(stored), path, waiting[:WAITERS]),
                limit_kib,
                MEMORY_BUDGET_KIB,
                "limit: an idle stream of a bare ASGI app",
            )
            for what, path in (("event streams", STREAM), ("long polls", POLL))
        ]
        figures += polls(stored, ids, waiting)
        return [*figures, end(stored, waiting)]


def product(data_dir: Path) -> tuple[str, ...]:
    note(data_dir)  # no self-test beside what is measured
    return ("unstill", "serve", "--port", "0", "--data-dir", str(data_dir))


def memory_kib(command: Sequence[str], path: str, ids: Sequence[str]) -> float:
    """What each caller adds, once the first calls have been answered."""
    with running(command, environment=KEYS) as server:
        with waiters(server, path, ids[:20]):
            time.sleep(SETTLES_S)
        before = server.memory
        with waiters(server, path, ids):
            return (server.memory.rss_mib - before.rss_mib) * 1024 / len(ids)


@contextmanager
def waiters(server: Running, path: str, ids: Sequence[str]) -> Iterator[None]:
    """One caller for each job."""
    host, port = server.url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for job_id in ids:
            caller = stack.enter_context(socket.create_connection((host, int(port)), timeout=20))
            caller.sendall(REQUEST.format(path=path.format(job_id)).encode())
        time.sleep(SETTLES_S)
        yield


def polls(stored: Path, ids: Sequence[str], waiting: Sequence[str]) -> list[Figure]:
    """Plain polls a second beside as many streams as long polls, against the same without."""
    cores = sorted(os.sched_getaffinity(0))
    if not wrk.is_there() or len(cores) < 2:
        print("polls beside waiters are not measured: they need wrk, taskset and two cores")
        return []
    half = WAITERS // 2
    stored_too = stored.with_name("stored-too")
    shutil.copytree(stored, stored_too)
    calls = wrk.Calls(
        "GET", lines(stored.parent, "videos", [f"/v1/videos/{each}" for each in ids]), HEADERS
    )
    with ExitStack() as stack:
        ours, limit = (
            stack.enter_context(running(product(folder), core=cores[0], environment=KEYS))
            for folder in (stored, stored_too)
        )
        for path, some in ((STREAM, waiting[:half]), (POLL, waiting[-half:])):
            stack.enter_context(waiters(ours, path, some))
        rounds = [
            [wrk.window(each, calls, core=cores[1]) for each in (ours, limit)]
            for _ in range(ROUNDS)
        ]
    sides = list(zip(*rounds, strict=True))
    beside, alone = (median(each.calls_per_s for each in side) for side in sides)
    beside_us, alone_us = (median(each.cpu_us for each in side) for side in sides)
    what = f"poll /v1/videos/{{id}} beside {WAITERS:,} who wait"
    note = (
        f"medians of {ROUNDS} windows in turn, {beside_us:.1f} us CPU a call; "
        f"limit: with nobody who waits, {alone_us:.1f} us"
    )
    return [Figure(what, "calls/s", beside, alone, POLL_BUDGET, note)]


def end(stored: Path, waiting: Sequence[str]) -> Figure:
    """From SIGTERM to the end of the process."""
    with ExitStack() as callers, ExitStack() as servers:
        server = servers.enter_context(running(product(stored), environment=KEYS))
        callers.enter_context(waiters(server, STREAM, waiting[:WAITERS]))
        callers.enter_context(waiters(server, POLL, waiting[WAITERS:]))
        ours_s = ended_s(servers)
    with ExitStack() as servers:
        server = servers.enter_context(running(product(stored), environment=KEYS))
        with waiters(server, "/health?{}", waiting[:20]):
            limit_s = ended_s(servers)
    what = f"SIGTERM to exit with {2 * WAITERS:,} who wait"
    return Figure(what, "s", ours_s, limit_s, END_BUDGET_S, "limit: with nobody who waits")


def ended_s(servers: ExitStack) -> float:
    begun_s = time.perf_counter()
    servers.close()
    return time.perf_counter() - begun_s


async def stream(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  - ASGI's shape
    """The least that an idle stream is."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass


if __name__ == "__main__":
    if sys.argv[1:] == ["limit"]:
        uvloop.run(serve(stream, listen()))
    else:
        Console(width=150).print(table_of(measure(), title="Callers who wait"))
