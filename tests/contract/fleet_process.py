"""A server as a process: it serves a lane whose steps never end, and performs a duty.

It prints `open`, `begun <job>` for each step, and of the duty `term` where it begins and `over`
where it finds that its term is over.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from unstill.domain.job import Job
from unstill.store.ports.duties import Term
from unstill.store.ports.queue import Lane
from unstill.store.postgres.store import PostgresStore


def say(*words: str) -> None:
    print(*words, flush=True)  # noqa: T201  - the test reads it


async def step(job: Job) -> None:
    say("begun", job.id)
    await asyncio.Event().wait()


async def watch(term: Term) -> None:
    say("term")
    while await term.goes_on():  # noqa: ASYNC110  - a round of the duty
        await asyncio.sleep(0.05)
    say("over")


async def main(url: str, folder: Path, heartbeat_s: float) -> None:
    store = PostgresStore(url, folder, heartbeat_s=heartbeat_s)
    await store.open()
    store.queue.serve([Lane("engine:camera", 2, step)])
    store.duties.perform("watch", watch)
    say("open")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))
