"""100,000 jobs in flight at one DashScope emulator, through one real server process.

    python -m benchmarks.flight [--jobs 100000] [--submit-s 40] [--watch-s 180]

Jobs are submitted over HTTP for as long as is allowed; the rest are put beside them, into the store
and into the emulator's memory, as if they had been submitted before at the same rate. Then: memory,
CPU at rest, and how late the server learns that a task has ended, from some that end at random
moments; then from some that end just before a SIGKILL.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import apsw
import httpx2
import msgspec
import numpy as np
from benchmarks.process import Running, running
from benchmarks.upstream import arguments
from numpy.typing import NDArray
from PIL import Image

from unstill.domain.attempts import Attempt
from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.emulators import DAY_S, Options
from unstill.engines.dashscope.engine import INTERVAL_S, REQUESTS_PER_S
from unstill.engines.dashscope.list_walk import PAGE_SIZE
from unstill.store import job_rows
from unstill.store.embedded import rows
from unstill.system.installed import note

KEY = "sk-flight"
CALLERS = 8
SAMPLED = 100  # tasks that end, of each sample; each costs a query of the same 18 a second
SETTLED_S = 5.0  # after a start, before CPU is counted
ADDED_WITHIN_S = 30.0
IN_FLIGHT = "SELECT count(*) FROM jobs WHERE state = 'running' AND ticket IS NOT NULL"
ONE_IN_FLIGHT = "SELECT id FROM jobs WHERE state = 'running' AND ticket IS NOT NULL LIMIT 1"
CONFIG = """
[server]
default_engine = "none"
[engines.bailian]
kind = "dashscope"
base_url = "{url}/api/v1"
api_key = "sk-flight"
[models."wan2.7-i2v"]
engines = ["bailian"]
"""


class Seen(NamedTuple):
    """What was seen of the server while it watched."""

    ready_s: float  # from the start to the first answer
    rss_mib: float
    cpu: float  # of one core
    lists_per_s: float


class Sample(NamedTuple):
    """Some tasks that end while the server watches, by their tickets; Unix milliseconds."""

    ends_ms: dict[str, int]

    def late_s(self, site: Site, *, since_ms: int = 0) -> NDArray[np.float64]:
        """From the end of each, or from then on, until the server knew; infinite if it does not."""
        known_ms = dict(site.read("SELECT ticket, ended_ms FROM jobs WHERE state = 'failed'"))
        return np.array(
            [
                (known_ms.get(ticket, np.inf) - max(end_ms, since_ms)) / 1000
                for ticket, end_ms in self.ends_ms.items()
            ]
        )


class Site(NamedTuple):
    """Where everything lies."""

    data_dir: Path
    state: Path  # the emulator's memory
    port: int  # the emulator's

    @contextmanager
    def emulator(self) -> Iterator[Running]:
        options = Options(
            keys=(KEY,), job_s=DAY_S, state=str(self.state), port=self.port, logged=200_000
        )
        with running(arguments("dashscope", options)) as process:
            yield process

    @contextmanager
    def server(self) -> Iterator[Running]:
        note(self.data_dir)  # no self-test beside what is measured
        command = ["unstill", "serve", "--port", "0", "--data-dir", str(self.data_dir)]
        with running([*command, "--config", str(self.data_dir / "unstill.toml")]) as process:
            yield process

    def read(self, query: str) -> list[Any]:
        file = str(self.data_dir / "unstill.sqlite3")
        connection = apsw.Connection(file, flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    @property
    def in_flight(self) -> int:
        [(found,)] = self.read(IN_FLIGHT)
        return int(found)


# --- jobs --------------------------------------------------------------------------------------


async def submit(url: str, number: Iterator[int], until_s: float, most: int) -> int:
    """Jobs over HTTP, by several callers at once; how many."""
    file = BytesIO()
    Image.linear_gradient("L").resize((480, 320)).convert("RGB").save(file, "JPEG")
    picture = b64encode(file.getvalue()).decode()

    async def caller(http: httpx2.AsyncClient) -> None:
        while time.monotonic() < until_s and (n := next(number)) < most:
            given = {"first_frame_url": picture, "prompt": f"push in, number {n}"}
            answer = await http.post(
                "/v1/tasks/submit", json={"model": "wan2.7-i2v", "input": given}
            )
            answer.raise_for_status()

    async with httpx2.AsyncClient(base_url=url, timeout=60) as http:
        await asyncio.gather(*(caller(http) for _ in range(CALLERS)))
    return min(next(number), most)


def wait_in_flight(site: Site, jobs: int) -> float:
    """Until so many are at the upstream; when that was."""
    while site.in_flight < jobs:
        time.sleep(0.2)
    return time.monotonic()


def add(site: Site, jobs: int, per_s: float, ends_ms: dict[str, int]) -> None:
    """Put `jobs` beside the submitted ones, as if submitted before them at the same rate.

    Those of `ends_ms` among them, by ticket, fail at that moment; the others go on for a day.
    """
    connection = apsw.Connection(str(site.data_dir / "unstill.sqlite3"))
    job, attempt = _sample_of(connection)
    kept = site.state.read_bytes()
    line = msgspec.json.decode(kept.split(b"\n", 1)[0])
    last_ms = line[5][0]
    tickets = [*ends_ms, *(str(uuid.uuid4()) for _ in range(jobs - len(ends_ms)))]
    random.Random(1).shuffle(tickets)
    with connection, site.state.open("wb") as memory:
        for n, ticket in enumerate(tickets):
            at_ms = last_ms - int((jobs - n) / per_s * 1000)
            end_ms = ends_ms.get(ticket, at_ms + DAY_S * 1000)
            task = ["add", ticket, line[2], f"added {n}", n, [at_ms, at_ms, end_ms]]
            memory.write(msgspec.json.encode([*task, int(ticket in ends_ms)]) + b"\n")
            job_id = new_id(at_ms)
            times = {"created_ms": at_ms, "started_ms": at_ms, "deadline_ms": at_ms + DAY_S * 1000}
            row = msgspec.structs.replace(job, id=job_id, ticket=ticket, **times)
            connection.execute(rows.INSERT, job_rows.row_of(row))
            call = {"job_id": job_id, "ticket": ticket, "intent_ms": at_ms, "settled_ms": at_ms}
            made = msgspec.structs.replace(attempt, **call)
            connection.execute(rows.INTEND, job_rows.attempt_row_of(made))
        memory.write(kept)
    connection.close()


def _sample_of(connection: apsw.Connection) -> tuple[Job, Attempt]:
    sample_id = connection.execute(ONE_IN_FLIGHT).get
    [job] = connection.execute(rows.FIND, (sample_id,)).fetchall()
    [attempt] = connection.execute(rows.ATTEMPTS, (sample_id,)).fetchall()
    return job_rows.job_of(job), job_rows.attempt_of(attempt)


# --- the watch ---------------------------------------------------------------------------------


def watch(site: Site, upstream: Running, until_ms: int, *, kills: bool) -> Seen:
    """Start the server and look on until then; then its end, or SIGKILL."""
    begun_ms, begun_s = now_ms(), time.monotonic()
    with site.server() as server:
        ready_s = time.monotonic() - begun_s
        time.sleep(SETTLED_S)
        cpu_s, from_s = server.cpu_s, time.monotonic()
        rss_mib = 0.0
        while now_ms() < until_ms:
            rss_mib = max(rss_mib, server.memory.rss_mib)
            time.sleep(1)
        took_s = time.monotonic() - from_s
        cpu = (server.cpu_s - cpu_s) / took_s
        if kills:
            os.kill(server.pid, signal.SIGKILL)
    log = httpx2.get(f"{upstream.url}/_emulator/log", timeout=60).json()["requests"]
    lists = sum(entry["place"] == "list" and entry["at_ms"] >= begun_ms for entry in log)
    return Seen(ready_s, rss_mib, cpu, lists / (took_s + SETTLED_S))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


# --- the run -----------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flight")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--submit-s", type=float, default=40)
    parser.add_argument("--watch-s", type=float, default=180)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        _fly(Path(folder), asked.jobs, asked.submit_s, asked.watch_s)


def _fly(folder: Path, jobs: int, submit_s: float, watch_s: float) -> None:
    site = Site(folder / "data", folder / "tasks", port=0)
    site.data_dir.mkdir()
    with site.emulator() as upstream:
        site = site._replace(port=int(upstream.url.rpartition(":")[2]))
        (site.data_dir / "unstill.toml").write_text(CONFIG.format(url=upstream.url))
        submitted, per_s = _submitted(site, jobs, submit_s)
    interval_s = max(INTERVAL_S, jobs / (REQUESTS_PER_S * PAGE_SIZE))
    kill_ms = now_ms() + int((ADDED_WITHIN_S + watch_s) * 1000)
    # Early enough for a look that is twice as late as it may be.
    during = _sample(kill_ms - int(watch_s * 1000), kill_ms - int(2 * interval_s * 1000))
    at_kill = _sample(kill_ms - 500, kill_ms)
    begun_s = time.monotonic()
    add(site, jobs - submitted, per_s, during.ends_ms | at_kill.ends_ms)
    print(f"put beside them       {jobs - submitted:10,} in {time.monotonic() - begun_s:.0f} s")
    print(f"in flight             {site.in_flight:10,}")
    print(f"interval              {interval_s:10.1f} s by advice and rate")
    with site.emulator() as upstream:
        _show("with all in flight", watch(site, upstream, kill_ms, kills=True))
        _show_late("ends learnt", during.late_s(site), interval_s)
        again_ms = now_ms()
        until_ms = again_ms + int(2 * interval_s * 1000)
        _show("after a SIGKILL", watch(site, upstream, until_ms, kills=False))
        _show_late("ends learnt", at_kill.late_s(site, since_ms=again_ms), interval_s)
    print(f"still in flight       {site.in_flight:10,}")


def _sample(from_ms: int, to_ms: int) -> Sample:
    chance = random.Random(from_ms)
    return Sample({str(uuid.uuid4()): chance.randint(from_ms, to_ms) for _ in range(SAMPLED)})


def _submitted(site: Site, jobs: int, submit_s: float) -> tuple[int, float]:
    """How many over HTTP, and how many a second reached the upstream."""
    with site.server() as server:
        begun_s = time.monotonic()
        submitted = asyncio.run(submit(server.url, count(), begun_s + submit_s, jobs))
        took_s = time.monotonic() - begun_s
        per_s = submitted / (wait_in_flight(site, submitted) - begun_s)
    print(f"submitted over HTTP   {submitted:10,} in {took_s:.0f} s")
    print(f"                      {submitted / took_s:10.0f} a second")
    print(f"given to the upstream {per_s:10.0f} a second")
    return submitted, per_s


def _show(title: str, seen: Seen) -> None:
    print(f"\n{title}")
    print(f"ready                 {seen.ready_s:10.1f} s after the start")
    print(f"memory                {seen.rss_mib:10.0f} MiB")
    print(f"CPU                   {seen.cpu:10.1%} of a core")
    print(f"lists                 {seen.lists_per_s:10.1f} a second")


def _show_late(title: str, late_s: NDArray[np.float64], interval_s: float) -> None:
    most_s = float(late_s.max())
    print(f"{title:<22}{np.median(late_s):10.1f} s after them, at most {most_s:.1f} s")
    print(f"at most / interval    {most_s / interval_s:10.2f}")


if __name__ == "__main__":
    main()
