"""The ledger as callers of upstreams read it, and the notes ahead of its commits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from unstill.domain.attempts import Attempt
from unstill.domain.request import Size
from unstill.store import job_rows
from unstill.store.call_journal import NotedCall
from unstill.store.embedded import rows
from unstill.store.embedded.handle import Handle


class EmbeddedAttempts:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def of(self, job_id: str) -> Sequence[Attempt]:
        found = await self._handle.opened.ledger.select(rows.ATTEMPTS, (job_id,))
        return [job_rows.attempt_of(row) for row in found]

    async def recent(self, account: str, limit: int) -> Sequence[Attempt]:
        found = await self._handle.opened.ledger.select(rows.RECENT_ATTEMPTS, (account, limit))
        return [job_rows.attempt_of(row) for row in found]

    async def note_ahead(self, attempt: Attempt, size: Size | None, *, lasts: bool = False) -> None:
        ahead = self._handle.opened.ahead
        ahead.note(NotedCall(attempt, size))
        if lasts:
            await asyncio.to_thread(ahead.sync)

    def noted_ahead(self, job_id: str, n: int) -> Attempt | None:
        return self._handle.opened.ahead.of(job_id, n)

    def forget_ahead(self) -> None:
        self._handle.opened.ahead.forget()
