"""The secrets of links in a table, which all servers sign with."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex

from unstill.store.postgres.database import Database

_ALL = "SELECT secret FROM link_secrets ORDER BY place"
# One of the servers that start together makes it, and the others wait for that.
_FIRST = "INSERT INTO link_secrets (place, secret) VALUES (0, $1) ON CONFLICT DO NOTHING"


class PostgresLinkSecrets:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[bytes]:
        found = await self._database.rows(_ALL)
        if not found:
            await self._database.execute(_FIRST, token_hex(32))
            found = await self._database.rows(_ALL)
        return [bytes.fromhex(secret) for (secret,) in found]
