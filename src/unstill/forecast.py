"""The forecast: who waits for which engine, and how long a job is likely to take. In memory only.

What it says is measured, by jobs of the same engine and model that succeeded, or read off the
job's own progress. Where neither is there, it says nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Mapping
from statistics import median

from unstill.backend.port import Backend
from unstill.job import Job, State

WAITING = frozenset({State.QUEUED, State.READY, State.SUBMITTING})
MEASURED = 500  # of the newest jobs that succeeded, at a start: a bounded read
KEPT = 15  # measurements of a kind; the newest of them follow an engine that grows faster
TELLING = 0.01  # of a job's progress: less says nothing of its pace
TRUSTED = 0.25  # of a job's progress: from then on its own pace alone is believed
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


class _Engine:
    """What is known of one engine: who waits for it, what it renders, how long that takes."""

    def __init__(self, slots: int | None) -> None:
        self.slots = slots
        self.started_ms: dict[str, int] = {}  # by job; kept where there are slots
        self.turn_ms = _Times()  # of a job
        self.pace_ms: dict[str, _Times] = {}  # of a second of video, by model
        self._ids: list[str] = []  # of the jobs that wait, in order
        self._first = 0  # all places before it are empty

    def add(self, job_id: str) -> None:
        """Let a job wait."""
        if not self._ids or job_id > self._ids[-1]:
            self._ids.append(job_id)
        else:
            insort(self._ids, job_id, self._first)

    def remove(self, job_id: str) -> None:
        """Most leave near the front, and behind it a queue may be long."""
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
        """How many wait before this one."""
        return bisect_left(self._ids, job_id, self._first) - self._first

    def wait_ms(self, ahead: int, now_ms: int) -> float:
        """Until one of its slots takes the job that so many are ahead of."""
        slots = self.slots or 1
        if len(self.started_ms) + ahead < slots:
            return 0
        turn_ms = self.turn_ms.usual
        left_ms = ahead * turn_ms
        for since_ms in self.started_ms.values():
            left_ms += max(turn_ms - (now_ms - since_ms), 0)
        return left_ms / slots


class Forecast:
    """Queues, and how long unfinished jobs will take; told of every change."""

    def __init__(self, slots: Mapping[str, int | None]) -> None:
        """`slots`: by engine, renders at once; None of an upstream, which tells nobody."""
        self._engines = {name: _Engine(count) for name, count in slots.items()}
        self._engine_of: dict[str, str] = {}  # of the jobs that wait

    async def startup(self, backend: Backend) -> None:
        """Take up who waits and what was measured; begins to listen."""
        backend.listen(self.changed)
        async for places in backend.unfinished():
            for place in places:
                if place.state in WAITING:
                    self._place(place.job_id, place.engine)
        for took in reversed(await backend.times(MEASURED)):
            self._note(took.engine, took.model, took.duration_s, took.took_ms)

    def changed(self, job: Job) -> None:
        """Follow a change of any job; told after its commit."""
        self._place(job.id, job.engine if job.state in WAITING else None)
        engine = self._engines.get(job.engine)
        if engine is not None and engine.slots:
            if job.state is State.RUNNING and job.started_ms is not None:
                engine.started_ms[job.id] = job.started_ms
            else:
                engine.started_ms.pop(job.id, None)
        if job.state is State.SUCCEEDED and job.started_ms is not None and job.ended_ms is not None:
            request, took_ms = job.request, job.ended_ms - job.started_ms
            self._note(job.engine, request.model, request.duration_s, took_ms)

    def place(self, job: Job, now_ms: int) -> tuple[int, int | None]:
        """Of a job that waits: how many its engine takes before it, and how long it will take.

        The second is in milliseconds from now on, None where nothing was measured.
        """
        engine = self._engines.get(job.engine)
        if engine is None:  # a removed one; its row was read before it was told of
            return 0, None
        ahead = engine.ahead(job.id)
        pace_ms = engine.pace_ms.get(job.request.model)
        if pace_ms is None:
            return ahead, None
        # An upstream takes it at once, whatever it does then.
        wait_ms = engine.wait_ms(ahead, now_ms) if engine.slots else 0
        if job.due_ms:
            wait_ms = max(wait_ms, job.due_ms - now_ms)
        return ahead, int(wait_ms + pace_ms.usual * job.request.duration_s)

    def left_ms(self, job: Job, *, done: float, now_ms: int) -> int | None:
        """How long a job that was begun will take from now on; None where nothing tells.

        That is so too of one that has taken longer than usual and tells no progress: to promise
        its end for any moment now, again and again, would be of no use.
        done: 0 to 1.
        """
        if job.started_ms is None:
            return None
        engine = self._engines.get(job.engine)
        pace_ms = None if engine is None else engine.pace_ms.get(job.request.model)
        usual_ms = None if pace_ms is None else pace_ms.usual * job.request.duration_s
        elapsed_ms = max(now_ms - job.started_ms, 0)  # a clock may be set back
        if done >= TELLING:
            return int((1 - done) * _whole_ms(elapsed_ms, done, usual_ms))
        if usual_ms is None or usual_ms <= elapsed_ms:
            return None
        return int(usual_ms - elapsed_ms)

    def _place(self, job_id: str, engine: str | None) -> None:
        """Let the job wait for `engine`, or for none."""
        before = self._engine_of.get(job_id)
        if before == engine:
            return
        if before is not None:
            self._engines[before].remove(job_id)
            del self._engine_of[job_id]
        if engine is not None:
            self._engine_of[job_id] = engine
            if engine not in self._engines:
                self._engines[engine] = _Engine(REMOVED)
            self._engines[engine].add(job_id)

    def _note(self, name: str, model: str, duration_s: int, took_ms: int) -> None:
        engine = self._engines.get(name)
        # What a removed one took promises nothing; and a clock may have been set back meanwhile.
        if engine is None or engine.slots == REMOVED or took_ms < 0:
            return
        engine.turn_ms.note(took_ms)
        engine.pace_ms.setdefault(model, _Times()).note(took_ms / duration_s)


def _whole_ms(elapsed_ms: int, done: float, usual_ms: float | None) -> float:
    """A render's whole time: by its own pace, and as long as that says little, as usual."""
    own_ms = elapsed_ms / done
    if usual_ms is None or done >= TRUSTED:
        return own_ms
    trust = done / TRUSTED
    return trust * own_ms + (1 - trust) * usual_ms
