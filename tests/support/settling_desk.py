"""A submitter whose first engine can tell what became of its calls; its store has no threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from structlog.testing import capture_logs

from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.scripted_settler import ScriptedSettler
from support.scripted_upstream import ACCOUNT
from support.upstream_steps import START_MS, Desk
from unstill.domain.attempts import Attempt
from unstill.domain.job import Job, State, intended
from unstill.domain.lease import LEASE_MS, Lease
from unstill.steps.interrupted_jobs import judge_interrupted
from unstill.upstreams.port import (
    Doubt,
)

LOST = Doubt("reply_lost", "the connection broke")
GONE = Lease("gone", START_MS + LEASE_MS)
KEY = "0b1c7f3e-2f43-4c8e-9d1b-4f7a3c1d2e5f"


class Office(Desk):
    """A desk whose first engine can tell what became of its calls; its store has no threads."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.store = cast("Any", MemoryStore(Memory(), lambda: self.now_ms))
        self.first = self.teller = ScriptedSettler()
        self.alone()
        self.submitter = self.opened({"bailian": self.teller, "gpu1": self.second})

    async def interrupted(self, **changes: Any) -> None:
        """A job in whose call its server has died."""
        await self.add("job")
        fields: dict[str, Any] = {
            "job_id": "job",
            "n": 1,
            "engine": "bailian",
            "account": ACCOUNT.id,
            "upstream_model": "wan2.7-i2v",
            "intent_ms": START_MS,
            "submit_by_ms": START_MS + 60_000,
            "call_key": KEY,
        }
        attempt = Attempt(**fields | changes)
        await self.store.jobs.change("job", intended(attempt, GONE), attempt=0)
        self.now_ms += LEASE_MS

    async def judge(self) -> None:
        """What others had under way, as a start does."""
        await judge_interrupted(
            jobs=self.store.jobs,
            attempts=self.store.attempts,
            backlog=self.store.backlog,
            server="server",
            uptime_ms=self.now_ms,
            now_ms=self.now_ms,
            take_up=self.submitter.take_up,
        )

    async def judged(self) -> Job:
        """The job, once it is known what became of its call."""
        await self.judge()
        async with asyncio.timeout(3_600):
            while (job := await self.job()).state is State.SUBMITTING:  # noqa: ASYNC110  - a row
                await asyncio.sleep(1)
        return job


@asynccontextmanager
async def office_over(data_dir: Path) -> AsyncIterator[Office]:
    office = Office(data_dir)
    await office.open()
    with capture_logs():
        yield office
        await office.submitter.stop(1)
    await office.store.close()
