"""Keys: the SQL of every write, and the keys of an open store. As rows: key_rows.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import apsw

from unstill.domain.api_key import ApiKey
from unstill.store.embedded.handle import Handle
from unstill.store.key_rows import ALL, CHANGED, CHANGES, COLUMNS, NAMES, key_of, row_of
from unstill.store.keys_mark import is_marked, mark
from unstill.store.ports.keys import Decide

TABLE = "api_keys"
# Not INSERT OR REPLACE, by which a digest that is given twice would take away the other key.
_PUT = (
    f"INSERT INTO api_keys ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608  - field names
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_USED = "UPDATE api_keys SET used_ms = max(coalesce(used_ms, 0), ?2) WHERE id = ?1"


class EmbeddedKeys:
    """The keys of an open store."""

    def __init__(self, handle: Handle, data_dir: Path) -> None:
        self._handle = handle
        self._data_dir = data_dir

    async def changes(self) -> int:
        [(number,)] = await self._handle.opened.ledger.select(CHANGES)
        return int(number)

    async def all(self) -> Sequence[ApiKey]:
        return await self._handle.opened.ledger.read(all_keys)

    async def had_any(self) -> bool:
        return await asyncio.to_thread(is_marked, self._data_dir)

    async def change(self, decide: Decide) -> ApiKey:
        stored: list[ApiKey] = []

        def write(connection: apsw.Connection) -> None:
            stored.append(change(connection, decide))

        await self._handle.opened.writer.write(write)
        await asyncio.to_thread(mark, self._data_dir)
        return stored[-1]

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        def write(connection: apsw.Connection) -> None:
            connection.executemany(_USED, used_ms.items())

        await self._handle.opened.writer.write(write)


# --- in a transaction at hand ------------------------------------------------------------------


def all_keys(connection: apsw.Connection) -> list[ApiKey]:
    return [key_of(row) for row in connection.execute(ALL).fetchall()]


def change(connection: apsw.Connection, decide: Decide) -> ApiKey:
    """As the port has it."""
    standing = all_keys(connection)
    key = decide(standing)
    if key not in standing:
        connection.execute(_PUT, row_of(key))
        connection.execute(CHANGED)
    return key
