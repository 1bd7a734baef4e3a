"""Webhooks, the rounds and the judging of dead servers' calls: one of several servers does each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from support.bucket_files import Bucket, BucketFiles, BucketUploads
from support.fleets import Fleet
from support.jobs import a_job
from support.leases import lease
from support.memory_ports import Memory
from support.memory_retention import MemoryRetention
from support.memory_store import MemoryStore
from support.waits import until
from support.webhook_receiver import SECRET
from unstill.domain.delivery import DeliveryState
from unstill.domain.job import Failure, Job, State, failed, started
from unstill.domain.lease import LEASE_MS, Lease
from unstill.files.storage import Storage
from unstill.net.fetcher import Own
from unstill.steps.expiry import KeepTimes
from unstill.steps.interrupted_jobs import INTERVAL_S, Judge
from unstill.steps.rounds import Rounds
from unstill.store.ports.retention import Kept
from unstill.webhooks.deliverer import LOOK_EVERY_MS, Deliverer
from unstill.webhooks.receivers import Receivers

URL = "https://hooks.example.com/"
START_MS = 1_795_850_000_000
pytestmark = pytest.mark.skips_pauses


def now_ms() -> int:
    return START_MS + round(1000 * asyncio.get_running_loop().time())


async def until_at_last(is_true: Callable[[], bool]) -> None:
    """Within hours, on a loop that skips them."""
    async with asyncio.timeout(6 * 3600):
        while not is_true():  # noqa: ASYNC110  - the truth may be about anything
            await asyncio.sleep(1)


class Net:
    """Takes each event; none is answered while `hangs`."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.under_way = 0
        self.hangs = False

    async def post(
        self,
        url: str,
        content: bytes,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        own: Own | None = None,
    ) -> int:
        del content, headers, timeout_s, own
        self.urls.append(url)
        self.under_way += 1
        try:
            if self.hangs:
                await asyncio.Event().wait()
        finally:
            self.under_way -= 1
        return 200


