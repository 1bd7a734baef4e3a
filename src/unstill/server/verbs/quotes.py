"""What a create call would become."""

from __future__ import annotations

from unstill.dialects.port import Described
from unstill.progress.estimate import Estimates
from unstill.server.exchange import Answer, Exchange, json_answer
from unstill.server.quotes import asked_in, quote_told
from unstill.service.jobs import Service


class QuoteVerbs:
    def __init__(self, *, service: Service, estimates: Estimates) -> None:
        self._service = service
        self._estimates = estimates

    async def quote(self, exchange: Exchange[Described]) -> Answer:
        create_call, sizes = asked_in(exchange.call)
        caller = exchange.caller
        quote = await self._service.quote(
            create_call, sizes, owner=caller.owner, models=caller.models
        )
        # The newest of its owner's: all of those that wait are before it.
        estimate = self._estimates.estimate(quote.job)
        engine = self._service.engines[quote.job.engine]
        return json_answer(quote_told(quote, engine, estimate))
