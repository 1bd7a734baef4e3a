"""PostgreSQL for tests: a server of the test process, with a database for whoever asks."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import pytest
from benchmarks.real_servers import PostgresServer, ProgramMissing

from support.free_ports import free_port
from unstill.store.postgres.migrations import migrate


class StorePostgres(PostgresServer):
    """One that has a store for whoever asks. Skips where its programs lack, never in CI."""

    def __init__(self, *options: str) -> None:
        try:
            super().__init__(*options, port=free_port())
        except ProgramMissing as missing:
            assert not os.environ.get("CI"), "CI must install postgresql"
            pytest.skip(str(missing))
        self._store: str | None = None  # a database that is up to date and stays empty

    def new_store(self) -> str:
        """The URL of a database that is up to date."""
        if self._store is None:
            url = self.new_database()
            # In a thread: whoever asks may be at work on an event loop.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, migrate(url)).result()
            self._store = url.rpartition("/")[2]
        return self.new_database(like=self._store)


@contextmanager
def postgres(*options: str) -> Iterator[StorePostgres]:
    server = StorePostgres(*options)
    try:
        yield server
    finally:
        server.close()


@cache
def shared() -> StorePostgres:
    """One of the test process, ended with it: what a crash loses is none of its tests' business."""
    server = StorePostgres("fsync=off", "synchronous_commit=off", "full_page_writes=off")
    atexit.register(server.close)
    return server
