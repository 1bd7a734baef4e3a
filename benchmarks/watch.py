"""What 100,000 jobs at one upstream cost: memory, CPU at rest, a start, how late a poll is.

    python benchmarks/watch.py [tickets] [lists_per_s]

The store is a real one with as many running rows; the upstream answers lists of 100 in memory, as
many a second as it is told, so that the CPU that is seen is the watch's own. The interval of a
ticket is the account's advice or what the rate allows, whichever is longer; a look at a ticket is
compared with the one before it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import apsw
import msgspec

from unstill.domain.errors import UpstreamError
from unstill.domain.job import Job, State
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.pollers import Pollers
from unstill.store import job_rows
from unstill.store.embedded import migrations, rows
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.upstreams.port import (
    Account,
    Cancellation,
    Done,
    Doubt,
    FrameForm,
    Prepared,
    Standing,
    Submission,
    Ticket,
    Unsupported,
    UpstreamRequest,
    Verdict,
    Waiting,
)
from unstill.upstreams.rate_limits import Pace

LIST_ROWS = 100
INTERVAL_S = 15.0  # DashScope's advice
SEEN_S = 35.0

REQUEST = VideoRequest(
    model="wan2.7-i2v",
    prompt="A cat wakes up, stretches in the morning sun and walks to the camera. " * 4,
    first_frame=Frame("first", "input.first_frame_url", url="https://example.com/cat.jpg"),
    duration_s=5,
    frame_rate=30,
    seed=42,
)


class Lists:
    """A `Remote` whose jobs all wait; it only polls."""

    name = label = "bailian"
    kind = "lists"
    is_generative = True
    description = "answers lists"
    is_free_to_repeat = False

    def __init__(self, lists_per_s: float) -> None:
        self.account = Account("account", 10, lists_per_s, INTERVAL_S)
        self.looks_s: dict[str, list[float]] = {}
        self.lists = 0
        self._pace = Pace(lists_per_s)

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        for first in range(0, len(tickets), LIST_ROWS):
            await self._pace.turn()
            self.lists += 1
            now_s = perf_counter()
            for ticket in tickets[first : first + LIST_ROWS]:
                self.looks_s.setdefault(ticket.job_id, []).append(now_s)
                yield ticket, Waiting()

    def misfit(self, request: VideoRequest) -> None: ...

    def upstream_model(self, request: VideoRequest) -> str:
        return request.model

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        return FrameForm(frozenset({"JPEG"}), most_bytes=len(upstream_request.job_id))

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        raise UpstreamError(upstream_request.job_id)

    async def submit(self, prepared: Prepared) -> Submission:
        return Doubt("none", prepared.path)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        raise UpstreamError(f"{ticket} {done} {out}")

    async def cancel(self, ticket: Ticket) -> Cancellation:
        del ticket
        return Unsupported()

    async def standing(self) -> Standing:
        return Standing(None, "")

    async def close(self) -> None: ...


def fill(folder: Path, count: int) -> None:
    """Write `count` jobs that run at an upstream."""
    now_ms = clock_ms()
    file = folder / "unstill.sqlite3"
    connection = apsw.Connection(str(file))
    migrations.bring_up_to_date(connection, file, migrations.FOLDER)
    connection.pragma("journal_mode", "wal")
    job = Job(
        id="",
        owner=Owner("team-a"),
        dialect="tasks",
        words="unified",
        model=REQUEST.model,
        request=REQUEST,
        engine=Lists.name,
        created_ms=now_ms,
        state=State.RUNNING,
        attempt=1,
        size=Size(1280, 720),
        started_ms=now_ms,
        upstream_model="wan2.7-i2v",
        deadline_ms=now_ms + 86_400_000,
    )
    with connection:
        for _ in range(count):
            job_id = new_id(now_ms)
            row = msgspec.structs.replace(job, id=job_id, ticket=job_id)
            connection.execute(rows.INSERT, job_rows.row_of(row))
    connection.close()


def rss_mib() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def started(folder: Path, engine: Lists) -> EmbeddedStore:
    store = EmbeddedStore(folder)
    watches = Pollers(
        {engine.name: engine},
        jobs=store.jobs,
        backlog=store.backlog,
        duties=store.duties,
        signals=store.signals,
        board=Board(),
        stalls=Stalls(clock_ms),
        clock_ms=clock_ms,
        uptime_ms=clock_ms,
    )
    begun_s = perf_counter()
    await store.open((watches.changed,))
    print(f"store opened          {perf_counter() - begun_s:8.2f} s")
    begun_s = perf_counter()
    await watches.startup()
    print(f"all taken up          {perf_counter() - begun_s:8.2f} s after that")
    return store


async def main(folder: Path, count: int, lists_per_s: float) -> None:
    fill(folder, count)
    before_mib = rss_mib()
    engine = Lists(lists_per_s)
    store = await started(folder, engine)
    print(f"memory                {rss_mib() - before_mib:8.0f} MiB more than before the start")
    await asyncio.sleep(2)
    begun_s, begun_cpu_s, lists = perf_counter(), process_time(), engine.lists
    await asyncio.sleep(SEEN_S)
    seen_s = perf_counter() - begun_s
    print(f"CPU                   {(process_time() - begun_cpu_s) / seen_s:8.1%} of a core")
    print(f"lists asked for       {(engine.lists - lists) / seen_s:8.1f} a second")
    await store.close()

    interval_s = max(INTERVAL_S, count / (lists_per_s * LIST_ROWS))
    gaps_s = [
        later - earlier for looks in engine.looks_s.values() for earlier, later in pairwise(looks)
    ]
    print(f"tickets looked at     {len(engine.looks_s):8,} of {count:,}")
    print(f"interval              {interval_s:8.1f} s by advice and rate")
    print(f"between two looks     {quantiles(gaps_s)[1]:8.1f} s, at most {max(gaps_s):.1f} s")
    print(f"at most / interval    {max(gaps_s) / interval_s:8.2f}")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    lists_per_s = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    with TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder), count, lists_per_s))
