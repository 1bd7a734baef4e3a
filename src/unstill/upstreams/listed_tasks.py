"""Tasks that are asked for by their ids, one by one or many in a list, and deleted by them.

    GET     QUERIES?filter.task_ids=A&filter.task_ids=B   {"items": [task, ...], "total": 2}
    GET     QUERIES/ID                                    the task, whole as in the list
    DELETE  TASKS/ID                                      of a queued one: it is cancelled; of one
                                                          that has ended: its record is deleted

Source: Volcengine Ark, "query video generation tasks" and "cancel or delete a video generation
task"; MiniMax, video generation v2, which has the same; both read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unstill.upstreams.calls import Params
from unstill.upstreams.client import Links, Trouble, Unreachable, Upstream, unanswered
from unstill.upstreams.poll_rounds import look_at_each
from unstill.upstreams.port import (
    Cancellation,
    Cancelled,
    Done,
    Failed,
    Ticket,
    TooLate,
    Verdict,
    Waiting,
)
from unstill.upstreams.rate_limits import Pace
from unstill.upstreams.replies import Odd
from unstill.upstreams.submit_answers import is_error
from unstill.upstreams.task_answers import verdict_in
from unstill.upstreams.vocabulary import WordTables

LIST_FROM = 8  # tickets; fewer are asked for one by one
PAGE_SIZE = 100  # Ark allows 500; a line of 100 ids has 5 KB, which every proxy takes


class ListedTasks:
    """The tasks of one account at such an upstream."""

    def __init__(
        self,
        upstream: Upstream,
        words: WordTables,
        *,
        queries: str,
        tasks: str,
        lists_per_s: float,
    ) -> None:
        """`queries`, `tasks`: the routes. `lists_per_s`: beside the pace of the account."""
        self._upstream = upstream
        self._words = words
        self._queries = queries
        self._tasks = tasks
        self._list_pace = Pace(lists_per_s)

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        """The verdicts as they come; raises Trouble at the end of a round that met any.

        Many tickets are looked for in the list, and what it does not show by a query each.
        """
        unlisted = {ticket.id: ticket for ticket in tickets}
        ids = list(unlisted) if len(unlisted) >= LIST_FROM else []
        for at in range(0, len(ids), PAGE_SIZE):
            for row in await self._rows(ids[at : at + PAGE_SIZE]):
                ticket = unlisted.get(str(row.get("id")))
                verdict = None if ticket is None else self._seen(row, ticket)
                if ticket is not None and verdict is not None:
                    del unlisted[ticket.id]
                    yield ticket, verdict
        async with aclosing(look_at_each(unlisted.values(), self.look)) as looks:
            async for ticket, verdict in looks:
                yield ticket, verdict

    async def look(self, ticket: Ticket) -> Verdict:
        """Raises Trouble, Odd.

        What is answered for a task that is not known is documented nowhere: none is gone for sure.
        """
        reply = await self._upstream.ask("GET", _of(self._queries, ticket))
        verdict = None
        if reply.is_ok:
            verdict = verdict_in(reply.fields(), self._words, ticket=ticket.id)
        if verdict is None:
            raise unanswered(reply)
        return verdict

    async def cancel(self, ticket: Ticket) -> Cancellation:
        """Raises Trouble, Odd if the upstream did not say.

        A DELETE of a task that has ended would delete its record, with the link to its video: it
        is sent for a queued one alone. What a refusal means is seen by another look, since its
        status is not documented.
        """
        seen = await self.look(ticket)
        if not isinstance(seen, Waiting):
            return _cancellation(seen)
        reply = await self._upstream.ask("DELETE", _of(self._tasks, ticket))
        if not is_error(reply):
            return Cancelled()
        seen = await self.look(ticket)
        if isinstance(seen, Waiting):
            raise unanswered(reply)
        return _cancellation(seen)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        await self._upstream.fetch(self._links(done), out, refresh=lambda: self._refreshed(ticket))

    async def _refreshed(self, ticket: Ticket) -> Links:
        return self._links(await self.look(ticket))

    def _links(self, verdict: Verdict) -> Links:
        """The one that it names; none where it has ended and the link with it."""
        match verdict:
            case Done(str() as url):
                return self._upstream.named(url)
            case _:
                return ()

    async def _rows(self, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """The tasks that a list shows of these; none where it does not answer.

        A 429 may be the list's own: whether the account has to wait, the queries show.
        Raises Unreachable.
        """
        await self._list_pace.turn()
        params: Params = {"page_num": 1, "page_size": PAGE_SIZE, "filter.task_ids": ids}
        try:
            reply = await self._upstream.ask("GET", self._queries, params)
        except Unreachable:
            raise
        except Trouble:
            return []
        rows = reply.fields().get("items")
        if not reply.is_ok or not isinstance(rows, list):
            return []
        return [row for row in rows if isinstance(row, dict)]

    def _seen(self, row: Mapping[str, Any], ticket: Ticket) -> Verdict | None:
        """None for a row that says nothing understood: the query tells what is wrong with it."""
        try:
            return verdict_in(row, self._words, ticket=ticket.id)
        except Odd:
            return None


def _cancellation(seen: Verdict) -> Cancellation:
    """What became of a cancel, by a task that is not queued any more."""
    is_cancelled = isinstance(seen, Failed) and seen.code == "cancelled"
    return Cancelled() if is_cancelled else TooLate()


def _of(route: str, ticket: Ticket) -> str:
    return f"{route}/{quote(ticket.id, safe='')}"
