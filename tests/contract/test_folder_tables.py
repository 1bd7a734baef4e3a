"""Each table of a data folder's store has its like in a database, so that a folder can be moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.open_stores import opened
from support.postgres_servers import shared
from support.stored_files import made_with
from unstill.domain.errors import OperatorError, StoreRefused
from unstill.store.embedded.folder_tables import KEYS, folder_tables
from unstill.store.embedded.moved_mark import FILE, MovedTo, moved_to, note_moved
from unstill.store.embedded.store import EmbeddedStore


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    async with opened(lambda: EmbeddedStore(tmp_path)):
        return tmp_path


def columns_in(database: str) -> set[tuple[str, ...]]:
    """Of all tables, as the database has them."""
    found = shared().sql(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = 'public'",
        database,
    )
    return {tuple(line.split("|")) for line in found.splitlines()}


def test_a_database_has_every_column_that_a_folder_has(folder: Path) -> None:
    with folder_tables(folder) as tables:
        needed = {(table, column) for table in KEYS for column in tables.columns(table)}

    assert len(needed) > 100
    assert needed <= columns_in(shared().new_store().rpartition("/")[2])


def test_a_table_that_nobody_has_thought_of_stops_a_move(folder: Path) -> None:
    made_with(folder, "CREATE TABLE later (id TEXT)").close()

    with pytest.raises(OperatorError, match="cannot be moved: later"), folder_tables(folder):
        pass


async def test_a_mark_that_cannot_be_read_lets_nobody_go_on(folder: Path) -> None:
    note_moved(folder, MovedTo("postgresql://db/unstill"))
    assert moved_to(folder) == MovedTo("postgresql://db/unstill", is_whole=False)
    (folder / FILE).write_text("half of it")

    with pytest.raises(StoreRefused, match="cannot be read"):
        await EmbeddedStore(folder).open()
