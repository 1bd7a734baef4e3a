"""A whole house for tests: the real store and files, and ports that act as a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from unstill.domain.engine import Report, Scene
from unstill.domain.errors import BadField, EngineDied, OwnError, StorageFull
from unstill.domain.job import Change, IdempotencyMark, Job, State, Vocabulary, cancelled, new_id
from unstill.domain.owner import Owner
from unstill.domain.request import CreateCall, Frame, GivenFrame, GivenValue, VideoRequest
from unstill.files.local import LocalFiles
from unstill.files.local_uploads import LocalUploads
from unstill.files.signed_links import Links
from unstill.media.errors import BadVideo
from unstill.media.tasks import (
    FrameCheck,
    FrameFacts,
    FrameFit,
    Repack,
    SoundCut,
    StillDraw,
    VideoCheck,
    VideoFacts,
)
from unstill.models.catalogue import Catalogue
from unstill.progress.board import Board
from unstill.progress.estimate import Estimates
from unstill.progress.queue import Forecast
from unstill.progress.stalls import Stalls
from unstill.service.downloads import Downloads
from unstill.service.jobs import Service, Submission
from unstill.steps.cleanup import Sweep
from unstill.steps.fetch_frames import Frames
from unstill.steps.job_log import JobLog
from unstill.steps.pollers import Pollers
from unstill.steps.prepare import FramePreparer
from unstill.steps.runner import Runner
from unstill.steps.save import Saver
from unstill.steps.submit import Submitter
from unstill.store.embedded.store import EmbeddedBackend
from unstill.store.port import Listener
from unstill.system.clock import clock_ms
from unstill.upstreams.port import Cancellation, Cancelled, Remote
from unstill.webhooks.receivers import Receivers

URL = "https://example.com/cat.jpg"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8  # what a sniffer takes for a picture
VIDEO = b"a whole video"
THUMBNAIL = b"a picture of it"
SPRITESHEET = b"pictures of it"
OWNER = Owner("team-a")

Act = Callable[[Scene, Report], Awaitable[None]]


async def render_well(scene: Scene, report: Report) -> None:
    report(0.5)
    scene.out.write_bytes(VIDEO)
    report(1.0)


async def render_for_ever(scene: Scene, report: Report) -> None:
    report(0.5)
    scene.out.write_bytes(b"half a vid")
    await asyncio.Event().wait()


async def die(scene: Scene, report: Report) -> None:
    report(0.9)
    scene.out.write_bytes(b"half a vid")
    raise EngineDied("camera", "Traceback\n  File /srv/app/x.py\nOSError: out of memory")


class Engine:
    """A `Local` that does the next of `acts` at each render, and renders well after the last."""

    kind = "camera"
    is_generative = False
    description = "does as it is told"

    def __init__(self, name: str = "camera", slots: int = 1) -> None:
        self.name = name
        self.slots = slots
        self.acts: list[Act] = []
        self.scenes: list[Scene] = []
        self.under_way = 0
        self.refusal: BadField | None = None

    def misfit(self, request: VideoRequest) -> BadField | None:
        del request
        return self.refusal

    async def render(self, scene: Scene, report: Report) -> None:
        self.scenes.append(scene)
        act = self.acts.pop(0) if self.acts else render_well
        self.under_way += 1
        try:
            await act(scene, report)
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        """It has no children."""


class Checks:
    """Media children that find every picture good, after the `troubles` are used up."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.checks: list[FrameCheck | VideoCheck] = []
        self.draws: list[StillDraw] = []
        self.length_s = 5.0  # of every video
        self.has_audio = True
        self.gate = asyncio.Event()  # nothing is answered before it is set
        self.gate.set()

    async def check_frame(self, check: FrameCheck, *, owner: str) -> FrameFacts:
        del owner
        await self._look(check)
        return FrameFacts(1280, 720, "JPEG")

    async def check_video(self, check: VideoCheck, *, owner: str) -> VideoFacts:
        del owner
        await self._look(check)
        if Path(check.path).read_bytes() != VIDEO:
            raise BadVideo("the video is not whole")
        count = round(30 * self.length_s)
        return VideoFacts(
            1280, 720, self.length_s, 30.0, count, len(VIDEO), has_audio=self.has_audio
        )

    async def fit_frame(self, fit: FrameFit, *, owner: str) -> bool:
        del fit, owner
        return False  # every picture is as it should be

    async def cut_sound(self, cut: SoundCut, *, owner: str) -> None:
        del owner
        Path(cut.out).write_bytes(VIDEO)

    async def as_mp4(self, repack: Repack, *, owner: str) -> None:
        del owner
        Path(repack.path).write_bytes(VIDEO)

    async def draw_thumbnail(self, draw: StillDraw) -> None:
        await self._draw(draw, THUMBNAIL)

    async def draw_spritesheet(self, draw: StillDraw) -> None:
        await self._draw(draw, SPRITESHEET)

    async def _draw(self, draw: StillDraw, picture: bytes) -> None:
        self.draws.append(draw)
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        Path(draw.out).write_bytes(picture)

    async def _look(self, check: FrameCheck | VideoCheck) -> None:
        self.checks.append(check)
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        assert Path(check.path).exists()


class Fetches:
    """A net where every address leads to a picture, after the `troubles` are used up."""

    def __init__(self) -> None:
        self.troubles: list[Exception] = []
        self.urls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str, out: Path, *, max_bytes: int, timeout_s: float) -> int:
        del max_bytes, timeout_s
        self.urls.append(url)
        with out.open("wb") as file:
            file.write(PNG[:4])
            await self.gate.wait()
            if self.troubles:
                raise self.troubles.pop(0)
            file.write(PNG[4:])
        return len(PNG)


