"""A process that holds an embedded store and obeys a pipe.

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
from typing import Any

from unstill.domain.errors import UnstillError
from unstill.store.embedded.store import EmbeddedStore

Command = tuple[int, str, dict[str, Any]]


async def main(folder: Path) -> None:
    store = EmbeddedStore(folder)
    await store.open()
    async with asyncio.TaskGroup() as begun:
        while (command := await asyncio.to_thread(read)) is not None:
            begun.create_task(obey(store, *command))
    await store.close()


def read() -> Command | None:
    try:
        command: Command = pickle.load(sys.stdin.buffer)  # noqa: S301  - from the test
    except EOFError:
        return None
    return command


async def asked(store: EmbeddedStore, verb: str, keywords: dict[str, Any]) -> Any:
    if verb == "unfinished":
        return [place async for places in store.backlog.unfinished() for place in places]
    nouns = (store.jobs, store.job_lists, store.retention, store.charges)
    [noun] = [noun for noun in nouns if hasattr(noun, verb)]
    return await getattr(noun, verb)(**keywords)


async def obey(store: EmbeddedStore, number: int, verb: str, keywords: dict[str, Any]) -> None:
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
    asyncio.run(main(Path(sys.argv[1])))
