"""What a server has done in a while: how many jobs, and how long they took, by equal steps of it.

Pure: a store says which jobs have ended, the newest first, and how many were made.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec

from unstill.domain.job import State

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# A span has 24 to 60 of the shortest that do: an hour those of 2 minutes, 30 days those of a day.
STEPS_MIN = (2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440)
MOST_STEPS = 60
MOST_LOOKED_AT = 100_000  # jobs that have ended
MOST_TIMES = 10_000  # the newest of one step or engine: they are sorted on the event loop


class ActivitySpan(msgspec.Struct, frozen=True):
    """From when to when, in Unix milliseconds; a step begins at a multiple of its length."""

    since_ms: int
    until_ms: int  # inclusive
    step_ms: int

    @property
    def steps(self) -> range:
        """Their numbers: one begins at so many times the length."""
        return range(self.since_ms // self.step_ms, self.until_ms // self.step_ms + 1)


def span_of(hours: int, now_ms: int) -> ActivitySpan:
    """The last hours, from the beginning of a step on."""
    lengths_ms = (each * MINUTE_MS for each in STEPS_MIN)
    step_ms = next(each for each in lengths_ms if hours * HOUR_MS <= (MOST_STEPS - 1) * each)
    return ActivitySpan((now_ms - hours * HOUR_MS) // step_ms * step_ms, now_ms, step_ms)


class EndedJob(msgspec.Struct, frozen=True, gc=False):
    """What of a job that has ended counts here. code: why it failed; video_s: of its video."""

    ended_ms: int
    engine: str
    state: State
    created_ms: int
    started_ms: int | None
    code: str | None
    video_s: float | None


class ActivityStep(msgspec.Struct, frozen=True):
    """What came to be in a step. Times are of jobs that succeeded in it; None where none did."""

    at_ms: int  # its beginning
    made: int
    succeeded: int
    failed: int
    cancelled: int
    video_s: float  # the videos that were made, together
    wait_ms_p50: int | None  # until they were begun
    render_ms_p50: int | None  # from then to their end
    render_ms_p95: int | None


class ErrorCount(msgspec.Struct, frozen=True):
    """So many jobs of an engine failed so."""

    code: str
    engine: str
    count: int


class EngineActivity(msgspec.Struct, frozen=True):
    """How an engine's jobs ended, and how long those took that succeeded."""

    engine: str
    succeeded: int
    failed: int
    render_ms_p50: int | None


class Activity(msgspec.Struct, frozen=True):
    """since_ms: later than was asked for where more jobs have ended than are looked at."""

    since_ms: int
    step_ms: int
    steps: tuple[ActivityStep, ...]  # oldest first, those without anything too
    errors: tuple[ErrorCount, ...]  # the most frequent first
    engines: tuple[EngineActivity, ...]  # by name


class _EndCounts:
    """The jobs of one step, or of one engine."""

    def __init__(self) -> None:
        self.ends: Counter[State] = Counter()
        self.video_s = 0.0
        self.waits_ms, self.renders_ms = array("q"), array("q")

    def note(self, job: EndedJob) -> None:
        self.ends[job.state] += 1
        if job.state is State.SUCCEEDED:
            self.video_s += job.video_s or 0.0
            if job.started_ms is not None and len(self.renders_ms) < MOST_TIMES:
                # A clock may have been set back between two of a job's times.
                self.waits_ms.append(max(job.started_ms - job.created_ms, 0))
                self.renders_ms.append(max(job.ended_ms - job.started_ms, 0))


class ActivitySums:
    """Told of jobs that have ended in a span, the newest first."""

    def __init__(self, span: ActivitySpan) -> None:
        self._step_ms = span.step_ms
        self._steps: dict[int, _EndCounts] = defaultdict(_EndCounts)
        self._engines: dict[str, _EndCounts] = defaultdict(_EndCounts)
        self._errors: Counter[tuple[str, str]] = Counter()

    def note(self, job: EndedJob) -> None:
        self._steps[job.ended_ms // self._step_ms].note(job)
        if job.state is not State.CANCELLED:
            self._engines[job.engine].note(job)
        if job.state is State.FAILED:
            self._errors[job.code or "", job.engine] += 1

    def told(self, span: ActivitySpan, made: Mapping[int, int]) -> Activity:
        """span: that all is told of; made: jobs, by the number of the step."""
        errors = sorted(self._errors.items(), key=lambda each: (-each[1], each[0]))
        return Activity(
            span.since_ms,
            span.step_ms,
            tuple(self._step(n, made.get(n, 0)) for n in span.steps),
            tuple(ErrorCount(*about, count) for about, count in errors),
            tuple(_engine(name, self._engines[name]) for name in sorted(self._engines)),
        )

    def _step(self, n: int, made: int) -> ActivityStep:
        counts = self._steps.get(n) or _EndCounts()
        renders_ms = sorted(counts.renders_ms)
        return ActivityStep(
            n * self._step_ms,
            made,
            succeeded=counts.ends[State.SUCCEEDED],
            failed=counts.ends[State.FAILED],
            cancelled=counts.ends[State.CANCELLED],
            video_s=round(counts.video_s, 3),
            wait_ms_p50=_percentile(sorted(counts.waits_ms), 50),
            render_ms_p50=_percentile(renders_ms, 50),
            render_ms_p95=_percentile(renders_ms, 95),
        )


def _engine(name: str, counts: _EndCounts) -> EngineActivity:
    return EngineActivity(
        name,
        counts.ends[State.SUCCEEDED],
        counts.ends[State.FAILED],
        _percentile(sorted(counts.renders_ms), 50),
    )


def _percentile(ordered: list[int], percent: int) -> int | None:
    """The nearest rank: so many of a hundred are no more than that."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