class SlowBackend(EmbeddedBackend):
    """The embedded store on a disk that may be full, among writers that may be quicker."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.is_refused: Callable[[Change], bool] = lambda _: False
        self.refused = 0
        self.up_troubles: list[OwnError] = []  # of the next notes that a server is up
        self.has_room = True  # for new rows
        self.overtaken: dict[State, Change] = {}  # the next change to it comes after that one
        self.late: State | None = None  # changes to it are answered when `answers` is set
        self.answers = asyncio.Event()

    async def add(self, job: Job, *, mark: IdempotencyMark | None = None) -> Job:
        if not self.has_room:
            raise StorageFull("the disk of the data folder is full")
        return await super().add(job, mark=mark)

    async def note_up(self, now_ms: int) -> None:
        if self.up_troubles:
            raise self.up_troubles.pop(0)
        await super().note_up(now_ms)

    async def change(
        self, job_id: str, change: Change, *, attempt: int | None = None
    ) -> Job | None:
        if self.is_refused(change):
            self.refused += 1
            raise StorageFull("the disk of the data folder is full")
        if change.to in self.overtaken:
            await super().change(job_id, self.overtaken.pop(change.to))
        changed = await super().change(job_id, change, attempt=attempt)
        if change.to is not None and change.to is self.late:
            await self.answers.wait()
        return changed


class House:
    """All parts over one data folder; `clock` may be turned by a test."""

    def __init__(self, data_dir: Path, *, slots: int = 1) -> None:
        self.data_dir = data_dir
        data_dir.mkdir(exist_ok=True)
        self.backend = SlowBackend(data_dir)
        self.files = LocalFiles(data_dir)
        self.engine = Engine(slots=slots)
        self.media = Checks()
        self.fetcher = Fetches()
        self.board = Board()
        self.stalls = Stalls(self.clock_ms)
        self.job_log = JobLog(self.clock_ms)
        self.links = Links((b"k" * 32,))
        self.late_ms = 0
        self.has_room = True
        self.seen: list[State] = []  # every state that was told, in order
        self.uploads = LocalUploads(data_dir)
        remotes: dict[str, Remote] = {}
        self.watches = Pollers(
            remotes,
            backend=self.backend,
            board=self.board,
            stalls=self.stalls,
            clock_ms=self.clock_ms,
            uptime_ms=self.clock_ms,
        )
        self.answers: list[Cancellation] = []  # of upstreams that are asked to stop
        catalogue = Catalogue()
        self.runner = Runner(
            backend=self.backend,
            files=self.files,
            frames=Frames(
                files=self.files, media=self.media, fetcher=self.fetcher, cards=catalogue.by_id
            ),
            cards=catalogue.by_id,
            engines={"camera": self.engine},
            remotes=remotes,
            submitter=Submitter(
                backend=self.backend,
                remotes=remotes,
                routes={},
                prepare_frames=FramePreparer(
                    files=self.files, media=self.media, cards=catalogue.by_id
                ).prepare_frames,
                stalls=self.stalls,
                clock_ms=self.clock_ms,
                uptime_ms=self.clock_ms,
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
            ),
            board=self.board,
            clock_ms=self.clock_ms,
        )
        self.service = Service(
            backend=self.backend,
            files=self.files,
            cancel_upstream=self.cancel_upstream,
            catalogue=catalogue,
            engines={"camera": self.engine},
            routes={"wan2.7-i2v": ("camera",)},
            accounts={},
            receivers=Receivers({}, has_secret=True),
            check_room=self.check_room,
            clock_ms=self.clock_ms,
            uptime_ms=self.clock_ms,
        )
        self.downloads = Downloads(
            backend=self.backend,
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
            backend=self.backend, files=self.files, uploads=self.uploads, clock_ms=self.clock_ms
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
            self.runner.changed,
        )

    async def cancel_upstream(self, job: Job) -> Cancellation:
        """The next of the scripted answers; what is cancelled is so, as a watch has it."""
        answer = self.answers.pop(0)
        if isinstance(answer, Cancelled):
            await self.backend.change(job.id, cancelled(self.clock_ms(), is_hidden=False))
        return answer

    def check_room(self) -> None:
        if not self.has_room:
            raise StorageFull("the server has too little room left to take new work")

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
        job = await self.backend.find(job_id)
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
        await self.backend.rest(5)
        await self.backend.close()


@asynccontextmanager
async def opened(data_dir: Path, *, slots: int = 1, serves: bool = True) -> AsyncIterator[House]:
    """A house with its store open; with `serves`, its lanes too."""
    house = House(data_dir, slots=slots)
    await house.backend.open(house.listeners)
    if serves:
        await house.runner.startup()
    try:
        yield house
    finally:
        await house.stop()


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_true():  # noqa: ASYNC110  - the truth may be about anything
            await asyncio.sleep(0.002)


def a_job(**fields: Any) -> Job:
    """A row as a server left it."""
    request = VideoRequest(
        model="wan2.7-i2v",
        prompt="push in",
        first_frame=Frame("first", "input.first_frame_url", url=URL),
        duration_s=5,
        frame_rate=30,
        seed=1,
    )
    created_ms = fields.get("created_ms", clock_ms())
    job = Job(
        id=new_id(created_ms),
        owner=OWNER,
        dialect="tasks",
        words="unified",
        model="wan2.7-i2v",
        request=request,
        engine="camera",
        created_ms=created_ms,
    )
    return msgspec.structs.replace(job, **fields)
