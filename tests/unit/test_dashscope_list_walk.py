"""A busy account's list is walked through without the pages that show nobody's ticket."""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import cast

import msgspec
import pytest

from support.scripted_upstream import ACCOUNT, ScriptedRemote
from support.skipping_loop import loop_ms
from unstill.engines.dashscope.engine import INTERVAL_S, REQUESTS_PER_S
from unstill.engines.dashscope.list_walk import PAGE_SIZE, ListWalk, Rows
from unstill.engines.dashscope.task_list import CHINA, CLOCKS_DIFFER_MS, CLOCKS_NEAR_MS
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.poll import Poller
from unstill.store.ports.backlog import TicketRow
from unstill.store.ports.jobs import Jobs
from unstill.upstreams.port import Running, Ticket, Verdict
from unstill.upstreams.rate_limits import Pace

pytestmark = pytest.mark.skips_pauses

NOW_MS = 1_795_147_200_000
BUSY_PER_S = 400  # submits
TASKS = 20_000  # two rounds' of the poller
ANSWERED_WITHIN_S = 0.1
PACE_S = TASKS / (REQUESTS_PER_S * PAGE_SIZE)  # the account's own, if no page is read twice


class ListedRemote(ScriptedRemote):
    """Lists the account's tasks, which were submitted one after the other; none has ended."""

    def __init__(self, tasks: int) -> None:
        super().__init__(account=msgspec.structs.replace(ACCOUNT, interval_s=INTERVAL_S))
        self.times_ms = [NOW_MS - (tasks - n) * 1000 // BUSY_PER_S for n in range(tasks)]
        self.pages = 0
        self.looks_s: dict[str, list[float]] = {}
        self._pace = Pace(REQUESTS_PER_S)
        self._walk = ListWalk(self.page, lambda: NOW_MS)

    def rows(self) -> list[TicketRow]:
        return [
            TicketRow(f"{n:06}", 1, self.name, f"t-{n}", "wan2.7-i2v", at_ms, 0, wants_cancel=False)
            for n, at_ms in enumerate(self.times_ms)
        ]

    async def page(self, window: Mapping[str, str], number: int) -> tuple[Rows, int]:
        await self._pace.turn()
        self.pages += 1
        await asyncio.sleep(ANSWERED_WITHIN_S)
        first = bisect_left(self.times_ms, _ms(window["start_time"]))
        behind = bisect_right(self.times_ms, _ms(window["end_time"]) + 999)
        end = behind - (number - 1) * PAGE_SIZE
        shown = range(end - 1, max(end - PAGE_SIZE, first) - 1, -1)
        return [{"task_id": f"t-{n}"} for n in shown], -(-(behind - first) // PAGE_SIZE)

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        unlisted = {ticket.id: ticket for ticket in tickets}
        async with aclosing(self._walk.found(unlisted)) as found:
            async for ticket, _ in found:
                looked_s = asyncio.get_running_loop().time()
                self.looks_s.setdefault(ticket.id, []).append(looked_s)
                yield ticket, Running()
        assert not unlisted


def _ms(text: str) -> int:
    at = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    return int(at.timestamp() * 1000)


async def test_no_look_comes_later_than_twice_its_interval_where_many_are_submitted_a_second() -> (
    None
):
    remote = ListedRemote(TASKS)
    poller = Poller(
        remote.account,
        {remote.name: remote},
        jobs=cast("Jobs", None),  # nothing ends here
        board=Board(),
        stalls=Stalls(loop_ms),
        clock_ms=loop_ms,
        uptime_ms=loop_ms,
    )
    for row in remote.rows():
        poller.take_up(row)
    asking = asyncio.create_task(poller.run())
    await asyncio.sleep(5 * INTERVAL_S)
    asking.cancel()

    assert len(remote.looks_s) == TASKS
    latest_s = max(
        after - before
        for looks in remote.looks_s.values()
        for before, after in zip([0.0, *looks], [*looks, 5 * INTERVAL_S], strict=True)
    )
    assert latest_s <= 2 * max(INTERVAL_S, PACE_S)


def tickets_of(remote: ListedRemote, which: slice, *, ahead_ms: int = 0) -> list[Ticket]:
    """By our clock, which is so much ahead of the upstream's."""
    return [
        Ticket(row.job_id, row.ticket, row.upstream_model, row.started_ms + ahead_ms)
        for row in remote.rows()[which]
    ]


@pytest.mark.parametrize("which", [slice(10_000), slice(5_000, 15_000), slice(10_000, 20_000)])
async def test_few_pages_are_read_that_show_none_of_the_tickets(which: slice) -> None:
    remote = ListedRemote(TASKS)

    found = [ticket async for ticket, _ in remote.poll(tickets_of(remote, which))]

    assert len(found) == 10_000
    margin = BUSY_PER_S * CLOCKS_NEAR_MS // 1000 // PAGE_SIZE
    assert remote.pages <= 10_000 // PAGE_SIZE + margin + 4


@pytest.mark.parametrize("ahead_ms", [-CLOCKS_DIFFER_MS + 1000, 9_000, CLOCKS_DIFFER_MS - 1000])
async def test_where_clocks_differ_the_first_round_takes_longer_and_those_behind_it_do_not(
    ahead_ms: int,
) -> None:
    remote = ListedRemote(TASKS)
    tickets = tickets_of(remote, slice(8_000, 12_000), ahead_ms=ahead_ms)
    pages = []
    for _ in range(3):
        before = remote.pages
        assert len([ticket async for ticket, _ in remote.poll(tickets)]) == len(tickets)
        pages.append(remote.pages - before)

    widest = (len(tickets) + 2 * CLOCKS_DIFFER_MS * BUSY_PER_S // 1000) // PAGE_SIZE
    assert pages[0] >= pages[1] == pages[2]
    assert pages[1] <= widest + 2


async def test_a_few_tickets_elsewhere_do_not_widen_the_rounds_behind_theirs() -> None:
    remote = ListedRemote(TASKS)
    ours = tickets_of(remote, slice(8_000, 12_000))
    late = tickets_of(remote, slice(7_900, 7_990), ahead_ms=20_000)
    pages = []
    for _ in range(2):
        before = remote.pages
        assert len([ticket async for ticket, _ in remote.poll([*ours, *late])]) == 4_090
        pages.append(remote.pages - before)
    before = remote.pages
    assert len([ticket async for ticket, _ in remote.poll(ours)]) == 4_000

    assert remote.pages - before <= 40 + 20
