"""A process that holds a store and obeys a pipe: an embedded one, or a server's on a database.

Reads pickled `(number, verb, keywords)` from stdin, begins each at once, in order, and writes a
pickled `(number, answer)` to stdout when it is done; an error is answered by its name.
At the end of stdin it finishes what it began and closes the store.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any, cast

from unstill.domain.errors import UnstillError
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.store import Store
from unstill.store.postgres.store import PostgresStore

Command = tuple[int, str, dict[str, Any]]


async def main(folder: Path, database: str | None = None) -> None:
    store = _store(folder, database)
    await store.open()
    async with asyncio.TaskGroup() as begun:
        while (command := await asyncio.to_thread(read)) is not None:
            begun.create_task(obey(store, *command))
    await store.close()


def _store(folder: Path, database: str | None) -> Store:
    if database is None:
        return EmbeddedStore(folder)
    return cast("Store", PostgresStore(database, folder))


def read() -> Command | None:
    try:
        command: Command = pickle.load(sys.stdin.buffer)  # noqa: S301  - from the test
    except EOFError:
        return None
    return command


async def asked(store: Store, verb: str, keywords: dict[str, Any]) -> Any:
    if verb == "unfinished":
        return [place async for places in store.backlog.unfinished() for place in places]
    nouns = (store.jobs, store.job_lists, store.retention, store.charges)
    [noun] = [noun for noun in nouns if hasattr(noun, verb)]
    return await getattr(noun, verb)(**keywords)


async def obey(store: Store, number: int, verb: str, keywords: dict[str, Any]) -> None:
    try:
        answer = await asked(store, verb, keywords)
    except UnstillError as error:
        answer = type(error).__name__
    except Exception:  # noqa: BLE001  - its process ends with any other
        traceback.print_exc()
        os._exit(1)  # at once: the thread that reads would keep it, and the test would wait
    sys.stdout.buffer.write(pickle.dumps((number, answer)))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
