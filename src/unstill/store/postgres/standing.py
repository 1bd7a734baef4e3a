"""How a database stands, for who is about to start a server on it: looked at, and left as it is."""

from __future__ import annotations

import asyncpg

from unstill.store.database_standing import DatabaseStanding
from unstill.store.postgres.database import as_own
from unstill.store.postgres.migrations import schema_files

WITHIN_S = 10.0
_HAS = "SELECT to_regclass($1) IS NOT NULL"
_SCHEMA = "SELECT coalesce(max(number), 0) FROM unstill_schema"
_UP = "SELECT count(*) FROM servers WHERE up_until >= now()"
_READ_ONLY = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'"


async def standing_of(url: str) -> DatabaseStanding:
    """Raises StorageFailed where it does not answer."""
    try:
        connection = await asyncpg.connect(url, timeout=WITHIN_S, command_timeout=WITHIN_S)
        try:
            has_schema = await connection.fetchval(_HAS, "unstill_schema")
            has_servers = await connection.fetchval(_HAS, "servers")
            version = connection.get_server_version()
            return DatabaseStanding(
                version=f"{version.major}.{version.minor}",
                schema=int(await connection.fetchval(_SCHEMA)) if has_schema else 0,
                needed=schema_files()[-1].number,
                servers=int(await connection.fetchval(_UP)) if has_servers else 0,
                is_read_only=bool(await connection.fetchval(_READ_ONLY)),
            )
        finally:
            await connection.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise as_own(error) from error
