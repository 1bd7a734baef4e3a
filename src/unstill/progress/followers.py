"""All who follow how far jobs are, put together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from unstill.domain.engine import Local
from unstill.domain.owner_turns import WeightOf
from unstill.progress.between_servers import SharedProgress, SharedStalls
from unstill.progress.board import Board
from unstill.progress.estimate import Estimates
from unstill.progress.job_counts import JobCounts
from unstill.progress.queue import Forecast
from unstill.progress.stalls import Stalls
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.signals import Signals


class Followers:
    def __init__(
        self,
        *,
        local_engines: Mapping[str, Local],
        upstream_engines: Collection[str],
        weight_of: WeightOf,
        clock_ms: Callable[[], int],
        signals: Signals | None = None,
    ) -> None:
        """`upstream_engines`: those that ask somebody else's server, which tells no slots.

        signals: between this server and others; None: there can be none.
        """
        slots = {name: engine.slots for name, engine in local_engines.items()}
        self.board = Board()
        self.stalls = Stalls(clock_ms)
        if signals is not None:
            self._shared = SharedProgress(self.board, signals), SharedStalls(self.stalls, signals)
        self.job_counts = JobCounts()
        self.forecast = Forecast(slots | dict.fromkeys(upstream_engines), weight_of)
        self.estimates = Estimates(
            board=self.board,
            stalls=self.stalls,
            forecast=self.forecast,
            upstream_engines=upstream_engines,
            clock_ms=clock_ms,
        )

    async def startup(self, backlog: Backlog) -> None:
        """Take up what is unfinished; told of what changes meanwhile, too."""
        await self.forecast.startup(backlog)
        await self.job_counts.startup(backlog.unfinished())
