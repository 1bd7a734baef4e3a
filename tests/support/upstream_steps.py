"""The parts that deal with upstreams, over a real store and scripted engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from support.leases import lease
from support.scripted_store import SlowStore
from support.scripted_upstream import ACCOUNT, ScriptedRemote, away, ready
from unstill.domain.attempts import Attempt
from unstill.domain.backoff import Backoff
from unstill.domain.job import Job, State
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.pollers import Pollers
from unstill.steps.submit import SUBMIT_WITHIN_MS, Submitter
from unstill.upstreams.port import Busy, Refused, Remote, UpstreamRequest

START_MS = 1_763_600_000_000
BAD_KEY = Refused("InvalidApiKey", "the key is not accepted", of_account=True)
BUSY = Busy("Throttling", "later")
UNREACHED = Refused("connection_failed", "no connection", of_account=True, unreached=True)


class Desk:
    """A submitter with two engines of two accounts, over a real store; the test turns its clock."""

    def __init__(self, data_dir: Path) -> None:
        self.store = SlowStore(data_dir)
        self.now_ms = START_MS
        self.stalls = Stalls(lambda: self.now_ms)
        self.first = ScriptedRemote("bailian")
        self.second = ScriptedRemote("gpu1", msgspec.structs.replace(ACCOUNT, id="another"))
        self.routes: dict[str, Sequence[str]] = {"wan2.7-i2v": ("bailian", "gpu1")}
        self.told: list[Job] = []  # each that was added or changed
        self.submitter = self.opened({"bailian": self.first, "gpu1": self.second})

    def opened(
        self, remotes: Mapping[str, Remote], *, submit_within_ms: int = SUBMIT_WITHIN_MS
    ) -> Submitter:
        return Submitter(
            jobs=self.store.jobs,
            attempts=self.store.attempts,
            held_jobs=self.store.held_jobs,
            remotes=remotes,
            routes=self.routes,
            prepare_frames=self.prepare_frames,
            stalls=self.stalls,
            clock_ms=lambda: self.now_ms,
            uptime_ms=lambda: self.now_ms,
            lease=lease,
            submit_within_ms=submit_within_ms,
            store_again=Backoff((10,)),
        )

    @asynccontextmanager
    async def prepare_frames(self, remote: Remote, job: Job) -> AsyncIterator[UpstreamRequest]:
        del remote
        assert job.size is not None
        yield UpstreamRequest(job.id, job.request, job.size, {})

    async def open(self) -> None:
        await self.store.open((self.told.append,))

    def alone(self) -> None:
        """Leave no engine but the first."""
        self.routes["wan2.7-i2v"] = ("bailian",)

    async def add(self, *job_ids: str, engine: str = "bailian", **fields: Any) -> None:
        for job_id in job_ids:
            await self.store.jobs.add(ready(job_id, engine, **fields))

    async def step(self, job_id: str = "job") -> Job:
        """One step of the job, and the job after it, due when its lane takes it again."""
        put_off = await self.submitter.submit(await self.job(job_id))
        job = await self.job(job_id)
        until_ms = 0 if put_off is None else put_off.until_ms
        return msgspec.structs.replace(job, due_ms=max(job.due_ms, until_ms))

    async def job(self, job_id: str = "job") -> Job:
        job = await self.store.jobs.find(job_id)
        assert job is not None
        return job

    async def last(self, job_id: str = "job") -> Attempt:
        return (await self.store.attempts.of(job_id))[-1]

    async def close_account(self) -> None:
        """Three refused connections, one after the other."""
        for number in range(3):
            self.first.submissions.append(UNREACHED)
            await self.add(f"refused-{number}", model="of one engine")
            await self.step(f"refused-{number}")
            self.now_ms += 100


class Post:
    """The watches of one or two engines, over a real store; the test turns the wall clock."""

    def __init__(
        self, data_dir: Path, *engines: ScriptedRemote, bills: Bills = WITHOUT_COSTS
    ) -> None:
        self.store = SlowStore(data_dir)
        self.now_ms = self.uptime_ms = START_MS
        self.engine, *_ = engines
        self.board = Board()
        self.stalls = Stalls(lambda: self.now_ms)
        self.watches = Pollers(
            {engine.name: engine for engine in engines},
            jobs=self.store.jobs,
            backlog=self.store.backlog,
            duties=self.store.duties,
            signals=self.store.signals,
            board=self.board,
            stalls=self.stalls,
            clock_ms=lambda: self.now_ms,
            uptime_ms=lambda: self.uptime_ms,
            bills=bills,
        )

    async def open(self) -> None:
        await self.store.open((self.stalls.changed, self.board.changed, self.watches.changed))

    async def close(self) -> None:
        await self.store.close()

    async def add(self, *job_ids: str, **fields: Any) -> None:
        for job_id in job_ids:
            await self.store.jobs.add(away(job_id, **fields))

    async def job(self, job_id: str = "job") -> Job:
        job = await self.store.jobs.find(job_id)
        assert job is not None
        return job

    async def until(self, state: State, job_id: str = "job") -> Job:
        async with asyncio.timeout(30):
            while (job := await self.job(job_id)).state is not state:  # noqa: ASYNC110  - a row
                await asyncio.sleep(0.002)
        return job


@asynccontextmanager
async def opened(data_dir: Path, *engines: ScriptedRemote, **jobs: Job) -> AsyncIterator[Post]:
    """A post whose start has found `jobs`."""
    post = Post(data_dir, *(engines or (ScriptedRemote(),)))
    await post.open()
    for job in jobs.values():
        await post.store.jobs.add(job)
    await post.watches.startup()
    try:
        yield post
    finally:
        await post.close()
