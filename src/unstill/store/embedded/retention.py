"""What is kept of jobs and what goes, as the sweep asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from unstill.domain.job_ids import first_id
from unstill.store.embedded import deliveries, rows
from unstill.store.embedded.handle import Handle

CHUNK = 1_000  # ids in one read


class EmbeddedRetention:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        bounds = (after, first_id(before_ms), CHUNK)
        found = await self._handle.opened.ledger.select(rows.LONG_DELETED, bounds)
        return [job_id for (job_id,) in found]

    async def standing(self, job_ids: Sequence[str]) -> Mapping[str, bool]:
        found: dict[str, bool] = {}
        for first in range(0, len(job_ids), CHUNK):
            chunk = tuple(job_ids[first : first + CHUNK])
            is_needed = await self._handle.opened.ledger.select(rows.needed(len(chunk)), chunk)
            found |= {job_id: flag == 1 for job_id, flag in is_needed}
        return found

    async def forget(self, job_id: str) -> None:
        def delete(connection: apsw.Connection) -> None:
            connection.execute(rows.FORGET, (job_id,))
            connection.execute(rows.FORGET_ATTEMPTS, (job_id,))
            connection.execute(rows.FORGET_MARK, (job_id,))
            connection.execute(deliveries.FORGET, (job_id,))

        await self._handle.opened.writer.write(delete)
