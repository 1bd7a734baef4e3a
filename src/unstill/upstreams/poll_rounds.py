"""Rounds of looks at tickets: some at once, each with its own answer, until all fare ill.

For upstreams that are asked ticket by ticket.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from itertools import islice
from typing import TypeVar

from unstill.upstreams.client import ASKS_AT_ONCE, Trouble
from unstill.upstreams.port import Ticket, Unclear, Verdict
from unstill.upstreams.replies import Odd

MOST_TROUBLES_IN_A_ROW = 20  # then the upstream is left alone until the next round

T = TypeVar("T")
Look = Callable[[Ticket], Awaitable[Verdict]]


async def look_at_each(
    tickets: Iterable[Ticket], look: Look
) -> AsyncGenerator[tuple[Ticket, Verdict]]:
    """Each ticket's verdict as it comes, some at once; `Unclear` where an answer says nothing.

    Ends early, by raising Trouble, when the upstream as a whole is in trouble.
    """

    async def looked(ticket: Ticket) -> tuple[Ticket, Verdict | Trouble]:
        try:
            return ticket, await look(ticket)
        except Trouble as trouble:
            return ticket, trouble
        except Odd as error:
            return ticket, Unclear("odd_answer", error.message)
        except Exception as fault:  # noqa: BLE001  - it is told, and stops no other ticket's look
            message = "the upstream's answer made unstill itself fail"
            return ticket, Unclear("internal_error", message, fault)

    in_a_row = 0
    async with aclosing(as_they_come(looked(ticket) for ticket in tickets)) as answers:
        async for ticket, answer in answers:
            if not isinstance(answer, Trouble):
                in_a_row = 0
                yield ticket, answer
                continue
            if answer.is_general:
                raise answer
            in_a_row += 1
            if in_a_row == MOST_TROUBLES_IN_A_ROW:
                raise Trouble(answer.message, is_general=True)
            yield ticket, Unclear("no_answer", answer.message)


async def as_they_come(works: Iterable[Awaitable[T]]) -> AsyncGenerator[T]:
    """The results of `works`, `ASKS_AT_ONCE` at a time; none is begun before its turn."""
    waiting = iter(works)
    begun: set[asyncio.Future[T]] = set()
    try:
        while True:
            begun |= {
                asyncio.ensure_future(work) for work in islice(waiting, ASKS_AT_ONCE - len(begun))
            }
            if not begun:
                return
            ended, begun = await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
            for work in ended:
                yield work.result()
    finally:
        for work in begun:
            work.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
