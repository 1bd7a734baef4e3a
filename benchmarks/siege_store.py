"""A data folder with one finished video of 73 MB: `python -m benchmarks.siege_store FOLDER OWNER`.

In a process of its own, so that it is written by whichever release is on PYTHONPATH.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from benchmarks.answers import a_job, finished

from unstill.backend.embedded import EmbeddedBackend
from unstill.files.local import LocalFiles

VIDEO_BYTES = 73 * 10**6


async def fill(data_dir: Path, owner: str) -> str:
    backend, files = EmbeddedBackend(data_dir), LocalFiles(data_dir)
    await backend.open()
    job = msgspec.structs.replace(finished(a_job()), owner=owner)
    await backend.add(job)
    await backend.close()
    await files.prepare(job.id)
    path = files.path(job.id, "video-1.mp4")
    await asyncio.to_thread(path.write_bytes, os.urandom(10**6) * (VIDEO_BYTES // 10**6))
    return job.id


if __name__ == "__main__":
    print(asyncio.run(fill(Path(sys.argv[1]), sys.argv[2])))
