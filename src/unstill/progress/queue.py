"""The forecast: who waits for which engine, and how long a job is likely to take. In memory only.

Places follow the rule of the lanes: owners take turns by weight, and of an owner's jobs the
oldest is first.

What it says is measured, by jobs of the same engine and model that succeeded, or read off the
job's own progress. Where neither is there, it says nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from statistics import median

import msgspec

from unstill.domain.job import Job, State
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import RoundRobin, WeightOf, equal_weight
from unstill.models.tiers import NAMED_SIZES
from unstill.store.ports.backlog import Backlog

WAITING = frozenset({State.QUEUED, State.READY, State.SUBMITTING})
MEASURED = 500  # a start reads so many of the newest jobs that succeeded
KEPT = 15  # measurements of a kind; the newest of them follow an engine that grows faster
TELLING = 0.01  # less of a job's progress says nothing of its pace
TRUSTED = 0.25  # from this progress on a job's own pace alone is believed
NEAR = 100  # places from the front of a line: what is before a gap is moved, not what is behind
REMOVED = 0  # slots of an engine that is no longer configured
LEFT_ALONE = 1_000  # empty places at the front, before they are cleared


class _Times:
    """The newest measurements of one kind; the median, since one job in trouble tells nothing."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=KEPT)
        self.usual = 0.0

    def note(self, measured: float) -> None:
        self._newest.append(measured)
        self.usual = median(self._newest)


class _Task(msgspec.Struct, frozen=True, gc=False):
    """What an engine has to do for a job."""

    model: str
    work: int  # pixels times seconds of video: a render's time grows with both


class _Total:
    """Counts the jobs of one model that wait."""

    def __init__(self) -> None:
        self.count = 0
        self.work = 0


class _Line:
    """The jobs of one owner that wait for one engine, in order."""

    __slots__ = ("_first", "_ids", "engine", "owner")

    def __init__(self, engine: _Engine, owner: Owner) -> None:
        self.engine = engine
        self.owner = owner
        self._ids: list[str] = []
        self._first = 0  # all places before it are empty

    def __len__(self) -> int:
        return len(self._ids) - self._first

    def __iter__(self) -> Iterator[str]:
        return islice(self._ids, self._first, None)

    def add(self, job_id: str) -> None:
        if not self._ids or job_id > self._ids[-1]:
            self._ids.append(job_id)
        else:
            insort(self._ids, job_id, self._first)

    def remove(self, job_id: str) -> None:
        """Most leave near the front, and behind it a line may be long."""
        ids, first = self._ids, self._first
        at = bisect_left(ids, job_id, first)
        if at - first < NEAR:
            ids[first + 1 : at + 1] = ids[first:at]
            self._first += 1
        else:
            del ids[at]
        if self._first > LEFT_ALONE and self._first > len(ids) // 2:
            del ids[: self._first]
            self._first = 0

    def ahead(self, job_id: str) -> int:
        """How many of it are before this one."""
        return bisect_left(self._ids, job_id, self._first) - self._first


