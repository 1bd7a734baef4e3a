"""100,000 jobs in flight at one DashScope emulator, over two servers on one PostgreSQL.

    python -m benchmarks.flight_cluster [--jobs 100000] [--watch-s 150]

As flight.py has it: one job goes through the servers, the others are put beside it, into the
database and into the emulator's memory. Both servers hear of all; one of them asks for the
account. Then that one is killed: how long until the other asks, and how late it learns of ends.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
import uuid
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import httpx2
import msgspec
import numpy as np
from benchmarks.fleet import Fleet, Member, fleet
from benchmarks.flight import CONFIG, KEY, SAMPLED, now_ms
from benchmarks.free_ports import free_port
from benchmarks.process import Running, running
from benchmarks.real_servers import postgres
from benchmarks.s3_server import seaweed
from benchmarks.upstream import arguments
from PIL import Image

from unstill.domain.job_ids import new_id
from unstill.emulators import DAY_S, Options
from unstill.engines.dashscope.engine import INTERVAL_S, REQUESTS_PER_S
from unstill.engines.dashscope.list_walk import PAGE_SIZE
from unstill.store import job_rows

ROLES = {"first": ("serve",), "second": ("serve",)}
AT_ONCE = 10_000
IN_FLIGHT = "SELECT count(*) FROM jobs WHERE state = 'running' AND ticket IS NOT NULL"
ENDED = "SELECT ticket, ended_ms FROM jobs WHERE state = 'failed'"
HOLDER = "SELECT server FROM duties WHERE name LIKE 'watch:_%'"


def ask(url: str, sql: str) -> list[Any]:
    async def asked() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            found: list[Any] = await connection.fetch(sql)
        finally:
            await connection.close()
        return found

    return asyncio.run(asked())


def submit_one(site: Fleet) -> None:
    """The job that all others are like, until it is at the upstream."""
    file = BytesIO()
    Image.linear_gradient("L").resize((480, 320)).convert("RGB").save(file, "JPEG")
    given = {"first_frame_url": b64encode(file.getvalue()).decode(), "prompt": "push in"}
    body = {"model": "wan2.7-i2v", "input": given}
    httpx2.post(f"{site.gateways[0].url}/v1/tasks/submit", json=body, timeout=60).raise_for_status()
    while not ask(site.database, IN_FLIGHT)[0][0]:
        time.sleep(0.2)


def put_beside(url: str, state: Path, jobs: int, ends_ms: dict[str, int]) -> None:
    """Into the database and the emulator's memory; those of `ends_ms` fail at that moment."""
    [row] = ask(url, f"SELECT {job_rows.NAMES} FROM jobs WHERE ticket IS NOT NULL")  # noqa: S608
    job = job_rows.job_of(tuple(row))
    kept = state.read_bytes()
    line = msgspec.json.decode(kept.split(b"\n", 1)[0])
    last_ms = line[5][0]
    tickets = [*ends_ms, *(str(uuid.uuid4()) for _ in range(jobs - 1 - len(ends_ms)))]
    random.Random(1).shuffle(tickets)
    records = []
    with state.open("wb") as memory:
        for n, ticket in enumerate(tickets):
            at_ms = last_ms - (len(tickets) - n) * 10
            end_ms = ends_ms.get(ticket, at_ms + DAY_S * 1000)
            task = ["add", ticket, line[2], f"added {n}", n, [at_ms, at_ms, end_ms]]
            memory.write(msgspec.json.encode([*task, int(ticket in ends_ms)]) + b"\n")
            times = {"created_ms": at_ms, "started_ms": at_ms, "deadline_ms": at_ms + DAY_S * 1000}
            other = msgspec.structs.replace(job, id=new_id(at_ms), ticket=ticket, **times)
            records.append(job_rows.row_of(other))
        memory.write(kept)
    asyncio.run(_copied(url, records))


async def _copied(url: str, records: Sequence[Any]) -> None:
    connection = await asyncpg.connect(url)
    for first in range(0, len(records), AT_ONCE):
        await connection.copy_records_to_table(
            "jobs", records=records[first : first + AT_ONCE], columns=job_rows.COLUMNS
        )
    await connection.execute("ANALYZE jobs")
    await connection.close()


def seen(member: Member) -> Running:
    assert member.process is not None  # noqa: S101  - it was started
    return Running(member.process.pid, member.url)


