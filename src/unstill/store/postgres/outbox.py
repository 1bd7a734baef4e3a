"""Owed deliveries, as the deliverer of whichever server sends reads and settles them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from unstill.domain.delivery import Delivery
from unstill.domain.owner import Owner
from unstill.store.ports.outbox import OutboxStanding
from unstill.store.postgres import deliveries
from unstill.store.postgres.database import Database


class PostgresOutbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(
        self,
        by_ms: int,
        *,
        limit: int,
        without: Collection[str] = (),
        without_owners: Collection[Owner] = (),
    ) -> Sequence[Delivery]:
        bounds = (by_ms, list(without), list(without_owners), limit)
        found = await self._database.rows(deliveries.DUE, *bounds)
        return [deliveries.delivery_of(tuple(row)) for row in found]

    async def of(self, job_id: str) -> Delivery | None:
        found = await self._database.row(deliveries.OF, job_id)
        return None if found is None else deliveries.delivery_of(tuple(found))

    async def owed(self) -> int:
        [(count,)] = await self._database.rows(deliveries.COUNT_OWED)
        return int(count)

    async def standing(self, *, given_up_since_ms: int) -> OutboxStanding:
        [(owed, oldest_ms, failing)] = await self._database.rows(deliveries.STANDING)
        [(given_up,)] = await self._database.rows(deliveries.GIVEN_UP, given_up_since_ms)
        return OutboxStanding(int(owed), oldest_ms, int(failing), int(given_up))

    async def newest(self, limit: int) -> Sequence[Delivery]:
        return await deliveries.newest(self._database, limit)

    async def settle(self, delivery: Delivery) -> None:
        await self._database.execute(deliveries.SETTLE, *deliveries.settlement_of(delivery))

    async def owe_at_once(self, now_ms: int, *, until_ms: int) -> None:
        await self._database.execute(deliveries.OWE_AT_ONCE, now_ms, until_ms)
