"""What answers cost: both status polls and a durable submit, each against its limit.

    python -m benchmarks.answers

The limit is a bare ASGI app on the same uvicorn that does the same read or write (raw.py). All
servers are up at once on one core, wrk is on another, and each is loaded for a second in turn, so
that all meet the same neighbours on the machine. The best window of each counts. The polls ask the
real `unstill serve`; the submits go to the product without its runner (submit_only.py).
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import wrk
from benchmarks.figure import Figure, least_of_limit, table_of
from benchmarks.process import Running, running
from benchmarks.raw import KEY, OWNER
from benchmarks.store import finished
from rich.console import Console

from unstill.domain.job import Job, State
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.store.embedded.link_secrets import load_secrets
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.system.installed import note

ROWS = 20_000  # half of them finished, half waiting
NOT_DUE_MS = 3_600_000
ROUNDS = 5
BUDGET = least_of_limit(0.80)
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
KEYS = {"UNSTILL_API_KEYS": f"{OWNER}:{KEY}"}
BODY = {
    "model": "Wan-AI/Wan2.2-I2V",
    "input": {
        "first_frame_url": "https://example.com/cat.jpg",
        "prompt": "A cat wakes up, stretches in the morning sun and walks to the camera. " * 12,
    },
    "parameters": {"resolution": "720P", "duration": 5},
}  # 1 KB
REQUEST = VideoRequest(
    model="Wan-AI/Wan2.2-I2V",
    prompt="A cat wakes up, stretches in the morning sun and walks to the camera.",
    first_frame=Frame("first", "input.first_frame_url", url="https://example.com/cat.jpg"),
    duration_s=5,
    frame_rate=16,
    seed=42,
)


class Pair(NamedTuple):
    """The product and its limit, which are asked the same."""

    what: str
    ours: Running
    limit: Running
    calls: wrk.Calls


def measure() -> list[Figure]:
    """Polls and submits a second; none where wrk or a second core is missing."""
    cores = sorted(os.sched_getaffinity(0))
    if not wrk.is_there() or len(cores) < 2:
        print("answers are not measured: they need wrk, taskset and two cores")
        return []
    with TemporaryDirectory(prefix="unstill-") as folder, pairs(Path(folder), cores[0]) as asked:
        return [compared(pair, windows) for pair, windows in loaded(asked, cores[1])]


@contextmanager
def pairs(folder: Path, core: int) -> Iterator[list[Pair]]:
    """All servers, running on `core`."""
    stored, stored_too = folder / "stored", folder / "stored-too"
    ids = asyncio.run(fill(stored))
    shutil.copytree(stored, stored_too)
    statuses = wrk.Calls(
        "GET", lines(folder, "statuses", [f"/v1/tasks/status?task_id={i}" for i in ids]), HEADERS
    )
    videos = wrk.Calls("GET", lines(folder, "videos", [f"/v1/videos/{i}" for i in ids]), HEADERS)
    body = lines(folder, "body", [json.dumps(BODY)])
    submits = wrk.Calls("POST", lines(folder, "submits", ["/v1/tasks/submit"]), HEADERS, body)
    with ExitStack() as stack:

        def start(*arguments: str) -> Running:
            return stack.enter_context(running(arguments, core=core, environment=KEYS))

        note(stored)  # no self-test beside what is measured
        ours = start("unstill", "serve", "--port", "0", "--data-dir", str(stored))
        limit = start("benchmarks.raw", "poll", str(stored_too))
        check_same(ours, limit, ids[:2])
        yield [
            Pair("poll /v1/tasks/status", ours, limit, statuses),
            Pair("poll /v1/videos/{id}", ours, limit, videos),
            Pair(
                "durable submit of 1 KB, runner not started",
                start("benchmarks.submit_only", str(folder / "new")),
                start("benchmarks.raw", "submit", str(folder / "new-too")),
                submits,
            ),
        ]


def lines(folder: Path, name: str, texts: Sequence[str]) -> Path:
    path = folder / name
    path.write_text("\n".join(texts))
    return path


async def fill(data_dir: Path) -> list[str]:
    """A data folder with finished and waiting jobs, in turn; their ids."""
    store = EmbeddedStore(data_dir)
    await store.open()
    load_secrets(data_dir)
    jobs = [finished(a_job()) if number % 2 else a_job() for number in range(ROWS)]
    await asyncio.gather(*(store.jobs.add(job) for job in jobs))
    await store.close()
    return [job.id for job in jobs]


def a_job() -> Job:
    """A job that is not due before the measuring is over, so that nobody works on it."""
    now_ms = clock_ms()
    return Job(
        id=new_id(now_ms),
        owner=Owner(OWNER),
        dialect="tasks",
        words="unified",
        model=REQUEST.model,
        request=REQUEST,
        engine="camera",
        created_ms=now_ms,
        due_ms=now_ms + NOT_DUE_MS,
        state=State.READY,
        size=Size(1280, 720),
    )


def check_same(ours: Running, limit: Running, ids: Sequence[str]) -> None:
    """The limit is one only if it answers the same: a waiting job and a finished one."""
    for job_id in ids:
        for path in (f"/v1/tasks/status?task_id={job_id}", f"/v1/videos/{job_id}"):
            answers = said(ours, path), said(limit, path)
            if answers[0] != answers[1]:
                raise AssertionError(f"{path}: {answers[0]!r} is not {answers[1]!r}")


def said(server: Running, path: str) -> str:
    """The answer without what differs between any two: the server's own address, request ids."""
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers=HEADERS)
    text = connection.getresponse().read().decode()
    connection.close()
    return re.sub(r'"request_id":"[0-9a-f]{32}"', "", text.replace(host, "HOST"))


def loaded(
    asked: Sequence[Pair], core: int
) -> Iterator[tuple[Pair, list[tuple[wrk.Window, wrk.Window]]]]:
    """Each pair with its windows, the product's and the limit's in turn."""
    rounds = [
        [
            (wrk.window(p.ours, p.calls, core=core), wrk.window(p.limit, p.calls, core=core))
            for p in asked
        ]
        for _ in range(ROUNDS)
    ]
    return zip(asked, map(list, zip(*rounds, strict=True)), strict=True)


def compared(pair: Pair, windows: Sequence[tuple[wrk.Window, wrk.Window]]) -> Figure:
    ours, limit = (max(side) for side in zip(*windows, strict=True))
    return Figure(
        pair.what,
        "calls/s",
        ours.calls_per_s,
        limit.calls_per_s,
        BUDGET,
        f"{described(ours, pair.ours)}; limit: {described(limit, pair.limit)}",
    )


def described(window: wrk.Window, server: Running) -> str:
    return (
        f"p50 {window.p50_ms:.2f} ms, p99 {window.p99_ms:.2f} ms, {window.cpu_us:.1f} us CPU "
        f"a call, core {window.busy:.0%} busy, {server.memory.rss_mib:.0f} MiB"
    )


if __name__ == "__main__":
    Console().print(table_of(measure(), title="Answers, 32 connections"))
