"""Keys as rows: the SQL of every read and write, and the keys of an open store.

The columns of the table are the fields of `ApiKey`, by the same names; lists are JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import apsw
import msgspec

from unstill.domain.api_key import ApiKey
from unstill.domain.caller import Scope
from unstill.domain.owner import Owner
from unstill.store.embedded.handle import Handle

TABLE = "api_keys"
_COLUMNS = ApiKey.__struct_fields__
_NAMES = ", ".join(_COLUMNS)
_ALL = f"SELECT {_NAMES} FROM api_keys ORDER BY created_ms, id"  # noqa: S608  - field names
_ONE = f"SELECT {_NAMES} FROM api_keys WHERE id = ?"  # noqa: S608  - field names
_ADD = f"INSERT INTO api_keys ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608  - field names
_REVOKE = "UPDATE api_keys SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL"
_ROTATE = (
    "UPDATE api_keys SET digest = ?2, created_ms = ?3, used_ms = NULL "
    "WHERE id = ?1 AND revoked_ms IS NULL"
)
_USED = "UPDATE api_keys SET used_ms = max(coalesce(used_ms, 0), ?2) WHERE id = ?1"
_CHANGES = "SELECT number FROM api_key_changes"
_CHANGED = "UPDATE api_key_changes SET number = number + 1"

_encode = msgspec.json.Encoder().encode
_texts_of = msgspec.json.Decoder(tuple[str, ...]).decode

Result = TypeVar("Result")


class EmbeddedKeys:
    """The keys of an open store."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def changes(self) -> int:
        [(number,)] = await self._handle.opened.ledger.select(_CHANGES)
        return int(number)

    async def all(self) -> Sequence[ApiKey]:
        return await self._handle.opened.ledger.read(all_keys)

    async def add(self, key: ApiKey) -> None:
        await self._write(lambda connection: add(connection, key))

    async def revoke(self, key_id: str, now_ms: int) -> ApiKey | None:
        return await self._write(lambda connection: revoke(connection, key_id, now_ms))

    async def rotate(self, key_id: str, digest: str, now_ms: int) -> ApiKey | None:
        return await self._write(lambda connection: rotate(connection, key_id, digest, now_ms))

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        await self._write(lambda connection: note_used(connection, used_ms))

    async def _write(self, work: Callable[[apsw.Connection], Result]) -> Result:
        results: list[Result] = []

        def write(connection: apsw.Connection) -> None:
            results.append(work(connection))

        await self._handle.opened.writer.write(write)
        return results[-1]


# --- in a transaction at hand ------------------------------------------------------------------


def all_keys(connection: apsw.Connection) -> list[ApiKey]:
    return [key_of(row) for row in connection.execute(_ALL).fetchall()]


def add(connection: apsw.Connection, key: ApiKey) -> None:
    connection.execute(_ADD, row_of(key))
    connection.execute(_CHANGED)


def revoke(connection: apsw.Connection, key_id: str, now_ms: int) -> ApiKey | None:
    connection.execute(_REVOKE, (key_id, now_ms))
    if connection.changes():
        connection.execute(_CHANGED)
    return _key(connection, key_id)


def rotate(connection: apsw.Connection, key_id: str, digest: str, now_ms: int) -> ApiKey | None:
    connection.execute(_ROTATE, (key_id, digest, now_ms))
    if not connection.changes():
        return None
    connection.execute(_CHANGED)
    return _key(connection, key_id)


def note_used(connection: apsw.Connection, used_ms: Mapping[str, int]) -> None:
    connection.executemany(_USED, used_ms.items())


def _key(connection: apsw.Connection, key_id: str) -> ApiKey | None:
    return next((key_of(row) for row in connection.execute(_ONE, (key_id,)).fetchall()), None)


def key_of(row: Sequence[Any]) -> ApiKey:
    values = dict(zip(_COLUMNS, row, strict=True))
    models = values["models"]
    values["models"] = None if models is None else _texts_of(models)
    values["networks"] = _texts_of(values["networks"])
    values["owner"], values["scope"] = Owner(values["owner"]), Scope(values["scope"])
    return ApiKey(**values)


def row_of(key: ApiKey) -> tuple[Any, ...]:
    values = msgspec.structs.asdict(key)
    values["models"] = None if key.models is None else _encode(key.models).decode()
    values["networks"] = _encode(key.networks).decode()
    values["scope"] = key.scope.value
    return tuple(values[name] for name in _COLUMNS)
