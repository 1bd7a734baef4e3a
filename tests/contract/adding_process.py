"""A process that adds jobs to the store in a folder until it is killed.

It prints each id once its job is stored; with the argument `end` once it has failed, and its
receiver is owed an event; with `hold` it only opens the store.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from support.jobs import a_job
from unstill.domain.job import Failure, failed
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms


async def main(folder: Path, words: list[str]) -> None:
    store = EmbeddedStore(folder)
    await store.open()
    print("open", flush=True)  # noqa: T201  - the test reads it
    if "hold" in words:
        await asyncio.sleep(60)
    work = end_for_ever if "end" in words else add_for_ever
    await asyncio.gather(*(work(store) for _ in range(16)))


async def add_for_ever(store: EmbeddedStore) -> None:
    while True:
        job = a_job()
        await store.jobs.add(job)
        print(job.id, flush=True)  # noqa: T201  - likewise


async def end_for_ever(store: EmbeddedStore) -> None:
    while True:
        job = a_job(webhook_url="https://hooks.example.com/")
        await store.jobs.add(job)
        await store.jobs.change(job.id, failed(Failure("x", "y"), clock_ms()))
        print(job.id, flush=True)  # noqa: T201  - likewise


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
