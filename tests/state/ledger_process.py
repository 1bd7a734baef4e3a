"""A process that submits and watches the jobs of a store until all have ended, or it kills itself.

    ledger_process.py FOLDER START_MS CRASH_AT < script

The script is what the upstreams do, as JSON (`Script`); jobs that are not in the store are added.
CRASH_AT counts what happens to the store and the upstreams; at that one the process dies, without
a word. Each call is a line of `calls.jsonl` in the folder: what the store says when it begins, and
how it ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import msgspec

from support.jobs import a_job
from unstill.domain.errors import UpstreamError
from unstill.domain.job import Change, Job, State, Usage, Video, succeeded
from unstill.domain.lease import LEASE_MS, Lease
from unstill.domain.request import Size, VideoRequest
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.pollers import Pollers
from unstill.steps.submit import Submitter
from unstill.steps.submit_outcome import found_open
from unstill.store.embedded.handle import Handle
from unstill.store.embedded.jobs import EmbeddedJobs
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.upstreams.port import (
    Accepted,
    Account,
    Busy,
    Cancellation,
    Done,
    Doubt,
    FrameForm,
    Gone,
    Prepared,
    Refused,
    Rejected,
    Remote,
    Standing,
    Submission,
    Ticket,
    Unsupported,
    UpstreamRequest,
    Verdict,
    Waiting,
)

SLOTS = 2
FREE = "gpu"  # the engine that may be asked again for what it has lost
DEADLINE_MS = 3_600_000
SUBMISSIONS: dict[str, Submission] = {
    "busy": Busy("429", "later"),
    "busy_for_days": Busy("429", "later", retry_after_s=999_999),
    "unreached": Refused("connection_failed", "no connection", of_account=True, unreached=True),
    "bad_key": Refused("401", "the key is not accepted", of_account=True),
    "refused": Refused("404", "no such model"),
    "rejected": Rejected("400", "the prompt is too long"),
    "doubt": Doubt("reply_lost", "the connection broke"),
}
VIDEO = Video("video-1.mp4", 1280, 720, 5.0, 30.0, 150, 1_000, has_audio=False)


class Script(msgspec.Struct):
    """What is to happen to each job."""

    routes: dict[str, list[str]]  # by job
    words: dict[str, list[str]]  # by job: what its calls come to, one after the other
    fates: dict[str, list[str]]  # by job: "done", "waiting" or "gone", one look after the other


class Call(msgspec.Struct):
    """A line of `calls.jsonl`."""

    job_id: str
    n: int  # the attempt, as the store has it
    engine: str
    state: str
    end: str | None = None  # the word it came to; None when it begins


class Fuse:
    def __init__(self, crash_at: int) -> None:
        self._left = crash_at

    def burn(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class FusedStore(EmbeddedStore):
    def __init__(self, data_dir: Path, fuse: Fuse) -> None:
        super().__init__(data_dir)
        self.fuse = fuse
        self.jobs = FusedJobs(self.handle, fuse)


class FusedJobs(EmbeddedJobs):
    def __init__(self, handle: Handle, fuse: Fuse) -> None:
        super().__init__(handle, clock_ms)
        self.fuse = fuse

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        self.fuse.burn()
        changed = await super().change(job_id, change, attempt=attempt)
        self.fuse.burn()
        return changed


class Upstream:
    """A `Remote` that does what the script says, and keeps a record of its calls."""

    kind = "scripted"
    is_generative = True
    description = "does as it is told"

    def __init__(
        self, name: str, *, account: str, script: Script, store: FusedStore, log: Path
    ) -> None:
        self.name = self.label = name
        self.account = Account(account, SLOTS, 1_000.0, interval_s=0.005)
        self.is_free_to_repeat = name == FREE
        self._script = script
        self._store = store
        self._fuse = store.fuse
        self._log = log

    def misfit(self, request: VideoRequest) -> None:
        """It does everything."""

    def upstream_model(self, request: VideoRequest) -> str:
        return request.model

    def frame_form(self, upstream_request: UpstreamRequest) -> FrameForm:
        return FrameForm(frozenset({"JPEG"}), most_bytes=len(upstream_request.job_id))

    async def prepare(self, upstream_request: UpstreamRequest) -> Prepared:
        await asyncio.sleep(0)
        return Prepared(upstream_request.job_id, {}, b"", upstream_model="model")

    async def submit(self, prepared: Prepared) -> Submission:
        job = await self._store.jobs.find(prepared.path)
        assert job is not None
        words = self._script.words[job.id]
        word = words.pop(0) if words else "accepted"
        call = Call(job.id, job.attempt, self.name, job.state.value)
        self._note(call)
        self._fuse.burn()
        await asyncio.sleep(0.001)
        self._note(msgspec.structs.replace(call, end=word))
        self._fuse.burn()
        if word == "bug":
            raise KeyError(word)
        return SUBMISSIONS.get(word) or Accepted(f"task-{job.id}-{job.attempt}")

    def _note(self, call: Call) -> None:
        with self._log.open("ab") as log:  # in the page cache it outlives the process
            log.write(msgspec.json.encode(call) + b"\n")

    async def poll(self, tickets: Sequence[Ticket]) -> AsyncGenerator[tuple[Ticket, Verdict]]:
        await asyncio.sleep(0)
        for ticket in tickets:
            self._fuse.burn()
            yield ticket, self._verdict(ticket)

    def _verdict(self, ticket: Ticket) -> Verdict:
        fates = self._script.fates[ticket.job_id]
        match fates.pop(0) if fates else "done":
            case "gone":
                return Gone("forgotten")
            case "waiting":
                return Waiting()
            case _:
                return Done()

    async def fetch(self, ticket: Ticket, done: Done, out: Path) -> None:
        raise UpstreamError(f"{ticket.id} has no video behind {done.url} for {out.name}")

    async def cancel(self, ticket: Ticket) -> Cancellation:
        del ticket
        return Unsupported()

    async def standing(self) -> Standing:
        return Standing(None, "")

    async def close(self) -> None:
        """It has no connections."""


class Server:
    """What a server does with jobs of remote engines; its clock goes on when all wait."""

    def __init__(self, folder: Path, script: Script, start_ms: int, fuse: Fuse) -> None:
        self.store = FusedStore(folder, fuse)
        self.script = script
        self.now_ms = start_ms
        self.id = token_hex(8)
        self.put_off_ms: dict[str, int] = {}  # by job: a place in line
        log = folder / "calls.jsonl"
        remotes: dict[str, Remote] = {
            name: Upstream(name, account=account, script=script, store=self.store, log=log)
            for name, account in (("bailian", "one"), ("bailian2", "one"), (FREE, "two"))
        }
        stalls = Stalls(lambda: self.now_ms)
        self.submitter = Submitter(
            jobs=self.store.jobs,
            attempts=self.store.attempts,
            held_jobs=self.store.held_jobs,
            remotes=remotes,
            routes=script.routes,  # each job asks for a model of its own name
            prepare_frames=prepare_frames,
            stalls=stalls,
            clock_ms=lambda: self.now_ms,
            uptime_ms=lambda: self.now_ms,
            lease=self.lease,
        )
        self.watches = Pollers(
            remotes,
            jobs=self.store.jobs,
            backlog=self.store.backlog,
            duties=self.store.duties,
            signals=self.store.signals,
            board=Board(),
            stalls=stalls,
            clock_ms=lambda: self.now_ms,
            uptime_ms=lambda: self.now_ms,
        )

    def lease(self) -> Lease:
        return Lease(self.id, self.now_ms + LEASE_MS)

    async def run(self) -> None:
        await self.store.open((self.watches.changed,))
        for found in await self.store.backlog.interrupted(server=self.id, now_ms=self.now_ms):
            await self.store.jobs.change(found.job.id, found_open(found.job, self.now_ms))
        await self.watches.startup()
        await self.add_new()
        while unfinished := await self.unfinished():
            await self.step(unfinished)
        await self.store.close()

    async def add_new(self) -> None:
        for job_id, route in self.script.routes.items():
            if await self.store.jobs.find(job_id) is None:
                await self.store.jobs.add(ready(job_id, route[0], self.now_ms))

    async def unfinished(self) -> Sequence[Job]:
        ids = [place.job_id async for places in self.store.backlog.unfinished() for place in places]
        return [job for each in ids if (job := await self.store.jobs.find(each)) is not None]

    async def step(self, unfinished: Sequence[Job]) -> None:
        due = [each for each in unfinished if each.state is State.READY]
        due = [each for each in due if self.due_ms(each) <= self.now_ms]
        await asyncio.gather(*map(self.submit, due))
        states = {job.state for job in unfinished}
        for job in unfinished:
            if job.state is State.SAVING:
                await self.store.jobs.change(
                    job.id, succeeded(VIDEO, Usage(duration_s=5), self.now_ms)
                )
        if not due and State.RUNNING in states:
            await asyncio.sleep(0.002)
        elif not due and states == {State.READY}:
            self.now_ms = min(map(self.due_ms, unfinished))

    def due_ms(self, job: Job) -> int:
        return max(job.due_ms, self.put_off_ms.get(job.id, 0))

    async def submit(self, job: Job) -> None:
        put_off = await self.submitter.submit(job)
        self.put_off_ms[job.id] = 0 if put_off is None else put_off.until_ms


@asynccontextmanager
async def prepare_frames(remote: Remote, job: Job) -> AsyncIterator[UpstreamRequest]:
    del remote
    assert job.size is not None
    yield UpstreamRequest(job.id, job.request, job.size, {})


def ready(job_id: str, engine: str, now_ms: int) -> Job:
    return a_job(
        id=job_id,
        model=job_id,
        engine=engine,
        created_ms=now_ms,
        state=State.READY,
        size=Size(1280, 720),
        deadline_ms=now_ms + DEADLINE_MS,
    )


if __name__ == "__main__":
    script = msgspec.json.decode(sys.stdin.buffer.read(), type=Script)
    folder, start_ms, crash_at = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    asyncio.run(Server(folder, script, start_ms, Fuse(crash_at)).run())
