"""What was charged: of the caller's own jobs, and to operators of all."""

from __future__ import annotations

import msgspec

from unstill.dialects.port import Described
from unstill.domain.usage import UsageAsked
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.long_poll import unless_gone
from unstill.server.usage_report import asked_in, report_of
from unstill.store.ports.charges import Charges


class UsageVerbs:
    def __init__(self, charges: Charges) -> None:
        self._charges = charges

    async def own(self, exchange: Exchange[Described]) -> Answer:
        """Whatever is asked for, of the caller's owner alone, also for a key of an operator."""
        asked = msgspec.structs.replace(asked_in(exchange.call.query), owner=exchange.owner)
        return await self._answer(exchange, asked)

    async def all(self, exchange: Exchange[Described]) -> Answer:
        """For operators."""
        return await self._answer(exchange, asked_in(exchange.call.query))

    async def _answer(self, exchange: Exchange[Described], asked: UsageAsked) -> Answer:
        found = await unless_gone(exchange.receive, self._charges.usage(asked))
        return json_answer(report_of(asked, found))
