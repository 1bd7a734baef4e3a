"""Why jobs wait longer than they should: told by whoever meets the trouble, in memory only.

An upstream that cannot be reached holds up all of its jobs and is noted once, by engine; what is
wrong with one job's own answers is noted by job. So a hundred thousand jobs that wait cost nothing.
A restart forgets it, and meets it again within a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec
import structlog

from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.job import Job, State
from unstill.domain.stall import Stall

log = structlog.get_logger()

# An engine's trouble that nobody has met for so long may be over: the longest pause between two
# calls is ten minutes (a Retry-After).
STALE_MS = 15 * 60_000

OF_STORAGE = frozenset({StorageFull.code, StorageFailed.code})

Stage = Literal["submits", "polls"]  # what an engine's trouble holds up
_STAGES: dict[State, Stage] = {State.READY: "submits", State.RUNNING: "polls"}


class _Met(msgspec.Struct):
    """A trouble, and how often it was met."""

    stall: Stall
    last_ms: int
    times: int = 1

    @property
    def is_news(self) -> bool:
        """Worth a line of log: the first, second, fourth, eighth time."""
        return self.times & (self.times - 1) == 0


class Stalls:
    """What holds up which engine and which job."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._engines: dict[tuple[str, Stage], _Met] = {}
        self._jobs: dict[str, tuple[State, _Met]] = {}

    def engine(self, name: str, stage: Stage, code: str, message: str) -> bool:
        """All calls of an engine fare so; whether it is worth a line of log."""
        met = self._met(self._engines.get((name, stage)), code, message)
        self._engines[name, stage] = met
        return met.is_news

    def engine_moves(self, name: str, stage: Stage) -> None:
        """A call of the engine fared well."""
        met = self._engines.pop((name, stage), None)
        if met is not None:
            for_s = (self._clock_ms() - met.stall.since_ms) // 1000
            log.info("engine_moves", engine=name, stage=stage, code=met.stall.code, for_s=for_s)

    def job(self, job_id: str, state: State, code: str, message: str) -> bool:
        """This job alone fares so, in this state; whether it is worth a line of log."""
        earlier_state, earlier = self._jobs.get(job_id, (state, None))
        met = self._met(earlier if earlier_state is state else None, code, message)
        self._jobs[job_id] = (state, met)
        return met.is_news

    def job_moves(self, job_id: str) -> None:
        """The job fared well."""
        self._jobs.pop(job_id, None)

    def stored(self, job_id: str) -> None:
        """A step of the job wanted no more of the storage than that gave."""
        noted = self._jobs.get(job_id)
        if noted is not None and noted[1].stall.code in OF_STORAGE:
            del self._jobs[job_id]

    def changed(self, job: Job) -> None:
        """Forget what a job waited for in another state."""
        noted = self._jobs.get(job.id)
        if noted is not None and noted[0] is not job.state:
            del self._jobs[job.id]

    def of(self, job: Job) -> Stall | None:
        """What the job waits for now, if it waits for more than its turn."""
        state, own = self._jobs.get(job.id, (None, None))
        if own is not None and state is job.state:
            return own.stall
        stage = _STAGES.get(job.state)
        met = None if stage is None else self._engines.get((job.engine, stage))
        return met.stall if met is not None and self._is_fresh(met) else None

    def engines(self) -> Iterator[tuple[str, Stage, Stall]]:
        """The engines in trouble, and what it holds up."""
        for (name, stage), met in sorted(self._engines.items()):
            if self._is_fresh(met):
                yield name, stage, met.stall

    @property
    def jobs(self) -> int:
        """How many jobs wait for reasons of their own."""
        return len(self._jobs)

    def _met(self, earlier: _Met | None, code: str, message: str) -> _Met:
        now_ms = self._clock_ms()
        if earlier is None or now_ms - earlier.last_ms > STALE_MS:
            return _Met(Stall(code, message, now_ms), now_ms)
        times = earlier.times + 1 if earlier.stall.code == code else 1
        return _Met(Stall(code, message, earlier.stall.since_ms), now_ms, times)

    def _is_fresh(self, met: _Met) -> bool:
        return self._clock_ms() - met.last_ms <= STALE_MS
