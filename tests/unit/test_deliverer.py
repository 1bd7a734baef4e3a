"""The deliverer: how many at once, when again, what survives; with a net that a test scripts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.jobs import a_job
from support.waits import until
from support.webhook_receiver import SECRET
from unstill.domain.delivery import DAY_MS, Delivery, DeliveryState
from unstill.domain.errors import FetchFailed, StorageFull
from unstill.domain.job import Failure, failed
from unstill.domain.job_ids import new_id
from unstill.net.fetcher import Own
from unstill.store.embedded.deliveries import newest_in, replay_in
from unstill.store.embedded.outbox import EmbeddedOutbox
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.webhooks.deliverer import (
    LOOK_EVERY_MS,
    MOST_AT_ONCE,
    MOST_PER_OWNER,
    MOST_PER_RECEIVER,
    Deliverer,
)
from unstill.webhooks.receivers import Receivers


class Net:
    """Answers by the host: `hang...` never, `refuse...` not at all, else 200."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.is_well = False  # then all hosts answer

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
        if self.is_well:
            return 200
        if "//hang" in url:
            await asyncio.Event().wait()
        if "//refuse" in url:
            raise FetchFailed("could not be connected to")
        if "//break" in url:
            raise RuntimeError("a fault of ours")
        return 200


class FullOutbox(EmbeddedOutbox):
    """An outbox on a disk that may be full for settlements."""

    has_room = True

    async def settle(self, delivery: Delivery) -> None:
        if not self.has_room:
            raise StorageFull("the disk of the data folder is full")
        await super().settle(delivery)


