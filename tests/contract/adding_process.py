"""A process that adds jobs to the store in a folder until it is killed.

It prints each id once its job is stored; with the argument `hold` it only opens the store.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from unstill.backend.embedded import EmbeddedBackend
from unstill.job import Job, clock_ms, new_id
from unstill.request import Frame, VideoRequest

REQUEST = VideoRequest(
    model="wan2.7-i2v",
    prompt="a cat wakes up",
    first_frame=Frame("first", "img_url", sha256="ab" * 32),
    duration_s=5,
    frame_rate=30,
    seed=42,
)


async def main(folder: Path, *, only_holds: bool) -> None:
    store = EmbeddedBackend(folder)
    await store.open()
    print("open", flush=True)  # noqa: T201  - the test reads it
    if only_holds:
        await asyncio.sleep(60)
    await asyncio.gather(*(add_for_ever(store) for _ in range(16)))


async def add_for_ever(store: EmbeddedBackend) -> None:
    while True:
        job = a_job()
        await store.add(job)
        print(job.id, flush=True)  # noqa: T201  - likewise


def a_job() -> Job:
    now_ms = clock_ms()
    return Job(
        id=new_id(now_ms),
        owner="team-a",
        dialect="tasks",
        words="seed",
        model="wan2.7-i2v",
        request=REQUEST,
        engine="camera",
        created_ms=now_ms,
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), only_holds="hold" in sys.argv))
