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

TOLD_EVERY_MS = 60_000  # the other servers, while it lasts

OF_STORAGE = frozenset({StorageFull.code, StorageFailed.code})

Stage = Literal["submits", "polls"]  # what an engine's trouble holds up
_STAGES: dict[State, Stage] = {State.READY: "submits", State.RUNNING: "polls"}


class StallNews(msgspec.Struct, frozen=True, array_like=True):
    """What one server tells the others: what holds up an engine or a job, or that it moves."""

    subject: str  # an engine's name, or a job's id
    place: str  # an engine's stage, or a job's state
    code: str = ""  # none: it moves
    message: str = ""
    for_ms: int = 0  # since it was first met


class _Met(msgspec.Struct):
    """A trouble, and how often it was met."""

    stall: Stall
    last_ms: int
    times: int = 1
    told_ms: int = 0  # when this server told the others last; 0: it has not

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
        self._share: Callable[[StallNews], None] | None = None  # with the other servers

    def share_by(self, share: Callable[[StallNews], None]) -> None:
        """Let it have what is met from now on, and what moves again."""
        self._share = share

    def hear(self, news: StallNews) -> None:
        """Another server has met it."""
        stage = next((each for each in _STAGES.values() if each == news.place), None)
        if stage is not None:
            met = self._heard(self._engines.pop((news.subject, stage), None), news)
            if met is not None:
                self._engines[news.subject, stage] = met
            return
        state = State(news.place)
        known_state, known = self._jobs.get(news.subject, (state, None))
        met = self._heard(known if known_state is state else None, news)
        if met is not None:
            self._jobs[news.subject] = (state, met)
        elif known_state is state:
            self._jobs.pop(news.subject, None)

    def engine(self, name: str, stage: Stage, code: str, message: str) -> bool:
        """All calls of an engine fare so; whether it is worth a line of log."""
        met = self._met(self._engines.get((name, stage)), code, message)
        self._engines[name, stage] = met
        self._tell(name, stage, met)
        return met.is_news

    def engine_moves(self, name: str, stage: Stage) -> None:
        """A call of the engine fared well."""
        met = self._engines.pop((name, stage), None)
        if met is not None:
            self._tell_moves(name, stage)
            for_s = (self._clock_ms() - met.stall.since_ms) // 1000
            log.info("engine_moves", engine=name, stage=stage, code=met.stall.code, for_s=for_s)

    def job(self, job_id: str, state: State, code: str, message: str) -> bool:
        """This job alone fares so, in this state; whether it is worth a line of log."""
        earlier_state, earlier = self._jobs.get(job_id, (state, None))
        met = self._met(earlier if earlier_state is state else None, code, message)
        self._jobs[job_id] = (state, met)
        self._tell(job_id, state, met)
        return met.is_news

    def job_moves(self, job_id: str) -> None:
        """The job fared well."""
        noted = self._jobs.pop(job_id, None)
        if noted is not None:
            self._tell_moves(job_id, noted[0])

    def stored(self, job_id: str) -> None:
        """A step of the job wanted no more of the storage than that gave."""
        noted = self._jobs.get(job_id)
        if noted is not None and noted[1].stall.code in OF_STORAGE:
            self.job_moves(job_id)

    def changed(self, job: Job) -> None:
        """Forget what a job waited for in another state."""
        noted = self._jobs.get(job.id)
        if noted is not None and noted[0] is not job.state:
            del self._jobs[job.id]
            if noted[1].told_ms:  # the others may hear of it later than of the change
                self._tell_moves(job.id, noted[0])

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
        is_same = earlier.stall.code == code
        return _Met(
            Stall(code, message, earlier.stall.since_ms),
            now_ms,
            times=earlier.times + 1 if is_same else 1,
            told_ms=earlier.told_ms if is_same else 0,
        )

    def _tell(self, subject: str, place: str, met: _Met) -> None:
        """What was met, when the others have not heard of it for a while."""
        if self._share is not None and met.last_ms - met.told_ms >= TOLD_EVERY_MS:
            met.told_ms = met.last_ms
            stall = met.stall
            for_ms = met.last_ms - stall.since_ms
            self._share(StallNews(subject, place, stall.code, stall.message, for_ms))

    def _tell_moves(self, subject: str, place: str) -> None:
        if self._share is not None:
            self._share(StallNews(subject, place))

    def _heard(self, earlier: _Met | None, news: StallNews) -> _Met | None:
        """What is known with the news; None where it moves. What was met here is counted on."""
        if not news.code:
            return None
        now_ms = self._clock_ms()
        met = _Met(Stall(news.code, news.message, now_ms - news.for_ms), now_ms)
        if earlier is not None and earlier.stall.code == news.code:
            met.times, met.told_ms = earlier.times, earlier.told_ms
        return met

    def _is_fresh(self, met: _Met) -> bool:
        return self._clock_ms() - met.last_ms <= STALE_MS
