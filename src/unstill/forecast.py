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
LEFT_ALONE = 1_000  # empty places at the front, before they are cleared


class _Line:
    """The jobs that wait for one engine, in the order of their ids."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._first = 0  # all places before it are empty

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
        """How many wait before this one."""
        return bisect_left(self._ids, job_id, self._first) - self._first


class _Times:
    """The newest measurements of one kind; the median, since one job in trouble tells nothing."""

    def __init__(self) -> None:
        self._newest: deque[float] = deque(maxlen=KEPT)
        self.usual = 0.0

    def note(self, measured: float) -> None:
        self._newest.append(measured)
        self.usual = median(self._newest)


class Forecast:
    """Queue positions, and how long unfinished jobs will take; told of every change."""

    def __init__(self, slots: Mapping[str, int | None]) -> None:
        """`slots`: by engine, renders at once; None of an upstream, which tells nobody."""
        self._slots = slots
        self._engine_of: dict[str, str] = {}  # of the jobs that wait
        self._lines: dict[str, _Line] = {}  # by engine
        self._started_ms: dict[str, dict[str, int]] = {  # by engine of ours, of what it renders
            engine: {} for engine, count in slots.items() if count is not None
        }
        self._paces: dict[tuple[str, str], _Times] = {}  # by engine and model, ms per video second
        self._turns: dict[str, _Times] = {}  # by engine, ms per job

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
        rendering = self._started_ms.get(job.engine)
        if rendering is not None:
            if job.state is State.RUNNING and job.started_ms is not None:
                rendering[job.id] = job.started_ms
            else:
                rendering.pop(job.id, None)
        if job.state is State.SUCCEEDED and job.started_ms is not None and job.ended_ms is not None:
            request, took_ms = job.request, job.ended_ms - job.started_ms
            self._note(job.engine, request.model, request.duration_s, took_ms)

    def queue_position(self, job: Job) -> int | None:
        """1 for the next one that its engine takes; None once it has been taken."""
        if job.state not in WAITING:
            return None
        return self._ahead(job) + 1

    def left_ms(self, job: Job, *, done: float, now_ms: int) -> int | None:
        """How long an unfinished job will take from now on; None where nothing tells.

        That is so too of one that has taken longer than usual and tells no progress: to promise
        its end for any moment now, again and again, would be of no use.
        done: 0 to 1.
        """
        usual_ms = self._usual_ms(job)
        if job.state in WAITING:
            return None if usual_ms is None else int(self._wait_ms(job, now_ms) + usual_ms)
        if job.started_ms is None:
            return None
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
            self._lines[before].remove(job_id)
            del self._engine_of[job_id]
        if engine is not None:
            self._engine_of[job_id] = engine
            self._lines.setdefault(engine, _Line()).add(job_id)

    def _note(self, engine: str, model: str, duration_s: int, took_ms: int) -> None:
        if engine not in self._slots or took_ms < 0:  # removed; the clock was set back meanwhile
            return
        self._paces.setdefault((engine, model), _Times()).note(took_ms / duration_s)
        self._turns.setdefault(engine, _Times()).note(took_ms)

    def _usual_ms(self, job: Job) -> float | None:
        """From its start to its end, as measured of its like."""
        times = self._paces.get((job.engine, job.request.model))
        return None if times is None else times.usual * job.request.duration_s

    def _ahead(self, job: Job) -> int:
        line = self._lines.get(job.engine)  # none, if its row was read before it was told of
        return 0 if line is None else line.ahead(job.id)

    def _wait_ms(self, job: Job, now_ms: int) -> float:
        """Until its engine begins with it. An upstream takes it at once, whatever it does then."""
        deferred_ms = max(job.due_ms - now_ms, 0)
        slots = self._slots.get(job.engine)
        if slots is None:
            return deferred_ms
        rendering, ahead = self._started_ms[job.engine], self._ahead(job)
        if len(rendering) + ahead < slots:
            return deferred_ms
        turn_ms = self._turns[job.engine].usual
        left_ms = sum(max(turn_ms - (now_ms - since), 0) for since in rendering.values())
        return max((left_ms + ahead * turn_ms) / slots, deferred_ms)


def _whole_ms(elapsed_ms: int, done: float, usual_ms: float | None) -> float:
    """A render's whole time: by its own pace, and as long as that says little, as usual."""
    own_ms = elapsed_ms / done
    if usual_ms is None or done >= TRUSTED:
        return own_ms
    trust = done / TRUSTED
    return trust * own_ms + (1 - trust) * usual_ms