class Post:
    """A deliverer over a store; `late_ms` turns its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.net = Net()
        self.late_ms = 0
        self.store = EmbeddedStore(folder)
        self.outbox = self.store.outbox = FullOutbox(self.store.handle)
        self.deliverer = Deliverer(
            outbox=self.outbox,
            duties=self.store.duties,
            receivers=Receivers({}, has_secret=True),
            fetcher=self.net,
            secrets=[SECRET],
            clock_ms=lambda: clock_ms() + self.late_ms,
            chance=lambda: 0.0,
        )

    async def open(self) -> None:
        await self.store.open((self.deliverer.changed,))

    async def end(self, url: str, owner: str = "team-a") -> str:
        """A job that has just failed; its id."""
        job = a_job(id=new_id(clock_ms()), webhook_url=url, owner=owner)
        await self.store.jobs.add(job)
        await self.store.jobs.change(job.id, failed(Failure("x", "y"), clock_ms()))
        return job.id

    async def another_look(self) -> None:
        """Until the deliverer has looked for what is due, as it does at each end of a job."""
        url = f"http://well/{len(self.net.urls)}"
        await self.end(url)
        await until(lambda: url in self.net.urls)

    def states(self) -> dict[str, DeliveryState]:
        return {each.job_id: each.state for each in newest_in(self.folder, 1000)}

    def of(self, job_id: str) -> Delivery:
        return next(each for each in newest_in(self.folder, 1000) if each.job_id == job_id)


@asynccontextmanager
async def posting(folder: Path) -> AsyncIterator[Post]:
    post = Post(folder)
    await post.open()
    await post.deliverer.startup()
    try:
        yield post
    finally:
        await post.store.duties.rest()
        await post.store.close()


async def test_hanging_receivers_have_a_few_tries_each_and_hold_up_no_other(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        hung = [await post.end(f"http://hang{n % 7}/") for n in range(70)]
        await until(lambda: len(post.net.urls) == 7 * MOST_PER_RECEIVER)
        well = [await post.end("http://well/") for _ in range(20)]
        await until(lambda: all(post.states()[each] == "delivered" for each in well))
        most_of_one = max(post.net.urls.count(f"http://hang{n}/") for n in range(7))

        assert most_of_one == MOST_PER_RECEIVER
        assert {post.states()[each] for each in hung} == {"owed"}


async def test_a_backlog_of_one_receiver_has_a_few_tries_at_once(tmp_path: Path) -> None:
    post = Post(tmp_path)
    await post.open()
    for _ in range(10):
        await post.end("http://hang/")
    await post.end("http://well/")
    await post.deliverer.startup()
    await until(lambda: "http://well/" in post.net.urls)
    await post.another_look()
    await post.store.duties.rest()
    await post.store.close()

    assert post.net.urls.count("http://hang/") == MOST_PER_RECEIVER


async def test_an_end_is_told_when_it_comes_and_not_at_the_next_look(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        ends = 10
        async with asyncio.timeout(ends * LOOK_EVERY_MS / 2000):
            for _ in range(ends):
                await post.end("http://well/")
                await until(lambda: set(post.states().values()) == {DeliveryState.DELIVERED})
        await until(lambda: not post.deliverer._busy)  # a receiver without tries is forgotten

        assert len(post.net.urls) == ends


async def test_no_more_than_so_many_tries_are_under_way(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        for n in range(MOST_AT_ONCE + 10):
            await post.end(f"http://hang{n}/", owner=f"team-{n % 9}")
        await until(lambda: len(post.net.urls) == MOST_AT_ONCE)
        await asyncio.sleep(0.1)

        assert len(post.net.urls) == MOST_AT_ONCE


async def test_an_owner_of_many_hosts_that_hang_holds_up_no_other_owner(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        for n in range(2 * MOST_PER_OWNER):
            await post.end(f"http://hang{n}/", owner="team-b")
        await until(lambda: len(post.net.urls) == MOST_PER_OWNER)
        well = [await post.end(f"http://well/{n}") for n in range(20)]
        await until(lambda: all(post.states()[each] == "delivered" for each in well))

        assert sum("//hang" in url for url in post.net.urls) == MOST_PER_OWNER


async def test_a_backlog_is_sent_once_each(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        jobs = [await post.end(f"http://well/{n}") for n in range(200)]
        await until(lambda: set(post.states().values()) == {DeliveryState.DELIVERED})

        assert len(post.states()) == len(jobs)
        assert sorted(post.net.urls) == sorted(set(post.net.urls))


async def test_what_fails_for_a_day_is_given_up_with_one_line(tmp_path: Path) -> None:
    with capture_logs() as lines:
        async with posting(tmp_path) as post:
            job_id = await post.end("http://refuse/hook?token=t0ken")
            await until(lambda: post.of(job_id).tries == 1)
            post.late_ms = DAY_MS
            await until(lambda: post.of(job_id).state is DeliveryState.GIVEN_UP)
            await post.end("http://well/")
            await until(lambda: post.deliverer.ended_tries[DeliveryState.DELIVERED] == 1)

    assert post.deliverer.ended_tries == {"owed": 1, "given_up": 1, "delivered": 1}
    lines = [line for line in lines if line.get("job_id") == job_id]
    told = [(line["outcome"], line["log_level"]) for line in lines if line["event"] == "webhook"]
    assert told == [("failed", "info"), ("given_up", "warning")]
    assert "t0ken" not in str(lines)
    assert lines[-1]["host"] == "refuse"


@pytest.mark.slow
async def test_a_replay_by_another_process_is_seen(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        job_id = await post.end("http://refuse/")
        await until(lambda: post.of(job_id).tries == 1)
        post.late_ms = DAY_MS
        await until(lambda: post.of(job_id).state is DeliveryState.GIVEN_UP)
        post.net.is_well = True
        await asyncio.sleep(0.2)  # past the look that the end of the try brings
        replayed = await asyncio.to_thread(replay_in, tmp_path, [], now_ms=clock_ms())
        await until(lambda: post.of(job_id).state is DeliveryState.DELIVERED)

        assert replayed == [job_id]


async def test_a_replay_during_a_try_is_not_lost_by_its_end(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        post.outbox.has_room = False  # the try ends, and is not yet noted
        job_id = await post.end("http://refuse/")
        await until(lambda: len(post.net.urls) == 1)
        now_ms = clock_ms()
        await asyncio.to_thread(replay_in, tmp_path, [job_id], now_ms=now_ms)
        post.net.is_well = post.outbox.has_room = True
        await until(lambda: post.of(job_id).state is DeliveryState.DELIVERED)

        assert post.of(job_id).until_ms == now_ms + DAY_MS
        assert len(post.net.urls) == 2


async def test_a_try_that_cannot_be_noted_is_not_made_again_meanwhile(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        post.outbox.has_room = False
        job_id = await post.end("http://well/")
        await until(lambda: len(post.net.urls) == 1)
        await post.another_look()
        post.outbox.has_room = True
        await until(lambda: post.of(job_id).state is DeliveryState.DELIVERED)

        assert post.net.urls.count("http://well/") == 1


async def test_a_fault_of_ours_ends_one_try_and_no_other(tmp_path: Path) -> None:
    async with posting(tmp_path) as post:
        broken = await post.end("http://break/")
        well = await post.end("http://well/")
        await until(lambda: post.states() == {broken: "owed", well: "delivered"})
        await until(lambda: post.of(broken).tries == 1)

        assert post.of(broken).last_error == "RuntimeError in unstill itself"


async def test_a_start_tries_what_is_owed_at_once_and_for_an_hour_whatever_its_age(
    tmp_path: Path,
) -> None:
    async with posting(tmp_path) as post:
        job_id = await post.end("http://hang/")
        await until(lambda: len(post.net.urls) == 1)
    later = Post(tmp_path)
    later.late_ms = 3 * DAY_MS
    await later.store.open()
    await later.deliverer.startup()
    await until(lambda: len(later.net.urls) == 1)
    owed = later.of(job_id)
    await later.store.duties.rest()
    await later.store.close()

    assert owed.state is DeliveryState.OWED
    assert owed.until_ms - later.late_ms == pytest.approx(clock_ms() + 3_600_000, abs=60_000)


async def test_without_a_secret_nothing_is_sent_and_a_start_says_what_that_leaves_owed(
    tmp_path: Path,
) -> None:
    post = Post(tmp_path)
    silent = Deliverer(
        outbox=post.store.outbox,
        duties=post.store.duties,
        receivers=Receivers({}, has_secret=False),
        fetcher=post.net,
        secrets=[],
        clock_ms=clock_ms,
    )
    await post.open()
    with capture_logs() as at_first:
        await silent.startup()
    await post.end("http://well/")
    await asyncio.sleep(0.1)
    with capture_logs() as once_owed:
        await silent.startup()
    await post.store.close()

    assert post.net.urls == []
    assert at_first == []
    assert [line["event"] for line in once_owed] == ["webhooks_not_sent"]
