"""A walk through the pages of an account's task list, to where some tickets are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from unstill.engines.dashscope.task_list import (
    CLOCKS_DIFFER_MS,
    CLOCKS_NEAR_MS,
    runs_of,
    window_of,
)
from unstill.upstreams.poll_rounds import as_they_come
from unstill.upstreams.port import Ticket

LIST_FROM = 8  # tickets of a run; fewer are asked for one by one
PAGE_SIZE = 100

Rows = list[dict[str, Any]]
# By a window and a number from 1 on: a page's rows, and how many pages there are; neither where
# the list does not answer.
Page = Callable[[Mapping[str, str], int], Awaitable[tuple[Rows, int]]]


class ListWalk:
    """Finds tickets in the list of one account.

    At hundreds of submits a second the margins for clocks that differ by much have more pages than
    the tickets of a round: most of what the account may ask would show other rounds' tasks. So the
    margins are narrow first, and wide for what was not found; and wide at once from then on where
    that was a page or more. docs/decisions/052-narrow-windows-first.md.
    """

    def __init__(self, page: Page, clock_ms: Callable[[], int]) -> None:
        self._page = page
        self._clock_ms = clock_ms
        self._margins_ms: tuple[int, ...] = (CLOCKS_NEAR_MS, CLOCKS_DIFFER_MS)

    async def found(
        self, unlisted: dict[str, Ticket]
    ) -> AsyncGenerator[tuple[Ticket, Mapping[str, Any]]]:
        """Tickets with their rows, where listing takes fewer calls than a query each.

        `unlisted`: the tickets by their ids; those that are found are taken out of it.
        """
        for margin_ms in self._margins_ms:
            before = len(unlisted)
            for run in runs_of(list(unlisted.values())):
                if len(run) < LIST_FROM:
                    continue
                async with aclosing(self._rows(run, margin_ms)) as rows:
                    async for row in rows:
                        ticket = unlisted.pop(str(row.get("task_id")), None)
                        if ticket is not None:
                            yield ticket, row
                        if not unlisted:
                            return
            if margin_ms == CLOCKS_DIFFER_MS and before - len(unlisted) >= PAGE_SIZE:
                self._margins_ms = (CLOCKS_DIFFER_MS,)

    async def _rows(self, run: Sequence[Ticket], margin_ms: int) -> AsyncGenerator[dict[str, Any]]:
        """The rows around a run; only the first page's where there are more pages than tickets."""
        window = window_of(run, self._clock_ms(), margin_ms)
        rows, count = await self._page(window, 1)
        for row in rows:
            yield row
        if count > len(run):  # others' tasks fill the account's list
            return
        more = as_they_come(self._page(window, number) for number in range(2, count + 1))
        async with aclosing(more) as pages:
            async for rows, _ in pages:
                for row in rows:
                    yield row
