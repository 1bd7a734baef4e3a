"""The schema of the database: numbered SQL files, applied by `unstill migrate` alone.

Several servers share the database, of two releases while they are replaced: none changes it by
being started. One that needs more than there is refuses to start, with the command that mends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from secrets import token_hex
from typing import Any

import asyncpg
import msgspec

from unstill.domain.errors import OperatorError
from unstill.store.postgres.database import as_own
from unstill.system.clock import clock_ms

FOLDER: Traversable = files("unstill.store.postgres") / "sql"
# Two that are begun together wait for each other.
_LOCK = "SELECT pg_advisory_xact_lock(7308620122)"
_MADE = "CREATE TABLE IF NOT EXISTS unstill_schema (number bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"  # noqa: E501
_NEWEST = "SELECT coalesce(max(number), 0) FROM unstill_schema"
_NOTE = "INSERT INTO unstill_schema (number) VALUES ($1)"
_IS_THERE = "SELECT to_regclass('unstill_schema') IS NOT NULL"
_NAME = "INSERT INTO store (id, made_ms) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM store)"
# After a dump was read into another cluster: its transactions have other numbers here.
_HERE = "UPDATE jobs SET xact = pg_current_xact_id() WHERE xact > pg_current_xact_id()"
LEAST_VERSION = 130_000  # `xid8`, and functions of snapshots by these names


class SchemaFile(msgspec.Struct, frozen=True):
    number: int
    sql: str


def schema_files(folder: Traversable = FOLDER) -> Sequence[SchemaFile]:
    """Oldest first; a file is named `<number>_<what it brings>.sql`."""
    entries = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    found = [SchemaFile(int(each.name.split("_")[0]), each.read_text("utf-8")) for each in entries]
    return sorted(found, key=lambda each: each.number)


async def migrate(url: str, folder: Traversable = FOLDER) -> Sequence[int]:
    """Bring the database up to date, all of it or nothing; the numbers that were applied.

    Raises OperatorError where a newer release has written it, StorageFailed.
    """
    try:
        connection = await asyncpg.connect(url, timeout=15)
        try:
            async with connection.transaction():
                return await _apply(connection, schema_files(folder))
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise as_own(error) from error


async def check(connection: Any, folder: Traversable = FOLDER) -> None:
    """Raises OperatorError where the database is not as this release needs it."""
    newest = schema_files(folder)[-1].number
    found = 0
    if await connection.fetchval(_IS_THERE):
        found = int(await connection.fetchval(_NEWEST))
    if found < newest:
        word = "is empty" if not found else f"has schema {found}, this release needs {newest}"
        raise OperatorError(f"the database {word}: run `unstill migrate` with the same settings")
    _refuse_newer(found, newest)


async def _apply(connection: Any, wanted: Sequence[SchemaFile]) -> Sequence[int]:
    version = connection.get_server_version()
    if version.major * 10_000 < LEAST_VERSION:
        raise OperatorError(f"unstill needs PostgreSQL 13 or newer, this is {version.major}")
    await connection.execute(_LOCK)
    await connection.execute(_MADE)
    found = int(await connection.fetchval(_NEWEST))
    _refuse_newer(found, wanted[-1].number)
    missing = [each for each in wanted if each.number > found]
    for each in missing:
        await connection.execute(each.sql)
        await connection.execute(_NOTE, each.number)
    await connection.execute(_NAME, token_hex(8), clock_ms())
    await connection.execute(_HERE)
    return [each.number for each in missing]


def _refuse_newer(found: int, newest: int) -> None:
    if found > newest:
        raise OperatorError(
            f"a newer unstill has written the database: its schema is {found}, this release reads "
            f"up to {newest}; start the newer release"
        )
