"""A job store that is open, and rows for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from support.jobs import a_job
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.postgres_servers import shared
from unstill.domain.job import Job
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.queue import Listener
from unstill.store.ports.store import Store
from unstill.store.postgres.store import PostgresStore

Make = Callable[[], Store]  # a store over the same data, each time it is called


def embedded_stores(folder: Path) -> Make:
    return lambda: EmbeddedStore(folder / "data")


def memory_stores(_: Path) -> Make:
    memory = Memory()
    return lambda: MemoryStore(memory)


def postgres_stores(folder: Path) -> Make:
    url = shared().new_store()
    return lambda: cast("Store", PostgresStore(url, folder / "data"))


@asynccontextmanager
async def opened(make: Make, *listeners: Listener) -> AsyncIterator[Store]:
    store = make()
    await store.open(listeners)
    try:
        yield store
    finally:
        await store.close()


def a_row(job_id: str = "job", **fields: Any) -> Job:
    """The same row each time that it is made."""
    return a_job(**{"id": job_id, "created_ms": 1_763_600_000_000} | fields)
