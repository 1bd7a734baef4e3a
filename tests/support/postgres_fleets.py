"""Several stores on one database, as so many servers have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from support.postgres_servers import shared
from unstill.domain.job import Failure, Job, failed
from unstill.store.ports.queue import Lane
from unstill.store.postgres.store import PostgresStore

NEVER_S = 3_600.0  # a server that nothing is heard of is not taken for gone within a test


@asynccontextmanager
async def fleet(
    folder: Path, servers: int = 2, *, heartbeat_s: float = NEVER_S, url: str | None = None
) -> AsyncIterator[Sequence[PostgresStore]]:
    """So many, open; each has a folder of its own."""
    url = shared().new_store() if url is None else url
    async with AsyncExitStack() as stack:
        stores = []
        for number in range(servers):
            store = PostgresStore(url, folder / f"server-{number}", heartbeat_s=heartbeat_s)
            await store.open()
            stack.push_async_callback(store.close)
            stores.append(store)
        yield stores


class Work:
    """Steps that end their jobs, one after the other or as they are let; and what they came to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.by: list[PostgresStore] = []
        self.busy = 0
        self.most = 0  # at once, over all servers
        self.gate = asyncio.Event()  # they wait for it

    def lane(
        self, store: PostgresStore, name: str = "engine:camera", slots: int = 1, **fields: Any
    ) -> Lane:
        """`fields`: the lane's others."""

        async def step(job: Job) -> None:
            self.begun.append(job.id)
            self.by.append(store)
            self.busy += 1
            self.most = max(self.most, self.busy)
            try:
                await self.gate.wait()
                await asyncio.sleep(0)
            finally:
                self.busy -= 1
            await store.jobs.change(job.id, failed(Failure("code", "why"), 5), attempt=job.attempt)

        return Lane(name, slots, step, **fields)


async def entries_of(store: PostgresStore) -> Sequence[str]:
    """The jobs that have an entry, with their lanes; in the order in which they are taken."""
    found = await store.database.rows(
        "SELECT dedupe_key FROM unstill_pgqueuer WHERE entrypoint NOT LIKE 'duty:%' "
        "ORDER BY priority DESC, id"
    )
    return [str(key) for (key,) in found]


async def true_at_last(is_true: Callable[[], object]) -> None:
    """Wait for what a coroutine says."""
    async with asyncio.timeout(30):
        while True:
            said = is_true()
            if asyncio.iscoroutine(said):
                said = await said
            if said:
                return
            await asyncio.sleep(0.02)
