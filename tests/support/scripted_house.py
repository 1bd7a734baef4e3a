"""A whole house for tests: the real store and files, and ports that act as a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

from support.jobs import OWNER
from support.requests import URL
from support.scripted_engine import Engine
from support.scripted_fetches import Fetches
from support.scripted_media import Checks
from support.scripted_store import SlowStore
from unstill.domain.errors import StorageFull
from unstill.domain.job import Job, State, Vocabulary, cancelled
from unstill.domain.lease import LEASE_MS, Lease
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, GivenFrame, GivenValue
from unstill.files.local import LocalFiles
from unstill.files.local_uploads import LocalUploads
from unstill.files.signed_links import Links
from unstill.models.catalogue import Catalogue
from unstill.progress.board import Board
from unstill.progress.estimate import Estimates
from unstill.progress.queue import Forecast
from unstill.progress.stalls import Stalls
from unstill.service.allowances import Allowances
from unstill.service.charging import Charging
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service, Submission
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.cleanup import Sweep
from unstill.steps.fetch_frames import Frames
from unstill.steps.job_log import JobLog
from unstill.steps.pollers import Pollers
from unstill.steps.prepare import FramePreparer
from unstill.steps.render import Renderer
from unstill.steps.runner import Runner
from unstill.steps.save import Saver
from unstill.steps.submit import Submitter
from unstill.store.ports.queue import Listener
from unstill.system.clock import clock_ms
from unstill.upstreams.port import Cancellation, Cancelled, Remote
from unstill.webhooks.receivers import Receivers


class House:
    """All parts over one data folder; `clock` may be turned by a test."""

    def __init__(
        self,
        data_dir: Path,
        *,
        slots: int = 1,
        remotes: Mapping[str, Remote] | None = None,
        bills: Bills = WITHOUT_COSTS,
    ) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(exist_ok=True)
        self.store = SlowStore(data_dir)
        self.files = LocalFiles(data_dir)
        self.engine = Engine(slots=slots)
        self.media = Checks()
        self.fetcher = Fetches()
        self.board = Board()
        self.stalls = Stalls(self.clock_ms)
        self.job_log = JobLog(self.clock_ms)
        self.links = Links((b"k" * 32,))
        self.late_ms = 0
        self.server = token_hex(8)
        self.has_room = True
        self.seen: list[State] = []  # every state that was told, in order
        self.uploads = LocalUploads(data_dir)
        remotes = remotes or {}
        self.watches = Pollers(
            remotes,
            jobs=self.store.jobs,
            backlog=self.store.backlog,
            duties=self.store.duties,
            signals=self.store.signals,
            board=self.board,
            stalls=self.stalls,
            clock_ms=self.clock_ms,
            uptime_ms=self.clock_ms,
        )
        self.answers: list[Cancellation] = []  # upstreams give them that are asked to stop
        catalogue = Catalogue()
        self.runner = self._runner(remotes, catalogue, bills)
        self.catalogue = catalogue
        self.service = self.service_with(None)
        self.downloads = Downloads(
            jobs=self.store.jobs,
            files=self.files,
            media=self.media,
            links=self.links,
            clock_ms=self.clock_ms,
        )
        self.forecast = Forecast({"camera": slots})
        self.outlook = Estimates(
            stalls=self.stalls,
            board=self.board,
            forecast=self.forecast,
            upstream_engines=(),
            clock_ms=self.clock_ms,
        )
        self.sweep = Sweep(
            retention=self.store.retention,
            store_state=self.store,
            files=self.files,
            uploads=self.uploads,
            clock_ms=self.clock_ms,
        )

    def _runner(self, remotes: Mapping[str, Remote], catalogue: Catalogue, bills: Bills) -> Runner:
        return Runner(
            jobs=self.store.jobs,
            attempts=self.store.attempts,
            backlog=self.store.backlog,
            duties=self.store.duties,
            queue=self.store.queue,
            files=self.files,
            frames=Frames(
                files=self.files, media=self.media, fetcher=self.fetcher, cards=catalogue.by_id
            ),
            cards=catalogue.by_id,
            renderer=Renderer(
                files=self.files,
                engines={"camera": self.engine},
                stalls=self.stalls,
                board=self.board,
                clock_ms=self.clock_ms,
            ),
            remotes=remotes,
            submitter=Submitter(
                jobs=self.store.jobs,
                attempts=self.store.attempts,
                held_jobs=self.store.held_jobs,
                remotes=remotes,
                routes={"wan2.7-i2v": tuple(remotes)},
                prepare_frames=FramePreparer(
                    files=self.files, media=self.media, cards=catalogue.by_id
                ).prepare_frames,
                stalls=self.stalls,
                clock_ms=self.clock_ms,
                uptime_ms=self.clock_ms,
                lease=self.lease,
            ),
            pollers=self.watches,
            stalls=self.stalls,
            saver=Saver(
                files=self.files,
                media=self.media,
                remotes=remotes,
                stalls=self.stalls,
                clock_ms=self.clock_ms,
                uptime_ms=self.clock_ms,
                bills=bills,
            ),
            clock_ms=self.clock_ms,
            uptime_ms=self.clock_ms,
            lease=self.lease,
            bills=bills,
        )

    def service_with(
        self, allowances: Allowances | None, charging: Charging | None = None
    ) -> Service:
        """The house's own, or one that asks what owners may have and may spend."""
        return Service(
            jobs=self.store.jobs,
            job_lists=self.store.job_lists,
            attempts=self.store.attempts,
            held_jobs=self.store.held_jobs,
            store_state=self.store,
            files=self.files,
            stop_upstream=self.stop_upstream,
            catalogue=self.catalogue,
            engines={"camera": self.engine},
            routes={"wan2.7-i2v": ("camera",)},
            accounts={},
            receiver_of=Receivers({}, has_secret=True).receiver_of,
            check_room=self.check_room,
            clock_ms=self.clock_ms,
            uptime_ms=self.clock_ms,
            allowances=allowances,
            charging=charging,
        )

    @property
    def listeners(self) -> Sequence[Listener]:
        """In the order of the product's."""
        return (
            self.stalls.changed,
            lambda job: self.seen.append(job.state),
            self.board.changed,
            self.watches.changed,
            self.job_log.changed,
        )

    async def stop_upstream(self, job: Job) -> bool:
        """The next of the scripted answers; what is cancelled is so, as a watch has it."""
        answer = self.answers.pop(0)
        if isinstance(answer, Cancelled):
            await self.store.jobs.change(job.id, cancelled(self.clock_ms(), is_hidden=False))
        return isinstance(answer, Cancelled)

    def check_room(self) -> None:
        if not self.has_room:
            raise StorageFull("the server has too little room left to take new work")

    def lease(self) -> Lease:
        return Lease(self.server, self.clock_ms() + LEASE_MS)

    def clock_ms(self) -> int:
        return clock_ms() + self.late_ms

    async def submit(self, *pictures: str | bytes, owner: Owner = OWNER) -> str:
        """The id of a new job of one first frame, a URL if nothing else is given."""
        submitted = await self.submitted(*pictures, owner=owner)
        return submitted.job.id

    async def submitted(
        self, *pictures: str | bytes, owner: Owner = OWNER, words: Vocabulary = "unified"
    ) -> Submission:
        roles = ("first", "last")
        frames = tuple(
            GivenFrame(role, f"input.{role}_frame_url", picture)  # type: ignore[arg-type]
            for role, picture in zip(roles, pictures or (URL,), strict=False)
        )
        create_call = CreateCall(
            model=GivenValue("model", "wan2.7-i2v"),
            fields={"duration": GivenValue("parameters.duration", 5)},
            frames=frames,
            names={},
        )
        return await self.service.submit(create_call, owner=owner, dialect="tasks", words=words)

    async def job(self, job_id: str) -> Job:
        job = await self.store.jobs.find(job_id)
        assert job is not None
        return job

    async def until(self, job_id: str, *states: State) -> Job:
        """Wait for the job to be in one of `states`, final ones if none are named."""
        async with asyncio.timeout(30):
            while True:
                job = await self.job(job_id)
                if job.state in states or (not states and job.state.is_final):
                    return job
                await asyncio.sleep(0.002)

    def folder(self, job_id: str) -> Path:
        return self.files.path(job_id, "x").parent

    def names(self, job_id: str) -> set[str]:
        folder = self.folder(job_id)
        return {path.name for path in folder.iterdir()} if folder.exists() else set()

    async def stop(self) -> None:
        await self.runner.stop()
        await self.store.queue.rest(5)
        await self.store.close()


@asynccontextmanager
async def opened(
    data_dir: Path,
    *,
    slots: int = 1,
    serves: bool = True,
    remotes: Mapping[str, Remote] | None = None,
    bills: Bills = WITHOUT_COSTS,
) -> AsyncIterator[House]:
    """A house with its store open; with `serves`, its lanes too."""
    house = House(data_dir, slots=slots, remotes=remotes, bills=bills)
    await house.store.open(house.listeners)
    if serves:
        await house.runner.startup()
    try:
        yield house
    finally:
        await house.stop()
