"""The notes that a server is up, in the store's own table."""

from __future__ import annotations

import apsw

from unstill.domain.lease import Lease
from unstill.store.embedded import downtime
from unstill.store.embedded.handle import Handle


class EmbeddedUptimeNotes:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def last_up_ms(self) -> int:
        return await self._handle.opened.ledger.read(downtime.last_up_ms)

    async def count_from(self, now_ms: int) -> int:
        away_ms: list[int] = []

        def move(connection: apsw.Connection) -> None:
            away_ms.append(downtime.count_from(connection, now_ms))

        await self._handle.opened.writer.write(move)
        return away_ms[-1]

    async def note_up(self, now_ms: int, lease: Lease) -> None:
        self._handle.opened.leases.hold(lease)

        def note(connection: apsw.Connection) -> None:
            downtime.note_up(connection, now_ms)

        await self._handle.opened.writer.write(note)