def late_s(url: str, ends_ms: dict[str, int], *, since_ms: int = 0) -> np.ndarray[Any, Any]:
    known_ms = dict(ask(url, ENDED))
    return np.array(
        [
            (known_ms.get(ticket, np.inf) - max(end_ms, since_ms)) / 1000
            for ticket, end_ms in ends_ms.items()
        ]
    )


def show_late(title: str, late: np.ndarray[Any, Any], interval_s: float) -> None:
    print(f"{title:<30}{np.median(late):8.1f} s after them, at most {late.max():.1f} s")
    print(f"{'at most / interval':<30}{late.max() / interval_s:8.2f}")


def show_servers(members: list[Member], for_s: float) -> None:
    """What they use of the machine, over that time."""
    running_now = [(member.name, seen(member)) for member in members]
    before_s = [each.cpu_s for _, each in running_now]
    time.sleep(for_s)
    for (name, each), cpu_s in zip(running_now, before_s, strict=True):
        share = (each.cpu_s - cpu_s) / for_s
        print(f"{name:<30}{each.memory.rss_mib:8.0f} MiB, {share:.1%} of a core")


def fly(site: Fleet, upstream: Sequence[str], state: Path, asked: argparse.Namespace) -> None:
    jobs, watch_s = asked.jobs, asked.watch_s
    interval_s = max(INTERVAL_S, jobs / (REQUESTS_PER_S * PAGE_SIZE))
    kill_ms = now_ms() + int((watch_s + 20) * 1000)
    during = _sample(kill_ms - int(watch_s * 1000), kill_ms - int(2 * interval_s * 1000))
    at_kill = _sample(kill_ms - 500, kill_ms)
    begun_s = time.monotonic()
    put_beside(site.database, state, jobs, during | at_kill)
    print(f"{'put into the database':<30}{jobs:8,} in {time.monotonic() - begun_s:.0f} s")
    print(f"{'interval':<30}{interval_s:8.1f} s by advice and rate")
    with running(upstream):
        begun_s = time.monotonic()
        site.start()
        site.wait_ready()
        print(f"{'both are ready after':<30}{time.monotonic() - begun_s:8.1f} s")
        time.sleep(10)
        show_servers(site.gateways, 30)
        time.sleep(max(kill_ms - now_ms(), 0) / 1000)
        show_late("ends learnt", late_s(site.database, during), interval_s)
        watching = _watching(site)
        watching.kill()
        killed_ms, killed_s = now_ms(), time.monotonic()
        print(f"{'killed':<30}{watching.name}, which asked for the account")
        while _watching(site) is watching:
            time.sleep(0.2)
        print(f"{'the other asks after':<30}{time.monotonic() - killed_s:8.1f} s")
        time.sleep(35 + 2 * interval_s)
        show_late("ends learnt", late_s(site.database, at_kill, since_ms=killed_ms), interval_s)
        show_servers([each for each in site.gateways if each.is_up], 10)
    print(f"{'still in flight':<30}{ask(site.database, IN_FLIGHT)[0][0]:8,}")


def _watching(site: Fleet) -> Member:
    """Who asks for the account: its id stands in its own folder."""
    found = {server for (server,) in ask(site.database, HOLDER)}
    for member in site.gateways:
        ids = (member.log.parent / "unstill.servers").read_text().split()
        if ids[-1] in found:
            return member
    raise RuntimeError(f"nobody asks for the account: {found}")


def _options(state: Path, port: int) -> Options:
    return Options(keys=(KEY,), job_s=DAY_S, state=str(state), port=port, logged=200_000)


def _sample(from_ms: int, to_ms: int) -> dict[str, int]:
    chance = random.Random(from_ms)
    return {str(uuid.uuid4()): chance.randint(from_ms, to_ms) for _ in range(SAMPLED)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flight_cluster")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--watch-s", type=float, default=150)
    asked = parser.parse_args()
    port = free_port()
    config = CONFIG.format(url=f"http://127.0.0.1:{port}")
    with (
        TemporaryDirectory() as folder,
        postgres() as database,
        seaweed() as s3,
        fleet(database, s3, config, roles=ROLES) as site,
    ):
        upstream = arguments("dashscope", _options(Path(folder) / "tasks", port))
        with running(upstream):
            site.start()
            site.wait_ready()
            submit_one(site)
            for member in site.gateways:
                member.end()
        # It is begun anew: it reads its memory once.
        fly(site, upstream, Path(folder) / "tasks", asked)


if __name__ == "__main__":
    main()
