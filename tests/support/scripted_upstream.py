"""A `Remote` that answers as a test tells it, and counts what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from support.jobs import a_job
from unstill.domain.errors import BadField
from unstill.domain.job import Job, State
from unstill.domain.request import Size, VideoRequest
from unstill.upstreams.port import (
    Accepted,
    Account,
    Cancellation,
    Done,
    FrameForm,
    Prepared,
    Standing,
    Submission,
    Ticket,
    Unsupported,
    UpstreamRequest,
    Verdict,
    Waiting,
)

ACCOUNT = Account(id="account", slots=10, requests_per_s=1_000.0, interval_s=0.05)

Act = Callable[[], Awaitable[Submission]]  # what one submit does


async def hang() -> Submission:
    await asyncio.Event().wait()
    raise AssertionError


class ScriptedRemote:
    """Does the next of each list; after the last, it accepts and has nothing new to say."""

    kind = "scripted"
    is_generative = True
    description = "does as it is told"

    def __init__(
        self, name: str = "bailian", account: Account = ACCOUNT, *, is_free_to_repeat: bool = False
    ) -> None:
        self.name = self.label = name
        self.account = account
        self.is_free_to_repeat = is_free_to_repeat
        self.upstream_models: dict[str, str] = {}  # by model, where it is another one
        self.misfits: BadField | None = None
        self.prepare_troubles: list[Exception] = []
        self.prepare_gate = asyncio.Event()  # no call is prepared before it is set
        self.prepare_gate.set()
        self.preparing = 0
        self.submissions: list[Submission | Exception | Act] = []
        self.submission: Submission | None = None  # to all that are not in the list
        self.gate = asyncio.Event()  # no submit is answered before it is set
        self.gate.set()
        self.submitted: list[str] = []  # the ids of the jobs, one for each call
        self.under_way = 0
        self.most_under_way = 0
        self.verdicts: dict[str, list[Verdict]] = {}  # by job
        self.poll_troubles: list[Exception] = []  # one for each round, which then learns nothing
        self.silent: set[str] = set()  # jobs that no round says anything of
        self.rounds: list[list[str]] = []  # the ids of the jobs that were asked for
        self.answers: list[Cancellation | Exception] = []  # to cancels
        self.cancelled: list[str] = []
        self.form = FrameForm(frozenset({"JPEG", "PNG"}), most_bytes=2**20)
        self.fetches: list[bytes | Exception] = []  # one for each fetch
        self.fetched: list[tuple[Ticket, Done]] = []

    def misfit(self, request: VideoRequest) -> BadField | None:
        del request
        return self.misfits

    def upstream_model(self, request: VideoRequest) -> str:
        return self.upstream_models.get(request.model, "wan2.7-i2v")

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        del upstream_request
        return self.form

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        self.preparing += 1
        try:
            await self.prepare_gate.wait()
        finally:
            self.preparing -= 1
        if self.prepare_troubles:
            raise self.prepare_troubles.pop(0)
        return Prepared(
            upstream_request.job_id,
            {},
            b"",
            upstream_model=self.upstream_model(upstream_request.request),
        )

    async def submit(self, prepared: Prepared) -> Submission:
        self.submitted.append(prepared.path)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
            return await self._submission(prepared.path)
        finally:
            self.under_way -= 1

    async def _submission(self, job_id: str) -> Submission:
        act = self.submissions.pop(0) if self.submissions else self.submission
        match act:
            case None:
                return Accepted(f"task-{job_id}-{self.submitted.count(job_id)}")
            case Exception():
                raise act
            case msgspec.Struct():
                return act
            case _:
                return await act()

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        self.rounds.append([ticket.job_id for ticket in tickets])
        await asyncio.sleep(0)
        if self.poll_troubles:
            raise self.poll_troubles.pop(0)
        for ticket in tickets:
            if ticket.job_id not in self.silent:
                script = self.verdicts.get(ticket.job_id) or [Waiting()]
                yield ticket, script[0] if len(script) == 1 else script.pop(0)

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        self.fetched.append((ticket, done))
        brought = self.fetches.pop(0)
        if isinstance(brought, Exception):
            raise brought
        out.write_bytes(brought)

    async def cancel(self, ticket: Ticket) -> Cancellation:
        self.cancelled.append(ticket.job_id)
        await asyncio.sleep(0)
        answer = self.answers.pop(0) if self.answers else Unsupported()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def standing(self) -> Standing:
        return Standing(None, "")

    async def close(self) -> None:
        """It has no connections."""

    def looks(self, job_id: str) -> int:
        """How often the job was asked for."""
        return sum(job_id in asked for asked in self.rounds)


def ready(job_id: str, engine: str = "bailian", **fields: Any) -> Job:
    """A job that may be submitted."""
    return a_job(
        **{"id": job_id, "state": State.READY, "engine": engine, "size": Size(1280, 720)} | fields
    )


def away(job_id: str, engine: str = "bailian", **fields: Any) -> Job:
    """A job that an upstream has."""
    return ready(
        job_id,
        engine,
        **{"state": State.RUNNING, "attempt": 1, "ticket": f"task-{job_id}"} | fields,
    )
