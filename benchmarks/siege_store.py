"""A data folder with one finished video of 73 MB, and many rows: `... siege_store FOLDER OWNER`.

In a process of its own, so that it is written by whichever release is on PYTHONPATH.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import apsw
import msgspec
from benchmarks.store import a_job, finished

from unstill.domain.job import Job
from unstill.domain.job_ids import new_id
from unstill.files.local import LocalFiles
from unstill.store import job_rows
from unstill.store.embedded import rows
from unstill.store.embedded.store import EmbeddedStore

VIDEO_BYTES = 73 * 10**6
ROWS = 50_000  # of the same owner, made within the last hours


def older(job: Job, minutes: float) -> Job:
    created_ms = job.created_ms - int(minutes * 60_000)
    return msgspec.structs.replace(job, id=new_id(created_ms), created_ms=created_ms)


def add_older(data_dir: Path, job: Job) -> None:
    (database,) = data_dir.glob("*.sqlite3")
    with apsw.Connection(str(database)) as connection:
        for n in range(1, ROWS):
            connection.execute(rows.INSERT, job_rows.row_of(older(job, n * 600 / ROWS)))


async def fill(data_dir: Path, owner: str) -> str:
    store, files = EmbeddedStore(data_dir), LocalFiles(data_dir)
    await store.open()
    job = finished(msgspec.structs.replace(a_job(), owner=owner), size_bytes=VIDEO_BYTES)
    await store.jobs.add(job)
    await store.close()
    add_older(data_dir, job)
    async with files.scratch(job.id, "video-1.part") as part:
        await asyncio.to_thread(part.write_bytes, os.urandom(10**6) * (VIDEO_BYTES // 10**6))
        await files.publish(job.id, "video-1.part", "video-1.mp4")
    return job.id


if __name__ == "__main__":
    print(asyncio.run(fill(Path(sys.argv[1]), sys.argv[2])))