class Team:
    """Two servers that send what is owed."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.store = MemoryStore(Memory(), now_ms)
        self.nets = Net(), Net()
        self.parts = self.fleet.server(), self.fleet.server()
        self.deliverers = [
            Deliverer(
                outbox=self.store.outbox,
                duties=parts,
                receivers=Receivers({}, has_secret=True),
                fetcher=net,
                secrets=[SECRET],
                clock_ms=now_ms,
            )
            for net, parts in zip(self.nets, self.parts, strict=True)
        ]

    async def end(self, name: str) -> None:
        """A job ends, and its receiver is to be told."""
        await self.store.jobs.add(a_job(id=name, webhook_url=URL + name))
        await self.store.jobs.change(name, failed(Failure("x", "y"), now_ms()))

    async def until_sent(self, *names: str) -> None:
        states = self.store.memory.deliveries
        await until(lambda: all(states[each].state is DeliveryState.DELIVERED for each in names))


@asynccontextmanager
async def teamed() -> AsyncIterator[Team]:
    team = Team()
    await team.store.open([each.changed for each in team.deliverers])
    for each in team.deliverers:
        await each.startup()
    try:
        yield team
    finally:
        await team.fleet.end()
        await team.store.close()


async def test_each_event_is_sent_by_the_server_whose_duty_that_is() -> None:
    async with teamed() as team:
        await team.end("before")
        await team.fleet.give("webhooks", team.parts[0])
        await team.until_sent("before")
        await team.end("after")
        await team.until_sent("after")

        assert team.nets[0].urls == [f"{URL}before", f"{URL}after"]
        assert team.nets[1].urls == []


async def test_what_a_server_had_under_way_is_sent_by_the_next_one_at_once() -> None:
    async with teamed() as team:
        team.nets[0].hangs = True
        await team.fleet.give("webhooks", team.parts[0])
        await team.end("job")
        await until(lambda: team.nets[0].under_way == 1)
        begun_ms = now_ms()
        await team.fleet.give("webhooks", team.parts[1])
        await team.until_sent("job")

        assert team.nets[0].under_way == 0
        assert team.nets[1].urls == [f"{URL}job"]
        assert now_ms() - begun_ms < LOOK_EVERY_MS


async def test_a_server_that_was_replaced_while_it_was_paused_sends_nothing_more() -> None:
    async with teamed() as team:
        paused = team.fleet.give_unnoticed("webhooks", team.parts[0])
        await team.end("early")
        await team.until_sent("early")
        team.fleet.give_unnoticed("webhooks", team.parts[1])
        await team.end("late")
        await team.until_sent("late")
        await paused

        assert team.nets[0].urls + team.nets[1].urls == [f"{URL}early", f"{URL}late"]
        assert team.nets[1].urls == [f"{URL}late"]


async def test_while_nobody_can_say_whose_duty_it_is_nothing_is_sent_and_all_is_afterwards() -> (
    None
):
    async with teamed() as team:
        await team.fleet.give("webhooks", team.parts[0])
        await team.end("early")
        await team.until_sent("early")
        team.fleet.is_known = False
        with capture_logs() as logs:
            await team.end("late")
            await until(lambda: len(logs) >= 2)
        sent = list(team.nets[0].urls)
        team.fleet.is_known = True
        await team.until_sent("late")

        assert sent == [f"{URL}early"]
        assert {line["event"] for line in logs} == {"webhooks_not_read"}


# --- judging -----------------------------------------------------------------------------------


async def test_what_a_server_leaves_behind_is_judged_by_one_that_goes_on_and_while_it_does() -> (
    None
):
    store, fleet = MemoryStore(Memory(), now_ms), Fleet()
    await store.open()
    await store.jobs.add(a_job(id="render", state=State.READY))
    gone = Lease("gone", now_ms() + LEASE_MS)
    await store.jobs.change("render", started(now_ms(), gone), attempt=0)
    judge = Judge(
        jobs=store.jobs,
        attempts=store.attempts,
        backlog=store.backlog,
        lease=lease,
        clock_ms=now_ms,
        uptime_ms=now_ms,
    )
    parts = fleet.server()
    parts.perform("judge", judge.run)
    term = fleet.give_unnoticed("judge", parts)
    memory, begun_ms = store.memory, now_ms()
    await until_at_last(lambda: memory.jobs["render"].state is State.READY)
    took_ms = now_ms() - begun_ms
    with capture_logs() as logs:
        fleet.is_known = False
        await until_at_last(lambda: len(logs) == 2)
        fleet.is_known = True
    await fleet.take("judge")
    await store.close()

    assert LEASE_MS <= took_ms <= LEASE_MS + 2_000 * INTERVAL_S
    assert {line["event"] for line in logs} == {"interrupted_not_judged"}
    assert term.done()


# --- rounds ------------------------------------------------------------------------------------


class Asked(MemoryRetention):
    """Notes when it is asked what may go."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(lambda: store.memory)
        self.asked = 0

    async def ended(
        self, kept: Kept, before_ms: int, *, now_ms: int, after: Job | None = None
    ) -> Sequence[Job]:
        self.asked += 1
        return await super().ended(kept, before_ms, now_ms=now_ms, after=after)


async def test_rounds_are_made_by_one_server_and_by_none_whose_term_is_over(
    tmp_path: Path,
) -> None:
    store, fleet = MemoryStore(Memory(), now_ms), Fleet()
    await store.open()
    bucket = Bucket()
    servers, retentions = [], []
    for _ in range(2):
        parts, retention = fleet.server(), Asked(store)
        store.duties, store.retention = cast("Any", parts), retention
        storage = Storage(BucketFiles(bucket, tmp_path), BucketUploads(bucket))
        Rounds(store, storage, terms=KeepTimes(), clock_ms=now_ms).startup()
        servers.append(parts)
        retentions.append(retention)
    first, second = retentions
    paused = fleet.give_unnoticed("rounds", servers[0])
    await until_at_last(lambda: first.asked >= 2)
    still = second.asked
    fleet.give_unnoticed("rounds", servers[1])
    await until_at_last(lambda: second.asked >= 2)
    await paused
    asked = first.asked
    await until_at_last(lambda: second.asked >= 4)
    await fleet.end()
    await store.close()

    assert still == 0
    assert first.asked == asked
