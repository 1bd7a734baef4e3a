"""Owners: the SQL of every write, and those of an open store. As rows: owner_rows.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import apsw

from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.owner import Owner
from unstill.store.embedded.handle import Handle
from unstill.store.key_rows import CHANGED
from unstill.store.owner_rows import ALL, COLUMNS, NAMES, limits_of, row_of

TABLE = "owners"
_SET = f"INSERT OR REPLACE INTO owners ({NAMES}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608  - field names
# The conditions are word for word those of the indexes, or they are not used.
_WITH_FILES = (
    "SELECT id FROM jobs WHERE owner = ?1 AND is_hidden = 0 UNION "
    "SELECT id FROM jobs WHERE owner = ?1 AND is_hidden = 1 "
    "AND state NOT IN ('succeeded', 'failed', 'cancelled')"
)
_WITH_FILES_BY_KEY = (
    "SELECT id FROM jobs WHERE owner = ?1 AND is_hidden = 0 AND key_id = ?2 UNION "
    "SELECT id FROM jobs WHERE owner = ?1 AND is_hidden = 1 AND key_id = ?2 "
    "AND state NOT IN ('succeeded', 'failed', 'cancelled')"
)


class EmbeddedOwners:
    """Those of an open store."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def limits(self) -> Mapping[Owner, Limits]:
        return await self._handle.opened.ledger.read(limits_in)

    async def change(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        stored: list[Limits] = []

        def write(connection: apsw.Connection) -> None:
            stored.append(changed(connection, owner, change))

        await self._handle.opened.writer.write(write)
        return stored[-1]

    async def with_files(self, party: Party) -> Sequence[str]:
        sql, values = (_WITH_FILES_BY_KEY, party) if party.key_id else (_WITH_FILES, party[:1])
        found = await self._handle.opened.ledger.select(sql, tuple(values))
        return [f"{job_id}" for (job_id,) in found]


def limits_in(connection: apsw.Connection) -> dict[Owner, Limits]:
    return limits_of(connection.execute(ALL).fetchall())


def changed(
    connection: apsw.Connection, owner: Owner, change: Callable[[Limits], Limits]
) -> Limits:
    """As the port has it, in the transaction at hand."""
    limits = change(limits_in(connection).get(owner, UNLIMITED))
    connection.execute(_SET, row_of(owner, limits))
    connection.execute(CHANGED)
    return limits
