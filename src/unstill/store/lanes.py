"""The lanes of a store in one process: which job gets its next step, and when.

A job waits on at most one lane and is in at most one step. Its row is read once for a step; what
the store tells of it from then on says where it waits next, and ends the step if the job is
cancelled meanwhile. Where jobs of several owners are due, the owners take turns, by weight; of an
owner's jobs the oldest is next: one that had to pause is not overtaken for ever. What waits is a
heap entry and a dict entry; nothing polls: a lane looks when a job comes, when a step ends, and
when its one timer says that the next job is due. All of it runs on the event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from heapq import heappop, heappush

import structlog

from unstill.domain.backoff import STEP, Backoff
from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.job import Job
from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import RoundRobin, WeightOf, equal_weight
from unstill.store.ports.queue import Lane, LaneStep, LaneUse, Turnstile
from unstill.store.steps_under_way import StepUnderWay
from unstill.system.storage_pause import Shortage

Look = Callable[[str], Job | None]  # the row as it is now
_Place = tuple[str, int]  # lane and due_ms

log = structlog.get_logger()


class _Queue:
    """What waits for one lane. Heap entries of jobs that left or moved are skipped when met."""

    def __init__(self, weight_of: WeightOf) -> None:
        self.lane: Lane | None = None  # until the lane is served
        self.later: list[tuple[int, str, Owner]] = []  # (due_ms, job id, owner)
        self.due: dict[Owner, list[tuple[int, str, int]]] = {}  # by owner, (since, job id, due_ms)
        # The same, of jobs whose turn has come and that somebody's limit holds.
        self.held: dict[Party, list[tuple[int, str, int]]] = {}
        self.round_robin = RoundRobin(weight_of)  # the owners in `due` take turns
        self.busy = 0  # steps under way
        self.busy_of: Counter[Owner] = Counter()  # the same, by owner
        self.timer: asyncio.TimerHandle | None = None

    def put(self, job_id: str, owner: Owner, due_ms: int) -> None:
        """Let a job that is due wait for its owner's turn."""
        heappush(self.due.setdefault(owner, []), (self._since_ms(due_ms), job_id, due_ms))
        self.round_robin.join(owner)

    def hold(self, job_id: str, holder: Party, due_ms: int) -> None:
        """Let a job wait until its holder has room."""
        heappush(self.held.setdefault(holder, []), (self._since_ms(due_ms), job_id, due_ms))

    def let_go(self, holder: Party, is_there: Callable[[str, int], bool], most: int) -> None:
        """Let so many of the oldest jobs that it holds wait for their owner's turn again."""
        held = self.held[holder]
        while held and most > 0:
            _, job_id, due_ms = heappop(held)
            if is_there(job_id, due_ms):  # else it has left or moved
                self.put(job_id, holder.owner, due_ms)
                most -= 1
        if not held:
            del self.held[holder]

    def _since_ms(self, due_ms: int) -> int:
        return due_ms if self.lane is not None and self.lane.is_in_turn else 0

    def pop(self, owner: Owner) -> tuple[str, int]:
        """The owner's oldest job, or that which has been due for longest."""
        _, job_id, due_ms = heappop(self.due[owner])
        return job_id, due_ms

    def drop_if_empty(self, owner: Owner) -> None:
        """Let an owner wait no more whose last job was taken; the turn is told of before."""
        if not self.due[owner]:
            del self.due[owner]
            self.round_robin.leave(owner)

    def next_owner(self, lane: Lane, turnstile: Turnstile | None) -> Owner | None:
        """Whose turn it is, among those who may have one more step; None where nobody may."""
        free = lane.slots - self.busy
        if free <= 0:
            return None
        if not lane.keeps_room and turnstile is None:
            return self.round_robin.first
        most_of_one = min(free, lane.most_of_one or free)
        for owner in self.round_robin:
            has_room = not lane.keeps_room or self.busy_of[owner] < most_of_one
            if has_room and (turnstile is None or turnstile.may_begin(owner)):
                return owner
        return None

    def begin(self, owner: Owner) -> None:
        self.busy += 1
        self.busy_of[owner] += 1
        self.round_robin.took(owner)

    def end(self, owner: Owner) -> None:
        self.busy -= 1
        self.busy_of[owner] -= 1
        if not self.busy_of[owner]:
            del self.busy_of[owner]

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Lanes:
    def __init__(
        self,
        look: Look,
        clock_ms: Callable[[], int],
        *,
        pauses: Backoff = STEP,
    ) -> None:
        self._look = look
        self._clock_ms = clock_ms
        self._pauses = pauses
        self._weight_of: WeightOf = equal_weight
        self._turnstile: Turnstile | None = None
        self._queues: dict[str, _Queue] = {}
        self._places: dict[str, _Place] = {}  # each waiting job has one
        self._steps: dict[str, StepUnderWay] = {}  # under way, by job: the only list of them
        self._unmoved: dict[str, int] = {}  # jobs have one: so many steps in a row moved nothing
        self._shortage = Shortage("steps_cannot_store", clock_ms)
        self._is_resting = False

    def offer(self, job: Job) -> None:
        """Put the job where its state says that it waits, or nowhere."""
        step = self._steps.get(job.id)
        if step is not None:
            step.told(job)  # its place is found when the step ends
        elif job.lane is None:
            self._leave(job.id)
        else:
            self.wait(job.id, job.owner, job.lane, job.due_ms)

    def wait(self, job_id: str, owner: Owner, lane: str, due_ms: int) -> None:
        """Put the job on `lane`, and nowhere else."""
        place = (lane, due_ms)
        if self._places.get(job_id) == place:
            return
        self._places[job_id] = place
        queue = self._queue(lane)
        if due_ms and due_ms > self._clock_ms():
            heappush(queue.later, (due_ms, job_id, owner))
        else:
            queue.put(job_id, owner, due_ms)
        self._fill(lane)

    def weigh(self, weight_of: WeightOf) -> None:
        """Let owners' turns weigh so; before, all weigh the same."""
        self._weight_of = weight_of

    def hold_by(self, turnstile: Turnstile) -> None:
        """Let it say whose jobs may be begun; before, all may."""
        self._turnstile = turnstile

    def look_again(self) -> None:
        """Somebody may have more jobs begun than before."""
        for name, queue in self._queues.items():
            if queue.held:
                self._let_go(name, queue)
            if queue.due and queue.lane is not None and queue.lane.begins_jobs:
                self._fill(name)

    async def know(self, lanes: Iterable[Lane]) -> None:
        """A store of one process learns of them when they are served."""

    def serve(self, lanes: Iterable[Lane]) -> None:
        """Begin to take from these lanes what is due."""
        for lane in lanes:
            self._queue(lane.name).lane = lane
            self._fill(lane.name)

    def in_use(self) -> Sequence[LaneUse]:
        lanes = [(queue.lane, queue.busy) for queue in self._queues.values()]
        return [LaneUse(lane.name, busy, lane.slots) for lane, busy in lanes if lane is not None]

    def steps(self) -> Sequence[LaneStep]:
        return [
            LaneStep(step.lane, step.owner, step.job is None or step.job.lane == step.lane)
            for step in self._steps.values()
        ]

    async def rest(self, timeout_s: float) -> None:
        """Start no more steps, wait for those under way, cancel them after `timeout_s`."""
        self._is_resting = True
        for queue in self._queues.values():
            queue.stop_timer()
        tasks = [step.task for step in self._steps.values() if step.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        for step in late:
            step.cancel()
        if late:
            await asyncio.wait(late)

    # --- waiting -------------------------------------------------------------------------------

    def _queue(self, name: str) -> _Queue:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = _Queue(self._weight)
        return queue

    def _weight(self, owner: Owner) -> int:
        return self._weight_of(owner)

    def _leave(self, job_id: str) -> None:
        self._places.pop(job_id, None)
        self._unmoved.pop(job_id, None)

    # --- taking --------------------------------------------------------------------------------

    def _fill(self, name: str) -> None:
        """Give free slots to due jobs; then wake up when the next one is due."""
        queue = self._queues[name]
        queue.stop_timer()
        lane = queue.lane
        if lane is None or self._is_resting:
            return
        now_ms = self._clock_ms()
        self._call_up(name, queue, now_ms)
        turnstile = self._turnstile if lane.begins_jobs else None
        while (owner := queue.next_owner(lane, turnstile)) is not None:
            job_id, due_ms = queue.pop(owner)
            if self._places.get(job_id) == (name, due_ms):
                holder = None if turnstile is None else turnstile.holder_of(job_id)
                if holder is None:
                    self._begin(queue, lane, job_id, owner)
                else:
                    queue.hold(job_id, holder, due_ms)
            queue.drop_if_empty(owner)
        if queue.later and queue.busy < lane.slots:
            wait_s = (queue.later[0][0] - now_ms) / 1000
            queue.timer = asyncio.get_running_loop().call_later(wait_s, self._fill, name)

    def _begin(self, queue: _Queue, lane: Lane, job_id: str, owner: Owner) -> None:
        del self._places[job_id]
        queue.begin(owner)
        if lane.begins_jobs and self._turnstile is not None:
            self._turnstile.begin(owner, job_id)
        step = self._steps[job_id] = StepUnderWay(job_id, lane.name, owner)
        # In a context of its own: whoever freed the slot may be at work for another owner.
        taking = self._take(queue, lane, step, owner)
        step.task = asyncio.create_task(taking, context=Context())

    def _let_go(self, name: str, queue: _Queue) -> None:
        """As many of those that are held as there is room for."""
        turnstile = self._turnstile
        if turnstile is None:
            return

        def is_there(job_id: str, due_ms: int) -> bool:
            return self._places.get(job_id) == (name, due_ms)

        for holder in tuple(queue.held):
            queue.let_go(holder, is_there, turnstile.room_of(holder))

    def _call_up(self, name: str, queue: _Queue, now_ms: int) -> None:
        """Move to `due` what has become so."""
        while queue.later:
            due_ms, job_id, owner = queue.later[0]
            is_stale = self._places.get(job_id) != (name, due_ms)
            if not is_stale and due_ms > now_ms:
                return
            heappop(queue.later)
            if not is_stale:
                queue.put(job_id, owner, due_ms)

    async def _take(self, queue: _Queue, lane: Lane, step: StepUnderWay, owner: Owner) -> None:
        """One step of one job, then its next place."""
        job_id = step.job_id
        try:
            place = await self._place_after(lane, step)
        except asyncio.CancelledError:
            if self._is_resting:
                raise
            # Something that the step waited for was cancelled: no reason to lose the job.
            log.warning("step_cancelled", **step.about(owner), lane=lane.name)
            place = (lane.name, self._pause_end_ms(job_id))
        except (StorageFull, StorageFailed) as error:
            self._shortage.note(error.message, about=step.about(owner))
            place = (lane.name, self._pause_end_ms(job_id))
        except Exception:
            log.exception("step_failed", **step.about(owner), lane=lane.name)
            place = (lane.name, self._pause_end_ms(job_id))
        else:
            if place is None or place[0] != lane.name:  # it has written something
                self._shortage.over()
        finally:
            del self._steps[job_id]
            queue.end(owner)
            if lane.begins_jobs and self._turnstile is not None:
                self._turnstile.end(owner, job_id)
        if place is None:
            self._leave(job_id)
        else:
            self.wait(job_id, owner, *place)
        self._fill(lane.name)

    async def _place_after(self, lane: Lane, step: StepUnderWay) -> _Place | None:
        """Do the step if the row still asks for it; where the job waits after it, if anywhere."""
        before = step.job = self._look(step.job_id)
        if before is None or before.lane != lane.name:
            return self._next_place(before)
        try:
            put_off = await step.do(lane.step(before))
        finally:
            if lane.ended is not None:
                await lane.ended(step.job or before)
        now, now_ms = step.job or before, self._clock_ms()
        if now.lane != lane.name or now.due_ms > now_ms:
            return self._next_place(now)
        if put_off is not None and put_off.until_ms > now_ms:
            self._unmoved.pop(now.id, None)
            return (lane.name, put_off.until_ms)
        return (lane.name, self._pause_end_ms(now.id))

    def _next_place(self, job: Job | None) -> _Place | None:
        if job is None or job.lane is None:
            return None
        self._unmoved.pop(job.id, None)
        return (job.lane, job.due_ms)

    def _pause_end_ms(self, job_id: str) -> int:
        """When a job that a step did not move is tried again; later each time."""
        steps = self._unmoved[job_id] = self._unmoved.get(job_id, 0) + 1
        return self._clock_ms() + self._pauses.after_ms(steps)
