"""The ledger as callers of upstreams read it, and the notes ahead of its commits.

The notes lie in the server's own folder: a server that starts again there knows what it had heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from unstill.domain.attempts import Attempt
from unstill.domain.request import Size
from unstill.store import job_rows
from unstill.store.call_journal import NotedCall
from unstill.store.postgres import rows
from unstill.store.postgres.database import Database
from unstill.store.postgres.own_folder import OwnFolder


class PostgresAttempts:
    def __init__(self, database: Database, folder: OwnFolder) -> None:
        self._database = database
        self._folder = folder

    async def of(self, job_id: str) -> Sequence[Attempt]:
        found = await self._database.rows(rows.ATTEMPTS, job_id)
        return [job_rows.attempt_of(tuple(row)) for row in found]

    async def recent(self, account: str, limit: int) -> Sequence[Attempt]:
        found = await self._database.rows(rows.RECENT_ATTEMPTS, account, limit)
        return [job_rows.attempt_of(tuple(row)) for row in found]

    async def note_ahead(self, attempt: Attempt, size: Size | None, *, lasts: bool = False) -> None:
        self._folder.ahead.note(NotedCall(attempt, size))
        if lasts:
            await asyncio.to_thread(self._folder.ahead.sync)

    def noted_ahead(self, job_id: str, n: int) -> Attempt | None:
        return self._folder.ahead.of(job_id, n)

    def forget_ahead(self) -> None:
        self._folder.ahead.forget()
