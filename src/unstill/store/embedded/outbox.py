"""Owed deliveries, as the deliverer reads and settles them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from unstill.domain.delivery import Delivery
from unstill.domain.owner import Owner
from unstill.store.delivery_rows import delivery_of, settlement_of
from unstill.store.embedded import deliveries
from unstill.store.embedded.handle import Handle
from unstill.store.ports.outbox import OutboxStanding


class EmbeddedOutbox:
    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def due(
        self,
        by_ms: int,
        *,
        limit: int,
        without: Collection[str] = (),
        without_owners: Collection[Owner] = (),
    ) -> Sequence[Delivery]:
        sql = deliveries.due_sql(without, without_owners)
        bounds: tuple[str | int, ...] = (by_ms, *without, *without_owners, limit)
        found = await self._handle.opened.ledger.select(sql, bounds)
        return [delivery_of(row) for row in found]

    async def of(self, job_id: str) -> Delivery | None:
        found = await self._handle.opened.ledger.select(deliveries.OF, (job_id,))
        return delivery_of(found[0]) if found else None

    async def owed(self) -> int:
        [(count,)] = await self._handle.opened.ledger.select(deliveries.COUNT_OWED)
        return int(count)

    async def standing(self, *, given_up_since_ms: int) -> OutboxStanding:
        ledger = self._handle.opened.ledger
        [(owed, oldest_ms, failing)] = await ledger.select(deliveries.STANDING)
        [(given_up,)] = await ledger.select(deliveries.GIVEN_UP, (given_up_since_ms,))
        return OutboxStanding(owed, oldest_ms, failing, given_up)

    async def newest(self, limit: int) -> Sequence[Delivery]:
        found = await self._handle.opened.ledger.select(deliveries.NEWEST, (limit,))
        return [delivery_of(row) for row in found]

    async def settle(self, delivery: Delivery) -> None:
        await self._handle.execute(deliveries.SETTLE, settlement_of(delivery))

    async def owe_at_once(self, now_ms: int, *, until_ms: int) -> None:
        await self._handle.execute(deliveries.OWE_AT_ONCE, (now_ms, until_ms))
