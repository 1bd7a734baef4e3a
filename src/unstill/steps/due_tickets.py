"""When the tickets of one account are asked for: which are due, together, and how many at most."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf

from unstill.domain.backoff import POLL
from unstill.steps.poll_schedule import PolledTicket
from unstill.store.ports.backlog import TicketRow
from unstill.upstreams.port import Account

# Tickets asked for together: many, since a list shows the account's other tasks beside them.
LEAST_ROUND, MOST_ROUND = 100, 10_000
LONG_ROUND_S = 10.0  # then fewer are, so that a hint need not wait for long
JITTER = 0.2  # an interval is at most so much longer
SLACK = 0.1  # a ticket goes with a round that is so much of an interval early


class DueTickets:
    """The tickets of one account, and when each is due on the loop's clock."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._watched: dict[str, PolledTicket] = {}
        # (due, job id); an entry whose time is not the ticket's own any more is skipped when met.
        self._heap: list[tuple[float, str]] = []
        self._woken = asyncio.Event()
        self._most = MOST_ROUND  # tickets in the next round

    def __len__(self) -> int:
        return len(self._watched)

    def of(self, job_id: str) -> PolledTicket | None:
        return self._watched.get(job_id)

    def add(self, row: TicketRow, wait_s: float) -> None:
        watched = self._watched[row.job_id] = PolledTicket(row)
        self._plan(watched, now_s() + wait_s)

    def drop(self, job_id: str) -> PolledTicket | None:
        """The ticket that is watched no more, if there was one."""
        return self._watched.pop(job_id, None)

    def clear(self) -> None:
        """Keep nothing of what was watched."""
        self._watched.clear()
        self._heap.clear()
        self._most = MOST_ROUND

    def hasten(self, job_id: str) -> None:
        """Let it be due now."""
        watched = self._watched.get(job_id)
        if watched is not None:
            self._plan(watched, now_s())

    def plan_again(self, asked: Sequence[TicketRow], pause_s: float) -> None:
        """The next look at the tickets of a round that go on.

        All at one moment: neighbours that an upstream lists together stay together. One that is
        answered nothing is asked for less and less often, and no other waits for it.
        pause_s: after a round that learnt nothing; 0 after any other.
        """
        wait_s = self._account.interval_s * random.uniform(1, 1 + JITTER)
        if pause_s:
            wait_s = min(wait_s, pause_s)
        longest_s = max(wait_s, POLL.longest_ms / 1000)
        begun_s = now_s()
        for row in asked:
            watched = self._watched.get(row.job_id)
            if watched is not None and watched.due_s == inf:  # it got no hint meanwhile
                rarer_s = wait_s * 2.0 ** min(watched.unclear, 10)
                self._plan(watched, begun_s + min(rarer_s, longest_s))

    async def due(self) -> list[TicketRow]:
        """The tickets whose time has come; waits until there is one."""
        while not (due := self._take_due()):
            wait_s = self._heap[0][0] - now_s() if self._heap else None
            self._woken.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                continue
        return due

    def measure(self, count: int, took_s: float) -> None:
        """Keep a round short enough for hints and long enough for an upstream's lists."""
        if took_s > LONG_ROUND_S:
            self._most = max(min(self._most, count) // 2, LEAST_ROUND)
        elif count == self._most and took_s < LONG_ROUND_S / 4:
            self._most = min(2 * self._most, MOST_ROUND)

    def _plan(self, watched: PolledTicket, due_s: float) -> None:
        watched.due_s = due_s
        is_first = not self._heap or due_s < self._heap[0][0]
        heappush(self._heap, (due_s, watched.row.job_id))
        if is_first:
            self._woken.set()

    def _take_due(self) -> list[TicketRow]:
        due: list[TicketRow] = []
        if not self._heap or self._heap[0][0] > now_s():
            return due
        # Together with those that are due soon: an upstream's list answers for all of them.
        until_s = now_s() + SLACK * self._account.interval_s
        while self._heap and self._heap[0][0] <= until_s and len(due) < self._most:
            due_s, job_id = heappop(self._heap)
            watched = self._watched.get(job_id)
            if watched is not None and watched.due_s == due_s:
                watched.due_s = inf
                due.append(watched.row)
        return due


def now_s() -> float:
    """The loop's clock."""
    return asyncio.get_running_loop().time()
