"""What the embedded job store costs: finds, and durable adds against a bare APSW loop.

    python benchmarks/store.py [folder]

The folder is to be on the disk that is asked about; a temporary one is made in it. The bare loop
writes rows of the same kind in batches of the size that the store's group commit came to, in turn
with it, so that both meet the same neighbours on the machine. The best round of each counts.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import apsw
import msgspec

from unstill.domain.job import Job, State, Usage, Video
from unstill.domain.job_ids import new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, VideoRequest
from unstill.store import job_rows
from unstill.store.embedded import migrations, rows
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms

ADDERS = 32
ADDS = 6_400  # in each round
FINDS = 20_000
ROUNDS = 4

REQUEST = VideoRequest(
    model="Wan-AI/Wan2.2-I2V",
    prompt="A cat wakes up, stretches in the morning sun and walks to the camera. " * 4,
    first_frame=Frame("first", "input.first_frame_url", url="https://example.com/cat.jpg"),
    duration_s=5,
    frame_rate=24,
    seed=42,
)


def a_job() -> Job:
    now_ms = clock_ms()
    return Job(
        id=new_id(now_ms),
        owner=Owner("team-a"),
        dialect="tasks",
        words="unified",
        model=REQUEST.model,
        request=REQUEST,
        engine="camera",
        created_ms=now_ms,
    )


def finished(job: Job, *, size_bytes: int = 1_000_000) -> Job:
    """The same five seconds after it was made, with its video."""
    video = Video(
        file_name="video-1.mp4",
        width=1280,
        height=720,
        duration_s=5.0,
        frame_rate=16.0,
        frame_count=80,
        size_bytes=size_bytes,
        has_audio=False,
    )
    return msgspec.structs.replace(
        job,
        state=State.SUCCEEDED,
        attempt=1,
        started_ms=job.created_ms,
        ended_ms=job.created_ms + 5000,
        video=video,
        usage=Usage(duration_s=5, tier_height=720),
    )


class Commits:
    """Counts group commits: all of one are told in one turn of the event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._is_in_one = False

    def hear(self, _: Job) -> None:
        if not self._is_in_one:
            self._is_in_one = True
            self.count += 1
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        self._is_in_one = False


async def adds_per_s(store: EmbeddedStore, jobs: list[Job]) -> float:
    waiting = iter(jobs)

    async def add_all() -> None:
        for job in waiting:
            await store.jobs.add(job)

    begun_s = perf_counter()
    await asyncio.gather(*(add_all() for _ in range(ADDERS)))
    return len(jobs) / (perf_counter() - begun_s)


def bare_adds_per_s(connection: apsw.Connection, jobs: list[Job], batch: int) -> float:
    begun_s = perf_counter()
    for first in range(0, len(jobs), batch):
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs[first : first + batch]:
            connection.execute(rows.INSERT, job_rows.row_of(job))
        connection.execute("COMMIT")
    return len(jobs) / (perf_counter() - begun_s)


async def finds_per_s(store: EmbeddedStore, ids: list[str]) -> float:
    begun_s = perf_counter()
    for number in range(FINDS):
        await store.jobs.find(ids[number * 7919 % len(ids)])  # a prime: all over the table
    return FINDS / (perf_counter() - begun_s)


def bare_connection(folder: Path) -> apsw.Connection:
    connection = apsw.Connection(str(folder / "bare.sqlite3"))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    migrations.bring_up_to_date(connection, folder / "bare.sqlite3", migrations.FOLDER)
    return connection


async def main(folder: Path) -> None:
    commits, ids = Commits(), list[str]()
    store, bare = EmbeddedStore(folder / "data"), bare_connection(folder)
    await store.open((commits.hear,))
    adds, bare_adds, finds = [], [], []
    for number in range(1, ROUNDS + 1):
        jobs = [a_job() for _ in range(ADDS)]
        ids += [job.id for job in jobs]
        adds.append(await adds_per_s(store, jobs))
        batch = round(number * ADDS / commits.count)
        bare_adds.append(bare_adds_per_s(bare, jobs, batch))
        finds.append(await finds_per_s(store, ids))
    bare.close()
    await store.close()
    print(f"find            {max(finds):9,.0f} a second, {1e6 / max(finds):.1f} us")
    print(f"durable add     {max(adds):9,.0f} a second, {ADDERS} adders, {batch} rows a commit")
    print(f"bare APSW loop  {max(bare_adds):9,.0f} a second, {batch} rows a commit")
    print(f"add / bare      {max(adds) / max(bare_adds):9.2f}")


if __name__ == "__main__":
    with TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        asyncio.run(main(Path(folder)))
