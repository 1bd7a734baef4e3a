"""The one step that a job's state asks for. Each may be begun again at any time.

    queued   frames   fetch and check the pictures          -> ready
    ready    engine   render in a child of this machine     -> running -> saving
                      or submit to an upstream              -> submitting -> running
    saving   save     check the video, put it in its place  -> succeeded
             again    the same, for one that has failed before

What runs at an upstream is followed by its account's poller.

A step that ends with an error ends the job with it; one that cannot store anything is tried again
by its lane. Each write is guarded: a step that finds its job moved stops without a word. All steps
are free to repeat, so each ends at once when its job is cancelled or the server stops; only a call
that may cost goes on by itself until it is settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

import structlog

from unstill.domain.engine import Local
from unstill.domain.errors import (
    EngineDied,
    OwnError,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    TicketTaken,
    UnstillError,
)
from unstill.domain.job import (
    Change,
    Failure,
    Job,
    State,
    failed,
    made_ready,
    put_back,
    rendered,
    started,
)
from unstill.domain.request import Size
from unstill.files.port import Files
from unstill.models.card import Card
from unstill.models.sizes import output_size
from unstill.progress.board import Board
from unstill.progress.stalls import Stalls
from unstill.steps.fetch_frames import Frames
from unstill.steps.job_files import scene_of, video_part
from unstill.steps.pollers import Pollers
from unstill.steps.save import Saver
from unstill.steps.submit import Submitter
from unstill.steps.submit_outcome import found_answered, found_open, not_its_own
from unstill.store.port import Backend, Lane
from unstill.system.storage_errors import storage_trouble
from unstill.system.storage_pause import Shortage
from unstill.upstreams.port import Remote

log = structlog.get_logger()

FRAMES_SLOTS = 64  # fetches wait on the network, not on us; half of them for one owner alone
# An engine has its own: a host that drips holds up no other's videos, nor those of this machine.
SAVE_SLOTS = 8
SAVE_AGAIN_SLOTS = 4
REMOVED_SLOTS = 1  # jobs whose engine is no longer configured only wait
MOST_DEATHS = 1  # a local child that dies is asked once more
PAUSE_AFTER_DEATH_MS = 1000
AT_ONCE = 0  # due before all that came later: what an end of the server has interrupted
SUBMITS_WITHIN_S = 25.0  # a shutdown waits that long for a call that may cost
NOT_THE_JOBS_FAULT = (StorageFull, StorageFailed, ShuttingDown)


class Runner:
    """Does the steps; the backend's lanes say when."""

    def __init__(
        self,
        *,
        backend: Backend,
        files: Files,
        frames: Frames,
        cards: Mapping[str, Card],
        engines: Mapping[str, Local],
        remotes: Mapping[str, Remote],
        submitter: Submitter,
        pollers: Pollers,
        stalls: Stalls,
        saver: Saver,
        board: Board,
        clock_ms: Callable[[], int],
    ) -> None:
        self._backend = backend
        self._files = files
        self._frames = frames
        self._cards = cards
        self._engines = engines
        self._remotes = remotes
        self._submitter = submitter
        self._pollers = pollers
        self._stalls = stalls
        self._saver = saver
        self._board = board
        self._clock_ms = clock_ms
        self._works: dict[
            str, asyncio.Task[int | None]
        ] = {}  # the steps under way, by job, are these
        self._is_stopping = False
        self._renders = Shortage("engine_cannot_store", clock_ms)
        self._ends = Shortage("step_not_stored", clock_ms)

    async def startup(self) -> None:
        """Judge what the last server had under way, take up the tickets, then open the lanes."""
        now_ms = self._clock_ms()
        for job in await self._backend.interrupted():
            if job.state is State.SUBMITTING:
                await self._judge(job, now_ms)
            else:
                await self._write(job, put_back(AT_ONCE))
        self._backend.forget_ahead()
        known = {*self._engines, *self._remotes}
        removed = sorted(set(await self._backend.waited_for()) - known)
        for engine in removed:
            log.warning("engine_missing", engine=engine, mend=f"jobs wait for [engines.{engine}]")
        await self._pollers.startup()
        self._backend.serve([*self.lanes(), *self._removed_lanes(removed)])

    async def _judge(self, job: Job, now_ms: int) -> None:
        """A job that the last server was submitting: what it had heard of the call, if anything."""
        attempt = self._backend.noted_ahead(job.id, job.attempt)
        if attempt is not None:
            try:
                await self._write(job, found_answered(job, attempt))
            except TicketTaken as error:
                await self._write(job, found_answered(job, not_its_own(attempt, error)))
        else:
            await self._write(job, found_open(job, now_ms))

    async def stop(self) -> None:
        """End the steps; their jobs are where they were and go on at the next start.

        Calls that may cost are waited for and settled.
        """
        self._is_stopping = True
        works = tuple(self._works.values())
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await self._submitter.stop(SUBMITS_WITHIN_S)
        await self._pollers.shutdown()

    def lanes(self) -> Sequence[Lane]:
        return (
            # Its steps wait for hosts that callers choose, and one may drip until it is given up.
            Lane(
                "frames",
                FRAMES_SLOTS,
                self._guarded(State.QUEUED, self._take_frames),
                keeps_room=True,
            ),
            *(
                Lane(f"engine:{name}", engine.slots, self._guarded(State.READY, self._render))
                for name, engine in self._engines.items()
            ),
            *map(self._remote_lane, self._remotes),
            *self._save_lanes([*self._engines, *self._remotes], SAVE_SLOTS, SAVE_AGAIN_SLOTS),
        )

    def _removed_lanes(self, engines: Sequence[str]) -> Sequence[Lane]:
        """The lanes of engines that are no longer configured: their jobs wait, or end."""
        return (
            *map(self._remote_lane, engines),
            *self._save_lanes(engines, REMOVED_SLOTS, REMOVED_SLOTS),
        )

    def _save_lanes(self, engines: Iterable[str], slots: int, again_slots: int) -> Iterator[Lane]:
        step = self._guarded(State.SAVING, self._bring)
        for engine in engines:
            yield Lane(f"save:{engine}", slots, step)
            yield Lane(f"again:{engine}", again_slots, step, is_in_turn=True)

    def _remote_lane(self, name: str) -> Lane:
        """Jobs of an upstream's engine, or of one removed: they find another, or their deadline."""
        remote = self._remotes.get(name)
        slots = REMOVED_SLOTS if remote is None else remote.account.slots
        step = self._guarded(State.READY, self._submitter.submit)
        return Lane(f"engine:{name}", slots, step)

    def _guarded(
        self, state: State, work: Callable[[Job], Awaitable[int | None]]
    ) -> Callable[[str], Awaitable[int | None]]:
        """The step that does `work` on a job in `state`, and ends the job with its error."""

        async def step(job_id: str) -> int | None:
            job = await self._backend.find(job_id)
            # A lane may have taken it while the server began to stop.
            if job is None or job.state is not state or self._is_stopping:
                return None
            try:
                return await self._interruptible(job, self._worked(job, work))
            finally:
                await self._clear_if_hidden(job_id)

        return step

    async def _interruptible(self, job: Job, work: Coroutine[Any, Any, int | None]) -> int | None:
        """Do `work` until it ends, its job is cancelled, or the server stops."""
        # Noted before the work writes anything: a cancel that is committed together with its
        # first write already finds it.
        task = self._works[job.id] = asyncio.create_task(work)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            raise
        finally:
            del self._works[job.id]
        if not task.cancelled():
            return task.result()
        if self._is_stopping:
            # Guarded by the state alone: a start may have been written and not been heard of.
            await self._backend.change(job.id, put_back(AT_ONCE))
        return None

    async def _worked(self, job: Job, work: Callable[[Job], Awaitable[int | None]]) -> int | None:
        try:
            put_off_ms = await work(job)
        except (StorageFull, StorageFailed) as error:
            self._stalls.job(job.id, job.state, error.code, error.message)
            raise  # the lane comes back to it
        except ShuttingDown:
            raise
        except UnstillError as error:
            await self._fail(job, error)
        except Exception as error:  # a fault of ours ends one job, not the lane
            trouble = storage_trouble(error) if isinstance(error, OSError) else None
            if trouble is not None:
                self._stalls.job(job.id, job.state, trouble.code, trouble.message)
                raise trouble from error
            log.exception("step_failed", job_id=job.id, state=job.state)
            await self._fail(job, OwnError(f"{type(error).__name__} in unstill itself"))
        else:
            self._stalls.stored(job.id)
            return put_off_ms
        return None

    async def _take_frames(self, job: Job) -> None:
        request = job.request
        facts = await self._frames.take(job)
        first = Size(facts[0].width, facts[0].height)
        await self._write(job, made_ready(output_size(self._cards[request.model], request, first)))

    async def _render(self, job: Job) -> None:
        now = await self._write(job, started(self._clock_ms()))
        if now is not None:
            await self._settle(now.id, await self._rendered(now))

    async def _rendered(self, job: Job) -> Change:
        """Render; what becomes of the job by it. Raises what the engine has against the job."""
        engine = self._engines[job.engine]
        try:
            async with scene_of(self._files, job) as scene:
                await engine.render(scene, lambda done: self._board.report(job.id, done))
                await self._files.sync(job.id, video_part(job.attempt))
        except (StorageFull, StorageFailed) as error:
            self._stalls.engine(job.engine, "submits", error.code, error.message)
            pause_ms = self._renders.note(error.message, job_id=job.id)
            return put_back(self._clock_ms() + pause_ms)
        except EngineDied as death:
            if job.deaths >= MOST_DEATHS:
                raise
            log.warning(
                "engine_died",
                job_id=job.id,
                engine=engine.name,
                why=death.message,
                last_words=death.last_words,
            )
            return put_back(self._clock_ms() + PAUSE_AFTER_DEATH_MS, died=True)
        self._renders.over()
        self._stalls.engine_moves(job.engine, "submits")
        return rendered()

    async def _bring(self, job: Job) -> None:
        await self._write(job, await self._saver.save(job))

    async def _fail(self, job: Job, error: UnstillError) -> None:
        """End the job with what went wrong, wherever the step had brought it."""
        failure = Failure(error.code, error.message, getattr(error, "param", None))
        await self._settle(job.id, failed(failure, self._clock_ms()))

    async def _settle(self, job_id: str, change: Change) -> None:
        """Write how a step ended, as soon as the store can take it.

        A lane would begin the step again; but none looks after a job that was running.
        """
        while True:
            try:
                await self._backend.change(job_id, change)
            except (StorageFull, StorageFailed) as error:
                pause_ms = self._ends.note(error.message, job_id=job_id)
                await asyncio.sleep(pause_ms / 1000)
            else:
                self._ends.over()
                return

    async def _write(self, job: Job, change: Change) -> Job | None:
        return await self._backend.change(job.id, change, attempt=job.attempt)

    async def _clear_if_hidden(self, job_id: str) -> None:
        """A deleted job's files go when its last step has ended."""
        try:
            job = await self._backend.find(job_id)
            if job is not None and job.is_hidden and job.state.is_final:
                await self._files.remove(job_id)
        except NOT_THE_JOBS_FAULT as error:  # the sweep comes back to them
            log.warning("files_not_removed", job_id=job_id, why=error.message)

    def changed(self, job: Job) -> None:
        """End the work on a job that was cancelled; told after its commit."""
        work = self._works.get(job.id)
        if work is not None and job.state is State.CANCELLED:
            work.cancel()
