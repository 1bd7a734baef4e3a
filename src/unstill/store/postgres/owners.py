"""Owners as rows that all servers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.owner import Owner
from unstill.store.job_rows import FINAL_STATES
from unstill.store.key_rows import CHANGED
from unstill.store.owner_rows import ALL, COLUMNS, NAMES, limits_of, row_of
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.keys import ALONE
from unstill.store.postgres.rows import places

_SET = (
    f"INSERT INTO owners ({NAMES}) VALUES ({places(1, len(COLUMNS))}) "  # noqa: S608  - field names
    f"ON CONFLICT (owner) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in COLUMNS)}"
)


def with_files_sql(*, by_key: bool) -> str:
    """Parameters: the owner, and the key. The conditions are those of indexes, word for word."""
    of_key = "AND key_id = $2" if by_key else ""
    return (
        f"SELECT id FROM jobs WHERE owner = $1 AND is_hidden = 0 {of_key} UNION ALL "  # noqa: S608  - state names
        f"SELECT id FROM jobs WHERE owner = $1 AND is_hidden = 1 {of_key} "
        f"AND state NOT IN ({FINAL_STATES})"
    )


class PostgresOwners:
    """Those of an open store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def limits(self) -> Mapping[Owner, Limits]:
        return await owners_limits(self._database)

    async def change(self, owner: Owner, change: Callable[[Limits], Limits]) -> Limits:
        return await change_owner(self._database, owner, change)

    async def with_files(self, party: Party) -> Sequence[str]:
        bounds = party if party.key_id else party[:1]
        sql = with_files_sql(by_key=bool(party.key_id))
        return [f"{job_id}" for (job_id,) in await self._database.rows(sql, *bounds)]


# --- whether servers are up or not -------------------------------------------------------------


async def owners_limits(database: Database) -> Mapping[Owner, Limits]:
    """What is set for owners, by name. Raises StorageFailed."""
    return limits_of(await database.rows(ALL))


async def change_owner(
    database: Database, owner: Owner, change: Callable[[Limits], Limits]
) -> Limits:
    """Change an owner's limits, as the port has it."""

    async def write(unit: WriteUnit) -> Limits:
        await unit.run(ALONE)
        limits = change(limits_of(await unit.rows(ALL)).get(owner, UNLIMITED))
        await unit.run(_SET, *row_of(owner, limits))
        await unit.run(CHANGED)
        return limits

    return await database.write(write)
