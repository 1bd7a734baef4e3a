"""A process that adds jobs to the store in a folder until it is killed.

It prints each id once its job is stored; with the argument `end` once it has failed, and its
receiver is owed an event; with `hold` it only opens the store.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from unstill.domain.job import Failure, Job, failed, new_id
from unstill.domain.owner import Owner
from unstill.domain.request import Frame, VideoRequest
from unstill.store.embedded.store import EmbeddedBackend
from unstill.system.clock import clock_ms

REQUEST = VideoRequest(
    model="wan2.7-i2v",
    prompt="a cat wakes up",
    first_frame=Frame("first", "img_url", sha256="ab" * 32),
    duration_s=5,
    frame_rate=30,
    seed=42,
)


async def main(folder: Path, words: list[str]) -> None:
    store = EmbeddedBackend(folder)
    await store.open()
    print("open", flush=True)  # noqa: T201  - the test reads it
    if "hold" in words:
        await asyncio.sleep(60)
    work = end_for_ever if "end" in words else add_for_ever
    await asyncio.gather(*(work(store) for _ in range(16)))


async def add_for_ever(store: EmbeddedBackend) -> None:
    while True:
        job = a_job()
        await store.add(job)
        print(job.id, flush=True)  # noqa: T201  - likewise


async def end_for_ever(store: EmbeddedBackend) -> None:
    while True:
        job = a_job(webhook_url="https://hooks.example.com/")
        await store.add(job)
        await store.change(job.id, failed(Failure("x", "y"), clock_ms()))
        print(job.id, flush=True)  # noqa: T201  - likewise


def a_job(webhook_url: str | None = None) -> Job:
    now_ms = clock_ms()
    return Job(
        id=new_id(now_ms),
        owner=Owner("team-a"),
        dialect="tasks",
        words="unified",
        model="wan2.7-i2v",
        request=REQUEST,
        engine="camera",
        created_ms=now_ms,
        webhook_url=webhook_url,
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
