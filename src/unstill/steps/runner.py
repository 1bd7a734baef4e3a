"""The one step that a job's state asks for. Each may be begun again at any time.

    queued   frames   fetch and check the pictures          -> ready
    ready    engine   render in a child of this machine     -> running -> saving
                      or submit to an upstream              -> submitting -> running
    saving   save     check the video, put it in its place  -> succeeded
             again    the same, for one that has failed before

What runs at an upstream is followed by its account's poller.

A lane hands over the job, and ends the step when the job is cancelled or the server stops: all
steps are free to repeat, and only a call that may cost goes on by itself until it is settled. A
step that ends with an error ends the job with it; one that cannot store anything is tried again by
its lane. Each write is guarded: a step that finds its job moved stops without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import structlog

from unstill.domain.errors import (
    OwnError,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    UnstillError,
)
from unstill.domain.job import Change, Failure, Job, State, failed, made_ready, put_back, started
from unstill.domain.lease import Lease
from unstill.domain.log_fields import job_facts, job_fields
from unstill.domain.request import Size
from unstill.domain.server_role import ALL_WORK, ServerRole, WorkKind
from unstill.files.port import Files
from unstill.models.card import Card
from unstill.models.sizes import output_size
from unstill.progress.stalls import Stalls
from unstill.steps.bills import WITHOUT_COSTS, Bills
from unstill.steps.fetch_frames import Frames
from unstill.steps.interrupted_jobs import AT_ONCE, Judge
from unstill.steps.job_files import video_part
from unstill.steps.learning import Learner
from unstill.steps.pollers import Pollers
from unstill.steps.render import Renderer
from unstill.steps.save import Saver
from unstill.steps.submit import Submitter
from unstill.store.ports.attempts import Attempts
from unstill.store.ports.backlog import Backlog
from unstill.store.ports.duties import Duties
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.queue import Lane, PutOff, Queue, Step
from unstill.system.log_context import lines_about
from unstill.system.storage_errors import storage_trouble
from unstill.system.storage_pause import Shortage
from unstill.system.tracing import NO_TRACES, Traces
from unstill.upstreams.port import Remote

log = structlog.get_logger()

FRAMES_SLOTS = 64  # fetches wait on the network, not on us; half of them for one owner alone
# An engine has its own: a host that drips holds up no other's videos, nor those of this machine.
SAVE_SLOTS = 8
SAVE_AGAIN_SLOTS = 4
REMOVED_SLOTS = 1  # jobs whose engine is no longer configured only wait
SUBMITS_WITHIN_S = 25.0  # a shutdown waits that long for a call that may cost
NOT_THE_JOBS_FAULT = (StorageFull, StorageFailed, ShuttingDown)


class Runner:
    """Does the steps; the store's lanes say when."""

    def __init__(
        self,
        *,
        jobs: Jobs,
        attempts: Attempts,
        backlog: Backlog,
        duties: Duties,
        queue: Queue,
        files: Files,
        frames: Frames,
        cards: Mapping[str, Card],
        renderer: Renderer,
        remotes: Mapping[str, Remote],
        submitter: Submitter,
        pollers: Pollers,
        stalls: Stalls,
        saver: Saver,
        clock_ms: Callable[[], int],
        uptime_ms: Callable[[], int],
        lease: Callable[[], Lease],
        bills: Bills = WITHOUT_COSTS,
        picture_fetches: tuple[int, int] = (FRAMES_SLOTS, 0),
        traces: Traces = NO_TRACES,
        role: ServerRole = ALL_WORK,
    ) -> None:
        """`picture_fetches`: so many at once, and of one owner; 0: of one owner what is free.

        role: whose lanes are opened.
        """
        self._pictures, self._pictures_per_owner = picture_fetches
        self._jobs = jobs
        self._backlog = backlog
        self._duties = duties
        self._queue = queue
        self._files = files
        self._frames = frames
        self._cards = cards
        self._renderer = renderer
        self._engines = renderer.engines
        self._remotes = remotes
        self._learner = Learner(remotes.values())
        self._submitter = submitter
        self._pollers = pollers
        self._stalls = stalls
        self._saver = saver
        self._clock_ms = clock_ms
        self._lease = lease
        self._judge = Judge(
            jobs=jobs,
            attempts=attempts,
            backlog=backlog,
            lease=lease,
            clock_ms=clock_ms,
            uptime_ms=uptime_ms,
            take_up=submitter.take_up,
        )
        self._bills = bills
        self._traces = traces
        self._role = role
        self._shortage = Shortage("step_not_stored", clock_ms)

    # --- life ----------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Judge what the last server had under way, take up the tickets, then open the lanes."""
        await self._judge.judge()
        if self._role.does(WorkKind.UPKEEP) and not self._duties.is_alone:
            self._duties.perform("judge", self._judge.run)
        known = {*self._engines, *self._remotes}
        removed = sorted(set(await self._backlog.waited_for()) - known)
        for engine in removed:
            log.warning("engine_missing", engine=engine, mend=f"jobs wait for [engines.{engine}]")
        everybodys = [*self.lanes(ALL_WORK), *self._removed_lanes(removed, ALL_WORK)]
        await self._queue.know(everybodys)
        await self._pollers.startup()
        self._queue.serve([*self.lanes(), *self._removed_lanes(removed, self._role)])
        self._learner.startup()

    async def stop(self) -> None:
        """End the steps; their jobs are where they were and go on at the next start.

        Calls that may cost are waited for and settled.
        """
        await self._learner.shutdown()
        await self._queue.rest(0)
        await self._submitter.stop(SUBMITS_WITHIN_S)

    # --- lanes ---------------------------------------------------------------------------------

    def lanes(self, role: ServerRole | None = None) -> Sequence[Lane]:
        """Those of a server of that role; of this one's, where none is said."""
        role = self._role if role is None else role
        engines = [*self._engines, *self._remotes]
        return (
            *self._frames_lane(role),
            *self._render_lanes(role),
            *self._remote_lanes(self._remotes, role),
            *self._save_lanes(engines, role, SAVE_SLOTS, SAVE_AGAIN_SLOTS),
        )

    def _removed_lanes(self, engines: Sequence[str], role: ServerRole) -> Sequence[Lane]:
        """The lanes of engines that are no longer configured: their jobs wait, or end."""
        return (
            *self._remote_lanes(engines, role),
            *self._save_lanes(engines, role, REMOVED_SLOTS, REMOVED_SLOTS),
        )

    def _frames_lane(self, role: ServerRole) -> Iterator[Lane]:
        """Its steps wait for hosts that callers choose, and one may drip until it is given up."""
        if role.does(WorkKind.FRAMES):
            take_frames = self._guarded(self._traced("frames", self._take_frames))
            yield self._lane(
                "frames",
                self._pictures,
                take_frames,
                keeps_room=True,
                most_of_one=self._pictures_per_owner,
            )

    def _render_lanes(self, role: ServerRole) -> Iterator[Lane]:
        render = self._guarded(self._traced("render", self._render))
        for name, engine in self._engines.items():
            if role.does_of(name, WorkKind.RENDER):
                yield self._lane(f"engine:{name}", engine.slots, render)

    def _save_lanes(
        self, engines: Iterable[str], role: ServerRole, slots: int, again_slots: int
    ) -> Iterator[Lane]:
        save = self._guarded(self._traced("save", self._save))
        for engine in filter(partial(role.does_of, work=WorkKind.SAVE), engines):
            yield self._lane(f"save:{engine}", slots, save)
            yield self._lane(f"again:{engine}", again_slots, save, is_in_turn=True)

    def _remote_lanes(self, engines: Iterable[str], role: ServerRole) -> Iterator[Lane]:
        """Jobs of upstreams' engines, or of some removed: they find another, or their deadline."""
        for name in filter(partial(role.does_of, work=WorkKind.CALLS), engines):
            remote = self._remotes.get(name)
            slots = REMOVED_SLOTS if remote is None else remote.account.slots
            shared_by = "" if remote is None else remote.account.id
            submit = self._guarded(self._submitter.submit)
            yield self._lane(f"engine:{name}", slots, submit, shared_by=shared_by)

    def _lane(
        self,
        name: str,
        slots: int,
        step: Step,
        *,
        keeps_room: bool = False,
        is_in_turn: bool = False,
        most_of_one: int = 0,
        shared_by: str = "",
    ) -> Lane:
        return Lane(
            name,
            slots,
            step,
            keeps_room,
            is_in_turn,
            begins_jobs=name.startswith("engine:"),
            ended=self._clear_if_hidden,
            most_of_one=most_of_one,
            shared_by=shared_by,
        )

    async def _clear_if_hidden(self, job: Job) -> None:
        """A deleted job's files go when its last step has ended."""
        if not (job.is_hidden and job.state.is_final):
            return
        try:
            await self._files.remove(job.id)
        except NOT_THE_JOBS_FAULT as error:  # the sweep comes back to them
            log.warning("files_not_removed", **job_fields(job), why=error.message)

    # --- steps ---------------------------------------------------------------------------------

    def _guarded(self, work: Step) -> Step:
        """The step that does `work`, and ends its job with the error that it ends with."""

        async def step(job: Job) -> PutOff | None:
            with lines_about(job_fields(job)):
                return await ended(job)

        async def ended(job: Job) -> PutOff | None:
            try:
                put_off = await work(job)
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
                log.exception("step_failed", **job_fields(job), state=job.state)
                await self._fail(job, OwnError(f"{type(error).__name__} in unstill itself"))
            else:
                self._stalls.stored(job.id)
                return put_off
            return None

        return step

    def _traced(self, name: str, work: Step) -> Step:
        """The same with a span around it, in the trace of its job."""
        if self._traces is NO_TRACES:
            return work

        async def step(job: Job) -> PutOff | None:
            with self._traces.step(name, job_facts(job), context=job.trace):
                return await work(job)

        return step

    async def _take_frames(self, job: Job) -> None:
        request = job.request
        facts = await self._frames.take(job)
        first = Size(facts[0].width, facts[0].height)
        await self._write(job, made_ready(output_size(self._cards[request.model], request, first)))

    async def _render(self, job: Job) -> None:
        try:
            now = await self._write(job, started(self._clock_ms(), self._lease()))
            if now is not None:
                # What goes wrong from here on is of the attempt that has begun, and of no later
                # one, which another server may have under way by then.
                await self._guarded(self._bring_out)(now)
        except asyncio.CancelledError:
            # Guarded by the attempt: a start may have been written and not been heard of.
            await self._jobs.change(job.id, put_back(AT_ONCE), attempt=job.attempt + 1)
            raise

    async def _bring_out(self, job: Job) -> None:
        """What a started render comes to."""
        if await self._settle(job, await self._renderer.render(job)) is None:
            await self._drop_late(job)

    async def _drop_late(self, job: Job) -> None:
        """Drop what was rendered where another attempt has taken its place: nobody looks for it."""
        now = await self._jobs.find(job.id)
        if now is not None and now.attempt > job.attempt:
            await self._files.discard(job.id, video_part(job.attempt))

    async def _save(self, job: Job) -> None:
        await self._write(job, await self._saver.save(job))

    async def _fail(self, job: Job, error: UnstillError) -> None:
        """End the job with what went wrong, wherever the step had brought it."""
        failure = Failure(error.code, error.message, getattr(error, "param", None))
        # A video that was to be saved has been made, and is charged for.
        bill = self._bills.finished(job) if job.state is State.SAVING else None
        await self._settle(job, failed(failure, self._clock_ms(), bill=bill))

    async def _settle(self, job: Job, change: Change) -> Job | None:
        """Write how a step ended. No lane looks after a job that was running."""
        write = partial(self._jobs.change, job.id, change, attempt=job.attempt)
        return await self._shortage.until_stored(write, about=job_fields(job))

    async def _write(self, job: Job, change: Change) -> Job | None:
        return await self._jobs.change(job.id, change, attempt=job.attempt)
