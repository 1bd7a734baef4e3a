"""Rows and files of an embedded store, those of older releases among them."""

from __future__ import annotations

from pathlib import Path

import apsw

from support.unfinished_jobs import left
from unstill.store.embedded.store import EmbeddedStore

STORES = Path(__file__).parents[1] / "contract" / "stores"


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def made_with(folder: Path, sql: str) -> apsw.Connection:
    connection = apsw.Connection(str(folder / "unstill.sqlite3"))
    connection.execute(sql)
    return connection


async def ids_in(folder: Path) -> list[str]:
    store = EmbeddedStore(folder)
    await store.open()
    ids = [place.job_id for place in await left(store)]
    await store.close()
    return ids
