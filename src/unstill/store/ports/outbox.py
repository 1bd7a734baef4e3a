"""The port of owed deliveries. They are written with the changes of jobs that owe them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from unstill.domain.delivery import Delivery
from unstill.domain.owner import Owner


class OutboxStanding(msgspec.Struct, frozen=True):
    """What is owed, and what was not taken. Times are Unix milliseconds."""

    owed: int
    oldest_ms: int | None  # when the first job ended whose end is still to be told
    failing: int  # those of the owed that have been tried in vain
    given_up: int  # since the moment that was asked for


class Outbox(Protocol):
    async def due(
        self,
        by_ms: int,
        *,
        limit: int,
        without: Collection[str] = (),
        without_owners: Collection[Owner] = (),
    ) -> Sequence[Delivery]:
        """What is owed and due by then, soonest first, but to the receivers `without`."""

    async def of(self, job_id: str) -> Delivery | None:
        """What was owed for the job's end, whatever became of it; None where nothing was."""

    async def owed(self) -> int:
        """How many deliveries are owed."""

    async def standing(self, *, given_up_since_ms: int) -> OutboxStanding:
        """How the receivers fare."""

    async def newest(self, limit: int) -> Sequence[Delivery]:
        """What is or was owed for the newest jobs, newest first."""

    async def settle(self, delivery: Delivery) -> None:
        """Store what has become of a delivery by one more try, unless it was replayed meanwhile."""

    async def owe_at_once(self, now_ms: int, *, until_ms: int) -> None:
        """Make all that is owed due, with its first pauses, and give up none before `until_ms`."""
