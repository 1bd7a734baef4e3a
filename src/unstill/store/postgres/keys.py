"""Keys as rows that all servers share. How values stand in their columns: `embedded/keys`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from unstill.domain.api_key import ApiKey
from unstill.store.key_rows import ALL, CHANGED, CHANGES, COLUMNS, NAMES, key_of, row_of
from unstill.store.keys_mark import is_marked, mark
from unstill.store.ports.keys import Decide
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.rows import places

# Whoever changes a key, or what is set for an owner, at whatever server, waits here for the one
# before, and reads what that has written.
ALONE = f"{CHANGES} FOR UPDATE"
_PUT = (
    f"INSERT INTO api_keys ({NAMES}) VALUES ({places(1, len(COLUMNS))}) "  # noqa: S608  - field names
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_USED = (
    "UPDATE api_keys SET used_ms = noted.used_ms "
    "FROM unnest($1::text[], $2::bigint[]) AS noted (id, used_ms) "
    "WHERE api_keys.id = noted.id AND coalesce(api_keys.used_ms, 0) < noted.used_ms"
)
_ANY = "SELECT EXISTS (SELECT 1 FROM api_keys)"


class PostgresKeys:
    """Those of an open store; `data_dir` is this server's own folder.

    A database that was put back from before the first key must not open the door: the folder of
    each server that has seen one remembers it.
    """

    def __init__(self, database: Database, data_dir: Path) -> None:
        self._database = database
        self._data_dir = data_dir

    async def changes(self) -> int:
        [(number,)] = await self._database.rows(CHANGES)
        return int(number)

    async def all(self) -> Sequence[ApiKey]:
        keys = await all_keys(self._database)
        if keys:
            await self._mark()
        return keys

    async def had_any(self) -> bool:
        if await has_any(self._database):
            await self._mark()
            return True
        return await asyncio.to_thread(is_marked, self._data_dir)

    async def change(self, decide: Decide) -> ApiKey:
        key = await change_key(self._database, decide)
        await self._mark()
        return key

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        await self._database.execute(_USED, list(used_ms), list(used_ms.values()))

    async def _mark(self) -> None:
        await asyncio.to_thread(mark, self._data_dir)


# --- whether servers are up or not -------------------------------------------------------------


async def all_keys(database: Database) -> list[ApiKey]:
    """Oldest first. Raises StorageFailed."""
    return [key_of(tuple(row)) for row in await database.rows(ALL)]


async def has_any(database: Database) -> bool:
    """Whether the database knows of a key, revoked or not. Raises StorageFailed."""
    [(is_there,)] = await database.rows(_ANY)
    return bool(is_there)


async def change_key(database: Database, decide: Decide) -> ApiKey:
    """Change a key, or add one, as the port has it."""

    async def change(unit: WriteUnit) -> ApiKey:
        await unit.run(ALONE)
        standing = [key_of(tuple(row)) for row in await unit.rows(ALL)]
        key = decide(standing)
        if key not in standing:
            await unit.run(_PUT, *row_of(key))
            await unit.run(CHANGED)
        return key

    return await database.write(change)
