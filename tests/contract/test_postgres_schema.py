"""The schema of the database: brought up to date by a command, and by nothing else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from support.postgres_servers import shared
from unstill.domain.errors import OperatorError
from unstill.store.postgres.migrations import FOLDER, migrate, schema_files
from unstill.store.postgres.store import PostgresStore

NEWEST = schema_files()[-1].number


async def test_an_empty_database_refuses_a_start_until_it_is_migrated(tmp_path: Path) -> None:
    url = shared().new_database()
    store = PostgresStore(url, tmp_path / "data")

    with pytest.raises(OperatorError, match="the database is empty: run `unstill migrate`"):
        await store.open()
    assert await migrate(url) == [each.number for each in schema_files()]
    await store.open()
    named = store.store_id
    await store.close()

    assert await migrate(url) == []
    await store.open()
    assert store.store_id == named
    await store.close()


async def test_an_older_database_is_brought_up_to_date_and_a_newer_one_is_refused(
    tmp_path: Path,
) -> None:
    older = tmp_path / "older"
    older.mkdir()
    for each in schema_files():
        (older / f"{each.number:04}_x.sql").write_text(each.sql)
    url = shared().new_database()
    await migrate(url)
    (older / f"{NEWEST + 1:04}_more.sql").write_text("CREATE TABLE more (n bigint)")

    assert await migrate(url, older) == [NEWEST + 1]
    with pytest.raises(OperatorError, match="a newer unstill has written the database"):
        await migrate(url, FOLDER)
    with pytest.raises(OperatorError, match="start the newer release"):
        await PostgresStore(url, tmp_path / "data").open()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for each in schema_files():
        (broken / f"{each.number:04}_x.sql").write_text(each.sql)
    (broken / f"{NEWEST + 1:04}_no.sql").write_text("CREATE TABLE no (n nothing)")
    url = shared().new_database()

    with pytest.raises(Exception, match="nothing"):
        await migrate(url, broken)
    connection = await asyncpg.connect(url)
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()

    assert tables == 0


async def test_of_two_that_migrate_at_once_one_does_it() -> None:
    url = shared().new_database()

    applied = await asyncio.gather(*(migrate(url) for _ in range(3)))

    assert sorted(map(len, applied)) == [0, 0, len(schema_files())]