class _Engine:
    """What is known of one engine: who waits for it, what it renders, how long that takes."""

    def __init__(self, slots: int | None, weight_of: WeightOf) -> None:
        self.slots = slots
        self.running: dict[str, tuple[int, _Task]] = {}  # since when; kept where there are slots
        # Jobs that wait have one; it is kept likewise, and after their change.
        self._tasks: dict[str, _Task] = {}
        self._totals: dict[str, _Total] = {}  # they are counted by model
        self._turn_ms = _Times()  # how long one job takes
        self._pace_ms: dict[str, _Times] = {}  # a unit of work takes so long, by model
        self._lines: dict[Owner, _Line] = {}  # by owner, of those that wait
        self._owners = RoundRobin(weight_of)  # they take turns

    def add(self, job_id: str, owner: Owner) -> _Line:
        """Let a job wait."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = _Line(self, owner)
            self._owners.join(owner)
        line.add(job_id)
        return line

    def remove(self, job_id: str, line: _Line, *, has_begun: bool) -> None:
        """One waits no more: its owner had a turn if it has begun."""
        self.expect(job_id, None)
        line.remove(job_id)
        if has_begun:
            self._owners.took(line.owner)
        if not line:
            del self._lines[line.owner]
            self._owners.leave(line.owner)

    def waiting(self) -> tuple[int, str | None]:
        """How many wait, and which of them was made first."""
        oldest = min((next(iter(line)) for line in self._lines.values()), default=None)
        return sum(map(len, self._lines.values())), oldest

    def ahead(self, job_id: str, owner: Owner) -> int:
        """How many have their turn before this one."""
        own = self._lines.get(owner)
        rounds = 0 if own is None else own.ahead(job_id)
        return self._owners.ahead(owner, rounds, lambda other: len(self._lines[other]))

    def expect(self, job_id: str, task: _Task | None) -> None:
        """Note what one that waits has to have done; None: it waits no more."""
        before = self._tasks.pop(job_id, None)
        if before is not None:
            self._count(before, -1)
        if task is not None:
            self._tasks[job_id] = task
            self._count(task, 1)

    def note(self, task: _Task, took_ms: int) -> None:
        """Learn from a job that succeeded."""
        self._turn_ms.note(took_ms)
        self._pace_ms.setdefault(task.model, _Times()).note(took_ms / task.work)

    def usual_ms(self, task: _Task) -> float | None:
        """How long it takes; None where nothing like it was measured."""
        pace_ms = self._pace_ms.get(task.model)
        return None if pace_ms is None else pace_ms.usual * task.work

    def wait_ms(self, ahead: int, now_ms: int) -> float:
        """Until one of its slots takes the job that so many are ahead of."""
        # More than its own are running where other servers render too.
        slots = max(self.slots or 1, len(self.running))
        if len(self.running) + ahead < slots:
            return 0
        left_ms = ahead * self._mean_ms()
        for since_ms, task in self.running.values():
            whole_ms = self.usual_ms(task) or self._turn_ms.usual
            left_ms += max(whole_ms - (now_ms - since_ms), 0)
        return left_ms / slots

    def _mean_ms(self) -> float:
        """What a waiting job takes: all count alike, as each place would need its own sum."""
        count, whole_ms = 0, 0.0
        for model, total in self._totals.items():
            usual_ms = self.usual_ms(_Task(model, total.work))
            if usual_ms is not None:
                count += total.count
                whole_ms += usual_ms
        return whole_ms / count if count else self._turn_ms.usual

    def _count(self, task: _Task, jobs: int) -> None:
        total = self._totals.setdefault(task.model, _Total())
        total.count += jobs
        total.work += jobs * task.work


class Forecast:
    """Queues, and how long unfinished jobs will take; told of every change."""

    def __init__(self, slots: Mapping[str, int | None], weight_of: WeightOf = equal_weight) -> None:
        """`slots`: by engine, renders at once; None of an upstream, which tells nobody."""
        self._weight_of = weight_of
        self._engines = {name: _Engine(count, weight_of) for name, count in slots.items()}
        self._line_of: dict[str, _Line] = {}  # each job that waits is in one
        self._told: set[str] | None = None  # jobs, while rows are read: these may be older

    async def startup(self, backlog: Backlog) -> None:
        """Take up who waits and what was measured; what is told meanwhile is newer."""
        self._told = told = set[str]()
        async for places in backlog.unfinished():
            for place in places:
                if place.state in WAITING and place.job_id not in told:
                    self._begin_wait(place.job_id, place.owner, place.engine)
        self._told = None
        for took in reversed(await backlog.times(MEASURED)):
            self._note(took.engine, _Task(took.model, took.work), took.took_ms)

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        if self._told is not None:
            self._told.add(job.id)
        if job.state in WAITING:
            self._begin_wait(job.id, job.owner, job.engine)
        else:
            self._end_wait(job.id, has_begun=job.state is State.RUNNING)
        engine = self._engines.get(job.engine)
        if engine is not None and engine.slots:
            if job.state in WAITING:
                engine.expect(job.id, _task_of(job))
            if job.state is State.RUNNING and job.started_ms is not None:
                engine.running[job.id] = (job.started_ms, _task_of(job))
            else:
                engine.running.pop(job.id, None)
        if job.state is State.SUCCEEDED and job.started_ms is not None and job.ended_ms is not None:
            self._note(job.engine, _task_of(job), job.ended_ms - job.started_ms)

    def queues(self) -> Iterator[tuple[str, int, str | None]]:
        """Each engine, how many jobs wait for it, and which of them was made first."""
        for name, engine in self._engines.items():
            yield name, *engine.waiting()

    def place(self, job: Job, now_ms: int) -> tuple[int, int | None]:
        """How many jobs its engine takes before one that waits, and how long it will take.

        The second is in milliseconds from now on, None where nothing was measured.
        """
        engine = self._engines.get(job.engine)
        if engine is None:  # a removed one; its row was read before it was told of
            return 0, None
        ahead = engine.ahead(job.id, job.owner)
        usual_ms = engine.usual_ms(_task_of(job))
        if usual_ms is None:
            return ahead, None
        # An upstream takes it at once, whatever it does then.
        wait_ms = engine.wait_ms(ahead, now_ms) if engine.slots else 0
        if job.due_ms:
            wait_ms = max(wait_ms, job.due_ms - now_ms)
        return ahead, int(wait_ms + usual_ms)

    def left_ms(self, job: Job, *, done: float, now_ms: int) -> int | None:
        """How long a job that was begun will take from now on; None where nothing tells.

        That is so too of one that has taken longer than usual and tells no progress: to promise
        its end for any moment now, again and again, would be of no use.
        done: 0 to 1.
        """
        if job.started_ms is None:
            return None
        engine = self._engines.get(job.engine)
        usual_ms = None if engine is None else engine.usual_ms(_task_of(job))
        elapsed_ms = max(now_ms - job.started_ms, 0)  # a clock may be set back
        if done >= TELLING:
            return int((1 - done) * _whole_ms(elapsed_ms, done, usual_ms))
        if usual_ms is None or usual_ms <= elapsed_ms:
            return None
        return int(usual_ms - elapsed_ms)

    def _begin_wait(self, job_id: str, owner: Owner, name: str) -> None:
        """Let the job wait for this engine alone."""
        if name not in self._engines:
            self._engines[name] = _Engine(REMOVED, self._weight_of)
        engine, line = self._engines[name], self._line_of.get(job_id)
        if line is None or line.engine is not engine:
            self._end_wait(job_id, has_begun=False)
            self._line_of[job_id] = engine.add(job_id, owner)

    def _end_wait(self, job_id: str, *, has_begun: bool) -> None:
        line = self._line_of.pop(job_id, None)
        if line is not None:
            line.engine.remove(job_id, line, has_begun=has_begun)

    def _note(self, name: str, task: _Task, took_ms: int) -> None:
        engine = self._engines.get(name)
        # What a removed one took promises nothing; and a clock may have been set back meanwhile.
        if engine is not None and engine.slots != REMOVED and took_ms >= 0:
            engine.note(task, took_ms)


def _task_of(job: Job) -> _Task:
    """Before its first frame is known, by the size or the tier that was asked for."""
    request = job.request
    size = job.size or request.size or NAMED_SIZES[request.tier]
    return _Task(request.model, size.width * size.height * request.duration_s)


def _whole_ms(elapsed_ms: int, done: float, usual_ms: float | None) -> float:
    """A render's whole time: by its own pace, and as long as that says little, as usual."""
    own_ms = elapsed_ms / done
    if usual_ms is None or done >= TRUSTED:
        return own_ms
    trust = done / TRUSTED
    return trust * own_ms + (1 - trust) * usual_ms
