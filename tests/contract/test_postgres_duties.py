"""Servers on one database: each ticket is polled, and each event sent, by one of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from support.jobs import a_job
from support.postgres_servers import shared
from support.scripted_upstream import ACCOUNT, ScriptedRemote, away
from support.waits import until
from support.webhook_receiver import SECRET
from unstill.domain.delivery import DeliveryState
from unstill.domain.job import Failure, State, failed
from unstill.net.fetcher import Own
from unstill.progress.between_servers import SharedProgress, SharedStalls
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.engine_choice import EngineChoice
from unstill.steps.pollers import Pollers
from unstill.store.postgres.store import PostgresStore
from unstill.system.clock import clock_ms
from unstill.upstreams.port import Account, Busy, Done, Running, Unclear
from unstill.webhooks.deliverer import MOST_PER_RECEIVER, Deliverer
from unstill.webhooks.receivers import Receivers

URL = "https://hooks.example.com/"


class Server:
    """What one server does as duties; `sent` is of all."""

    def __init__(self, url: str, folder: Path, account: Account, sent: list[str]) -> None:
        self.store = PostgresStore(url, folder)
        self.engine = ScriptedRemote(account=account)
        self.sent = sent
        self.is_open = False
        self.board, self.stalls = Board(), Stalls(clock_ms)
        self._shared = (
            SharedProgress(self.board, self.store.signals),
            SharedStalls(self.stalls, self.store.signals),
        )
        self.pollers = Pollers(
            {self.engine.name: self.engine},
            jobs=self.store.jobs,
            backlog=self.store.backlog,
            duties=self.store.duties,
            signals=self.store.signals,
            board=self.board,
            stalls=self.stalls,
            clock_ms=clock_ms,
            uptime_ms=clock_ms,
        )
        self.deliverer = Deliverer(
            outbox=self.store.outbox,
            duties=self.store.duties,
            receivers=Receivers({}, has_secret=True),
            fetcher=self,
            secrets=[SECRET],
            clock_ms=clock_ms,
        )
        self.choice = EngineChoice(
            attempts=self.store.attempts,
            remotes={self.engine.name: self.engine},
            routes={},
            clock_ms=clock_ms,
            uptime_ms=clock_ms,
            signals=self.store.signals,
        )

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
        self.sent.append(url)
        return 200

    async def open(self) -> None:
        self.is_open = True
        listeners = (self.board.changed, self.pollers.changed, self.deliverer.changed)
        await self.store.open(listeners)
        await self.pollers.startup()
        await self.deliverer.startup()

    async def close(self) -> None:
        if self.is_open:
            self.is_open = False
            await self.store.close()

    @property
    def watched(self) -> int:
        return sum(map(len, self.pollers._all))

    def busy_ms(self, model: str) -> int:
        """For how long it leaves the model alone."""
        now_ms = clock_ms()
        return self.choice.gate(self.engine).cooldown(model).blocked_until_ms(0, now_ms) - now_ms


@asynccontextmanager
async def opened(
    folder: Path, *, interval_s: float = ACCOUNT.interval_s
) -> AsyncIterator[Sequence[Server]]:
    """Two servers; each has a folder of its own."""
    url, sent = shared().new_store(), list[str]()
    account = msgspec.structs.replace(ACCOUNT, interval_s=interval_s)
    servers = [Server(url, folder / str(number), account, sent) for number in range(2)]
    try:
        for server in servers:
            await server.open()
        yield servers
    finally:
        for server in servers:
            await server.close()


async def polling(servers: Sequence[Server], job_id: str) -> tuple[Server, Server]:
    """Who asks for the job, and the other one."""
    await until(lambda: any(each.engine.looks(job_id) for each in servers))
    one, two = servers
    return (one, two) if one.engine.looks(job_id) else (two, one)


async def state_of(server: Server, job_id: str) -> State:
    job = await server.store.jobs.find(job_id)
    assert job is not None
    return job.state


async def until_state(server: Server, job_id: str, state: State) -> None:
    async with asyncio.timeout(30):
        while await state_of(server, job_id) is not state:  # noqa: ASYNC110  - a row
            await asyncio.sleep(0.01)


async def test_tickets_are_asked_for_by_one_server_and_when_it_stops_by_the_other(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as servers:
        ids = [f"job-{number}" for number in range(20)]
        for number, job_id in enumerate(ids):
            await servers[number % 2].store.jobs.add(away(job_id))
        first, second = await polling(servers, ids[0])
        await until(lambda: first.watched == len(ids))
        await until(lambda: all(first.engine.looks(each) for each in ids))
        kept = second.watched, len(second.engine.rounds)
        second.engine.verdicts[ids[0]] = [Done()]
        await first.close()
        await until_state(second, ids[0], State.SAVING)
        await until(lambda: second.watched == len(ids) - 1)

        assert kept == (0, 0)
        assert first.watched == 0


async def test_a_hint_at_any_server_is_followed_by_the_one_that_asks(tmp_path: Path) -> None:
    async with opened(tmp_path, interval_s=3600.0) as servers:
        await servers[0].store.jobs.add(away("job"))
        first, second = await polling(servers, "job")
        looks = first.engine.looks("job")
        job = await second.store.jobs.find("job")
        assert job is not None
        async with asyncio.timeout(30):
            while first.engine.looks("job") == looks:  # a server that has just begun may not hear
                second.pollers.hint(job.id, job.engine)
                await asyncio.sleep(0.2)

        assert second.engine.rounds == []


def shows(server: Server) -> bool:
    return server.board.progress(away("job")) > 0.4 and server.stalls.of(away("odd")) is not None


async def test_progress_and_trouble_that_one_server_hears_of_are_shown_by_both(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as servers:
        job, odd = away("job"), away("odd")
        for server in servers:
            server.engine.verdicts["job"] = [Running(0.45)]
            server.engine.verdicts["odd"] = [Unclear("odd_answer", "unknown state")]
        for each in (job, odd):
            await servers[0].store.jobs.add(each)
        first, _ = await polling(servers, "job")
        async with asyncio.timeout(30):
            # Told again and again, as it may be lost.
            while not all(map(shows, servers)):
                first.engine.verdicts["job"] = [Running(first.board.progress(job) + 0.02)]
                first.stalls.job_moves("odd")
                await asyncio.sleep(0.7)

        assert sorted(len(each.engine.rounds) > 0 for each in servers) == [False, True]


async def test_a_model_that_told_one_server_busy_is_left_alone_by_the_other(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (one, two):
        cooldown = one.choice.gate(one.engine).cooldown("wan")
        async with asyncio.timeout(30):
            while two.busy_ms("wan") < 300_000:  # a server that has just begun may not hear yet
                busy = Busy("429", "later", 600.0)
                cooldown.note(busy, of_round=cooldown.begin(), now_ms=clock_ms())
                await asyncio.sleep(0.2)

        assert two.busy_ms("another") <= 0


async def test_each_event_is_sent_once_whichever_server_has_ended_its_job(tmp_path: Path) -> None:
    async with opened(tmp_path) as servers:
        ids = [f"job-{number}" for number in range(40)]
        for number, job_id in enumerate(ids):
            if number == len(ids) // 2:
                await servers[0].close()
            here = servers[1 if number >= len(ids) // 2 else number % 2]
            await here.store.jobs.add(a_job(id=job_id, webhook_url=URL + job_id))
            await here.store.jobs.change(job_id, failed(Failure("x", "y"), clock_ms()))
        for job_id in ids:
            async with asyncio.timeout(60):
                while not await is_delivered(servers[1], job_id):  # noqa: ASYNC110  - a row
                    await asyncio.sleep(0.02)
        sent = servers[1].sent

        assert set(sent) == {URL + each for each in ids}
        # What was under way as its sender was closed may be sent again, and nothing else.
        assert len(sent) - len(ids) <= MOST_PER_RECEIVER


async def is_delivered(server: Server, job_id: str) -> bool:
    delivery = await server.store.outbox.of(job_id)
    return delivery is not None and delivery.state is DeliveryState.DELIVERED
