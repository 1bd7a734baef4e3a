"""The one step that a job's state asks for. Each may be begun again at any time.

    queued   frames   fetch and check the pictures          -> ready
    ready    engine   render in a child of this machine     -> running -> saving
    saving   bring    check the video, put it in its place  -> succeeded

A step that ends with an error ends the job with it; one that cannot store anything is tried again
by its lane. Each write is guarded: a step that finds its job moved stops without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from unstill.backend.port import Backend, Lane
from unstill.board import Board
from unstill.engines.port import Local, Scene
from unstill.errors import (
    BadImage,
    EngineDied,
    FetchFailed,
    OwnError,
    StorageFailed,
    StorageFull,
    UnstillError,
)
from unstill.files.port import Files, storage_errors
from unstill.intake import frame_check
from unstill.job import (
    Change,
    Failure,
    Job,
    State,
    Usage,
    Video,
    failed,
    made_ready,
    put_back,
    rendered,
    started,
    succeeded,
)
from unstill.media.facts import FrameCheck, FrameFacts, VideoCheck, VideoFacts
from unstill.media.limits import MAX_FILE_BYTES
from unstill.models import CARDS
from unstill.models.card import Card
from unstill.models.sizes import output_size, tier_height
from unstill.request import Frame, Role, Size, VideoRequest

log = structlog.get_logger()

FRAMES_SLOTS = 32  # fetches wait on the network, not on us
BRING_SLOTS = 8
FETCH_TIMEOUT_S = 15.0  # a caller's picture must have arrived by then
MOST_DEATHS = 1  # a local child that dies is asked once more
PAUSE_AFTER_DEATH_MS = 1000

_CARDS = {card.id: card for card in CARDS}


class Checks(Protocol):
    """What the runner asks of the media children."""

    async def check_frame(self, check: FrameCheck) -> FrameFacts: ...

    async def check_video(self, check: VideoCheck) -> VideoFacts: ...


class Fetches(Protocol):
    """What the runner asks of the net."""

    async def fetch(self, url: str, out: Path, *, max_bytes: int, timeout_s: float) -> int: ...


class Runner:
    """Does the steps; the backend's lanes say when."""

    def __init__(
        self,
        *,
        backend: Backend,
        files: Files,
        media: Checks,
        fetcher: Fetches,
        engines: Mapping[str, Local],
        board: Board,
        clock_ms: Callable[[], int],
    ) -> None:
        self._backend = backend
        self._files = files
        self._media = media
        self._fetcher = fetcher
        self._engines = engines
        self._board = board
        self._clock_ms = clock_ms
        self._renders: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    async def startup(self) -> None:
        """Put back what the last server's children were rendering, then open the lanes."""
        for job in await self._backend.unfinished():
            if job.state is State.RUNNING:
                await self._write(job, put_back(self._clock_ms(), died=False))
        self._backend.listen(self._changed)
        self._backend.serve(self.lanes())

    async def stop(self) -> None:
        """End the renders; their jobs are ready again and go on at the next start."""
        self._is_stopping = True
        for render in tuple(self._renders.values()):
            render.cancel()
        await asyncio.gather(*self._renders.values(), return_exceptions=True)

    def lanes(self) -> Sequence[Lane]:
        return (
            Lane("frames", FRAMES_SLOTS, self._guarded(State.QUEUED, self._take_frames)),
            *(
                Lane(f"engine:{name}", engine.slots, self._guarded(State.READY, self._render))
                for name, engine in self._engines.items()
            ),
            Lane("bring", BRING_SLOTS, self._guarded(State.SAVING, self._bring)),
        )

    def _guarded(
        self, state: State, work: Callable[[Job], Awaitable[None]]
    ) -> Callable[[str], Awaitable[None]]:
        """The step that does `work` on a job in `state`, and ends the job with its error."""

        async def step(job_id: str) -> None:
            job = await self._backend.find(job_id)
            if job is None or job.state is not state:
                return
            try:
                await work(job)
            except (StorageFull, StorageFailed):
                raise  # says nothing about the job; the lane comes back to it
            except UnstillError as error:
                await self._fail(job, error)
            except Exception as error:  # a fault of ours ends one job, not the lane
                log.exception("step_failed", job_id=job_id, state=state)
                await self._fail(job, OwnError(f"{type(error).__name__} in unstill itself"))
            finally:
                await self._clear_if_hidden(job_id)

        return step

    async def _take_frames(self, job: Job) -> None:
        request = job.request
        card = _CARDS[request.model]
        facts = [await self._take_frame(job, frame, card) for frame in request.frames]
        first = Size(facts[0].width, facts[0].height)
        await self._write(job, made_ready(output_size(card, request, first)))

    async def _take_frame(self, job: Job, frame: Frame, card: Card) -> FrameFacts:
        path = self._files.path(job.id, frame.file_name)
        if frame.url is not None and not path.exists():
            await self._fetch(job, frame, frame.url)
        return await self._media.check_frame(frame_check(frame, card.frame_rule, path=str(path)))

    async def _fetch(self, job: Job, frame: Frame, url: str) -> None:
        part = f"{frame.file_name}.part"
        await self._files.prepare(job.id)
        try:
            with storage_errors():
                await self._fetcher.fetch(
                    url,
                    self._files.path(job.id, part),
                    max_bytes=MAX_FILE_BYTES,
                    timeout_s=FETCH_TIMEOUT_S,
                )
        except FetchFailed as error:
            raise BadImage(frame.param, error.reason) from error
        await self._files.publish(job.id, part, frame.file_name)

    async def _render(self, job: Job) -> None:
        now = await self._write(job, started(self._clock_ms()))
        if now is None:
            return
        render = asyncio.create_task(self._rendered(now))
        self._renders[job.id] = render
        try:
            await render
        except asyncio.CancelledError:
            # The render is ended when its job was cancelled, or with the server; ended from
            # outside, this step takes the render along.
            if not render.cancelled():
                render.cancel()
                raise
            if self._is_stopping:
                await self._write(now, put_back(self._clock_ms(), died=False))
        finally:
            self._renders.pop(job.id, None)

    async def _rendered(self, job: Job) -> None:
        engine = self._engines[job.engine]
        try:
            await engine.render(self._scene(job), lambda done: self._board.report(job.id, done))
        except EngineDied as death:
            if job.deaths >= MOST_DEATHS:
                raise
            log.warning(
                "engine_died", job_id=job.id, engine=engine.name, last_words=death.last_words
            )
            again_ms = self._clock_ms() + PAUSE_AFTER_DEATH_MS
            await self._write(job, put_back(again_ms, died=True))
            return
        await self._write(job, rendered())

    def _scene(self, job: Job) -> Scene:
        if job.size is None:
            raise OwnError("a job without a size was given to an engine")
        frames: dict[Role, Frame] = {frame.role: frame for frame in job.request.frames}
        return Scene(
            job_id=job.id,
            request=job.request,
            size=job.size,
            frames={
                role: self._files.path(job.id, frame.file_name) for role, frame in frames.items()
            },
            out=self._files.path(job.id, _part(job.attempt)),
        )

    async def _bring(self, job: Job) -> None:
        name = f"video-{job.attempt}.mp4"
        path = self._files.path(job.id, name)
        is_home = path.exists()  # a start again after the rename
        part = path if is_home else self._files.path(job.id, _part(job.attempt))
        facts = await self._media.check_video(
            VideoCheck(path=str(part), duration_s=float(job.request.duration_s))
        )
        if not is_home:
            await self._files.publish(job.id, part.name, name)
        video = Video(
            file_name=name,
            width=facts.width,
            height=facts.height,
            duration_s=facts.duration_s,
            frame_rate=facts.frame_rate,
            frame_count=facts.frame_count,
            size_bytes=facts.size_bytes,
            has_audio=facts.has_audio,
        )
        if await self._write(job, succeeded(video, _usage(job.request), self._clock_ms())):
            for earlier in range(1, job.attempt):
                await self._files.discard(job.id, _part(earlier))

    async def _fail(self, job: Job, error: UnstillError) -> None:
        """End the job with what went wrong, wherever the step had brought it."""
        log.info("job_failed", job_id=job.id, code=error.code, why=error.message)
        failure = Failure(error.code, error.message, getattr(error, "param", None))
        await self._backend.change(job.id, failed(failure, self._clock_ms()))

    async def _write(self, job: Job, change: Change) -> Job | None:
        return await self._backend.change(job.id, change, attempt=job.attempt)

    async def _clear_if_hidden(self, job_id: str) -> None:
        """A deleted job's files go when its last step has ended."""
        job = await self._backend.find(job_id)
        if job is not None and job.is_hidden and job.state.is_final:
            await self._files.remove(job_id)

    def _changed(self, job: Job) -> None:
        self._board.changed(job)
        log.info(
            "job",
            job_id=job.id,
            model=job.request.model,
            engine=job.engine,
            state=job.state.value,
            attempt=job.attempt,
            elapsed_s=(self._clock_ms() - job.created_ms) / 1000,
        )
        render = self._renders.get(job.id)
        if render is not None and job.state is State.CANCELLED:
            render.cancel()


def _part(attempt: int) -> str:
    return f"video-{attempt}.part"


def _usage(request: VideoRequest) -> Usage:
    return Usage(duration_s=request.duration_s, tier_height=tier_height(request))
