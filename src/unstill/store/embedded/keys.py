"""Keys as rows: the SQL of every read and write, and the keys of an open store.

The columns of the table are the fields of `ApiKey`, and of its limits, by the same names; lists
are JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from unstill.domain.api_key import ApiKey
from unstill.domain.caller import Scope
from unstill.domain.limits import OF_KEYS, Limits
from unstill.domain.owner import Owner
from unstill.store.embedded.handle import Handle
from unstill.store.embedded.keys_mark import is_marked, mark
from unstill.store.ports.keys import Decide

TABLE = "api_keys"
_LIMITS = tuple(each.field for each in OF_KEYS)
COLUMNS = (*(name for name in ApiKey.__struct_fields__ if name != "limits"), *_LIMITS)
NAMES = ", ".join(COLUMNS)
ALL = f"SELECT {NAMES} FROM api_keys ORDER BY created_ms, id"  # noqa: S608  - field names
# Not INSERT OR REPLACE, by which a digest that is given twice would take away the other key.
_PUT = (
    f"INSERT INTO api_keys ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))}) "  # noqa: S608  - field names
    f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)
_USED = "UPDATE api_keys SET used_ms = max(coalesce(used_ms, 0), ?2) WHERE id = ?1"
CHANGES = "SELECT number FROM api_key_changes"
# What is set for owners counts too: a server that follows both asks for one number.
CHANGED = "UPDATE api_key_changes SET number = number + 1"

_encode = msgspec.json.Encoder().encode
_texts_of = msgspec.json.Decoder(tuple[str, ...]).decode


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


def key_of(row: Sequence[Any]) -> ApiKey:
    values = dict(zip(COLUMNS, row, strict=True))
    models = values["models"]
    values["models"] = None if models is None else _texts_of(models)
    values["networks"] = _texts_of(values["networks"])
    limits = {each: values.pop(each) for each in _LIMITS}
    values["limits"] = msgspec.convert(limits, Limits)
    values["owner"], values["scope"] = Owner(values["owner"]), Scope(values["scope"])
    return ApiKey(**values)


def row_of(key: ApiKey) -> tuple[Any, ...]:
    values = msgspec.structs.asdict(key) | msgspec.structs.asdict(key.limits)
    values["models"] = None if key.models is None else _encode(key.models).decode()
    values["networks"] = _encode(key.networks).decode()
    values["scope"] = key.scope.value
    return tuple(values[name] for name in COLUMNS)
