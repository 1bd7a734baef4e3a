"""The lanes of several servers on one database: which job gets its next step, where, and when.

What waits is an entry of PgQueuer; a server takes as many as it has slots free, one at a time for
each line, and keeps an entry in hand until its step has ended. Its row is read for each step. As
in the lanes of one process, what the store tells of the job from then on says where it waits next,
and ends the step if the job is cancelled meanwhile, at whatever server. Nothing is lost with a
server: whoever hears nothing of it takes what it had in hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context

import structlog

from unstill.domain.backoff import STEP, Backoff
from unstill.domain.errors import OwnError, ShuttingDown, StorageFailed, StorageFull
from unstill.domain.job import Job, State, put_back
from unstill.domain.log_fields import job_fields
from unstill.domain.owner_turns import WeightOf
from unstill.store.ports.duties import Duties
from unstill.store.ports.jobs import Jobs
from unstill.store.ports.queue import Lane, LaneStep, LaneUse, Turnstile
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.entries import Entries, Entry
from unstill.store.postgres.line_sweep import LineSweep
from unstill.store.postgres.lines import LineOfLane, Lines, parts_of
from unstill.store.postgres.parking import Parking
from unstill.store.postgres.served_lines import EntriesInHand, EntryInHand, ServedLine
from unstill.store.postgres.servers import EqualSetting, Servers
from unstill.system.storage_pause import Shortage

LOOK_EVERY_S = 2.0  # also where nothing was heard
# Where a line has a limit for all servers, one of the others may have let a slot go.
LOOK_FOR_SLOT_S = 0.25
AFTER_TROUBLE_S = 1.0
SWEEP = "lanes"  # the duty
NOT_OURS_S = 2.0  # an entry of a lane that another server serves is left to it
LAST_LOOK_S = 5.0  # what was asked of the database before a rest

log = structlog.get_logger()


class PostgresLanes:
    def __init__(
        self,
        database: Database,
        entries: Entries,
        lines: Lines,
        *,
        jobs: Jobs,
        duties: Duties,
        servers: Servers,
        clock_ms: Callable[[], int],
        pauses: Backoff = STEP,
    ) -> None:
        self._database = database
        self._entries = entries
        self._lines = lines
        lines.placed = self._wake
        self._jobs = jobs
        self._clock_ms = clock_ms
        self._pauses = pauses
        self._parking = Parking(database, entries, lines)
        self._sweep = LineSweep(database, entries, lines)
        self._duties = duties
        self._servers = servers
        self._served: dict[str, ServedLine] = {}
        self._hands = EntriesInHand(lines.under_way)
        self._tasks: set[asyncio.Task[None]] = set()  # beside the steps
        self._reading: asyncio.Task[None] | None = None
        self._unmoved: dict[str, int] = {}  # jobs have one: so many steps in a row moved nothing
        self._shortage = Shortage("steps_cannot_store", clock_ms)
        self._in_trouble: set[str] = set()  # lines; only the first is told
        self._is_resting = False

    # --- the port ------------------------------------------------------------------------------

    def weigh(self, weight_of: WeightOf) -> None:
        self._lines.tags.weight_of = weight_of

    def hold_by(self, turnstile: Turnstile) -> None:
        self._lines.turnstile = turnstile

    def look_again(self) -> None:
        self._parking.look_again()

    async def know(self, lanes: Sequence[Lane]) -> None:
        shared = [lane for lane in lanes if lane.shared_by]
        await self._servers.agree(
            EqualSetting(f"slots:{lane.shared_by}", f"{lane.slots}", _slots_of(lane))
            for lane in shared
        )
        self._learn(lanes)

    def _learn(self, lanes: Sequence[Lane]) -> None:
        self._lines.know(lanes)
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._beside(self._read())

    def serve(self, lanes: Sequence[Lane]) -> None:
        self._learn(lanes)
        for lane in lanes:
            line = LineOfLane.of(lane)
            if line.name not in self._served:
                self._served[line.name] = ServedLine(line)
                self._beside(self._take_from(self._served[line.name]))
            self._served[line.name].lanes[lane.name] = lane
        if lanes:
            self._parking.startup()
            self._duties.perform(SWEEP, self._sweep.again_and_again)

    def in_use(self) -> Sequence[LaneUse]:
        return [
            LaneUse(lane.name, served.busy[lane.name], lane.slots)
            for served in self._served.values()
            for lane in served.lanes.values()
        ]

    def steps(self) -> Sequence[LaneStep]:
        return [
            LaneStep(step.lane, step.owner, step.job is None or step.job.lane == step.lane)
            for step in (hand.step for hand in self._hands if hand.owner is not None)
        ]

    async def rest(self, timeout_s: float) -> None:
        """Take no more, wait for the steps under way, cancel them, and give back what is left."""
        self._is_resting = True
        for served in self._served.values():
            served.rest()
        await self._parking.rest()
        if self._tasks:
            _, late_ones = await asyncio.wait(self._tasks, timeout=LAST_LOOK_S)
            for each in late_ones:
                each.cancel()
        tasks = [hand.step.task for hand in self._hands if hand.step.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    # --- what is heard -------------------------------------------------------------------------

    def offer(self, job: Job) -> None:
        """A change of the job was committed, by any server."""
        for hand in self._hands.of(job.id):
            hand.step.told(job)
        left, line = self._lines.heard(job)
        if line is not None:
            self._wake(line, (job.due_ms - self._clock_ms()) / 1000)
        if left in self._served and self._served[left].line.limit:
            self._served[left].wake(LOOK_FOR_SLOT_S / 5)

    def _wake(self, line: str, delay_s: float) -> None:
        if line in self._served:
            self._served[line].wake(delay_s)

    def hasten(self, job_id: str) -> None:
        """A job that was put off for long may go on: an operator has released it."""
        self._beside(self._hasten(job_id))

    async def _hasten(self, job_id: str) -> None:
        try:
            job = await self._lines.hasten(job_id)
        except OwnError as error:
            log.warning("release_not_heeded", why=error.message)
        else:
            if job is not None:
                self.offer(job)

    def lost(self, entries: Sequence[Entry]) -> None:
        """Other servers have these, as nothing was heard of this one for too long."""
        numbers = {entry.id for entry in entries}
        for hand in self._hands:
            if hand.entry.id in numbers and hand.step.task is not None:
                hand.is_lost = True
                hand.step.task.cancel()

    def _beside(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- taking --------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Find out how far the lines are; then put beside what no server has put."""
        while not self._is_resting:
            try:
                await self._lines.read()
            except ShuttingDown:
                return
            except OwnError as error:
                log.warning("lanes_not_read", why=error.message)
                await asyncio.sleep(AFTER_TROUBLE_S)
            else:
                self._beside(self._sweep.begin())
                return

    async def _take_from(self, served: ServedLine) -> None:
        """Fill the line's slots, again and again."""
        while self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading])  # it may be begun anew
        while not self._is_resting:
            served.woken.clear()
            try:
                is_more = await self._fill(served)
                self._in_trouble.discard(served.line.name)
            except ShuttingDown:
                return
            except Exception as error:  # noqa: BLE001  - whatever it is, the line goes on
                if not self._in_trouble or not isinstance(error, OwnError):
                    log.warning("lane_not_read", lane=served.line.name, why=str(error))
                self._in_trouble.add(served.line.name)
                await asyncio.sleep(AFTER_TROUBLE_S)
                continue
            if not is_more:
                await self._woken(served)

    async def _woken(self, served: ServedLine) -> None:
        waiting = self._lines.tags.waiting(served.line.name)
        is_full_elsewhere = served.line.limit and sum(waiting.values()) > served.busy.total()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_FOR_SLOT_S if is_full_elsewhere else LOOK_EVERY_S):
                await served.woken.wait()

    async def _fill(self, served: ServedLine) -> bool:
        """Begin what is due; whether there may be more. Raises OwnError."""
        most, limits = served.wanted(self._lines.tags.waiting(served.line.name))
        if most <= 0:
            return False
        taken = await self._entries.take(most, limits)
        for entry in taken:
            self._lines.tags.reach(
                served.line.name, self._lines.tags.tag_of(served.line.name, entry.priority)
            )
        # They are known before their rows are read: a cancel between the two is heard.
        hands = [hand for entry in taken if (hand := self._hand_of(served, entry)) is not None]
        try:
            found = await self._lines.rows([hand.step.job_id for hand in hands])
        except OwnError:
            for hand in hands:
                self._hands.let_go(hand)
            await asyncio.gather(*(self._entries.put_off(entry, 0) for entry in taken))
            raise
        for hand in hands:
            self._begin(hand, found.get(hand.step.job_id))
        return len(taken) == most

    def _hand_of(self, served: ServedLine, entry: Entry) -> EntryInHand | None:
        job_id, name = parts_of(entry)
        lane = served.lanes.get(name)
        if lane is None:  # another server's, of the same account
            self._beside(self._entries.put_off(entry, NOT_OURS_S))
            return None
        return self._hands.begin(served, lane, entry, job_id)

    def _begin(self, hand: EntryInHand, row: Job | None) -> None:
        step = hand.step
        if step.job is None or not step.job.state.is_final:
            step.job = row
        if row is not None:
            hand.hold(row.owner)
        # In a context of its own: whoever freed the slot may be at work for another owner.
        step.task = asyncio.create_task(self._do(hand), context=Context())

    # --- steps ---------------------------------------------------------------------------------

    async def _do(self, hand: EntryInHand) -> None:
        """One step of one job, then what becomes of its entry."""
        try:
            await self._hands.its_turn(hand)
            delay_s = await self._delay_after_step(hand)
            if not hand.is_lost and not hand.is_settled:
                await self._finish(hand, delay_s)
        except asyncio.CancelledError:
            if hand.is_lost:
                return
            # A call that goes on by itself has its slot until this server is closed.
            if hand.step.job is None or hand.step.job.state is not State.SUBMITTING:
                await self._entries.put_off(hand.entry, 0)
            raise
        except ShuttingDown:
            self._entries.forget(hand.entry)
        finally:
            self._hands.let_go(hand)

    async def _delay_after_step(self, hand: EntryInHand) -> float | None:
        """Do it; how long its job waits on the same lane, None where it does not."""
        step, lane = hand.step, hand.lane
        about = step.about(step.owner)
        try:
            delay_s = await self._step(hand)
        except asyncio.CancelledError:
            if self._is_resting or hand.is_lost:
                raise
            # Something that the step waited for was cancelled: no reason to lose the job.
            log.warning("step_cancelled", **about, lane=lane.name)
            return self._pause_s(step.job_id)
        except (StorageFull, StorageFailed) as error:
            self._shortage.note(error.message, about=about)
            return self._pause_s(step.job_id)
        except ShuttingDown:
            raise
        except Exception:
            log.exception("step_failed", **about, lane=lane.name)
            return self._pause_s(step.job_id)
        if delay_s is None:  # it has written something
            self._shortage.over()
            self._unmoved.pop(step.job_id, None)
        return delay_s

    async def _step(self, hand: EntryInHand) -> float | None:
        """The step, if the row still asks for it."""
        lane, job = hand.lane, hand.step.job
        if job is not None and lane.begins_jobs and job.state is State.RUNNING:
            job = await self._taken_over(hand, job)
        if job is None or job.lane != lane.name:
            return None
        now_ms = self._clock_ms()
        if job.due_ms > now_ms:
            return (job.due_ms - now_ms) / 1000
        if lane.begins_jobs and self._lines.is_held(job):
            await self._lines.park(hand.entry, job)
            hand.is_settled = True
            return None
        return await self._begun(hand, job)

    async def _taken_over(self, hand: EntryInHand, job: Job) -> Job | None:
        """A render whose server is gone, as it had the entry: it is done again."""
        if not job.is_rendered_here:
            return None
        back = await self._jobs.change(job.id, put_back(0), attempt=job.attempt)
        hand.step.job = back
        return back

    async def _begun(self, hand: EntryInHand, job: Job) -> float | None:
        step, lane = hand.step, hand.lane
        turnstile = self._lines.turnstile if lane.begins_jobs else None
        if turnstile is not None:
            turnstile.begin(job.owner, job.id)
        try:
            put_off = await step.do(lane.step(job))
        finally:
            if turnstile is not None:
                turnstile.end(job.owner, job.id)
            if lane.ended is not None:
                await lane.ended(step.job or job)
        now, now_ms = step.job or job, self._clock_ms()
        if now.lane != lane.name:
            return None
        for until_ms in (now.due_ms, 0 if put_off is None else put_off.until_ms):
            if until_ms > now_ms:
                self._unmoved.pop(now.id, None)
                return (until_ms - now_ms) / 1000
        return self._pause_s(now.id)

    def _pause_s(self, job_id: str) -> float:
        """How long a job waits that a step did not move; longer each time."""
        steps = self._unmoved[job_id] = self._unmoved.get(job_id, 0) + 1
        return self._pauses.after_ms(steps) / 1000

    async def _finish(self, hand: EntryInHand, delay_s: float | None) -> None:
        """End the entry, or put it off."""
        if delay_s is None:
            await self._entries.end(hand.entry)
            return
        job = hand.step.job
        if hand.lane.is_in_turn and job is not None and job.lane == hand.lane.name:
            await self._to_the_end(hand.entry, job)
        else:
            await self._entries.put_off(hand.entry, delay_s)
        hand.served.wake(delay_s)

    async def _to_the_end(self, entry: Entry, job: Job) -> None:
        """Behind its owner's others, with an entry of its own: its turn has been."""

        async def again(unit: WriteUnit) -> None:
            await self._entries.end_within(unit, entry)
            await self._lines.put_behind(unit, job)

        try:
            await self._database.write(again)
        except OwnError as error:  # the entry is taken as a lost one
            log.warning("entry_not_stored", **job_fields(job), why=error.message)
        self._entries.forget(entry)


def _slots_of(lane: Lane) -> str:
    """What the slots of a lane are, for an operator."""
    return f"the submit slots of the account of {lane.name} are"
