"""The jobs of an emulator: columns of numbers, because a hundred thousand may be in flight.

A job's state is a matter of the clock: nothing runs while it waits.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping
from enum import IntEnum, StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray


class EmulatedState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Fate(IntEnum):
    """What becomes of a job, whatever the time is."""

    SUCCEEDS = 0
    FAILS = 1
    CANCELLED = 2
    GONE = 3  # deleted, or lost in a restart


class Terms(msgspec.Struct, frozen=True):
    """What a job was asked for; equal terms are kept once for all jobs that share them."""

    model: str
    duration_s: int
    tier: int | None = None  # 480, 720, 1080
    size: str | None = None
    has_audio: bool = False
    is_hevc: bool = False  # H.265 of 10 bits, else H.264


class EmulatedJob(msgspec.Struct, frozen=True):
    id: str
    state: EmulatedState
    terms: Terms
    prompt: str | None
    digest: int  # equal for equal bodies
    submitted_ms: int
    begins_ms: int
    ends_ms: int

    def progress(self, now_ms: int) -> float:
        """From 0 to 1."""
        if self.state is EmulatedState.DONE:
            return 1.0
        run_ms = self.ends_ms - self.begins_ms
        return min(max((now_ms - self.begins_ms) / run_ms, 0.0), 1.0) if run_ms else 0.0


class Filter(msgspec.Struct, frozen=True):
    """Which jobs a list shows; times of submission, the last one included."""

    states: Collection[EmulatedState] | None = None
    model: str | None = None
    since_ms: int = 0
    until_ms: int = 2**62
    newest_first: bool = True


class JobsPage(msgspec.Struct, frozen=True):
    jobs: tuple[EmulatedJob, ...]
    total: int
    has_more: bool


class BilledUsage(msgspec.Struct, frozen=True):
    """In the words of DashScope's and Modelverse's usage; zeros for what is not billed."""

    duration: int = 0  # seconds
    video_count: int = 0


class BookedTask(msgspec.Struct, frozen=True):
    """What the upstream would have charged for a job, whatever it has told of it."""

    id: str
    model: str
    prompt: str | None
    usage: BilledUsage


class BookPage(msgspec.Struct, frozen=True):
    jobs: tuple[BookedTask, ...]
    total: int
    has_more: bool


class Counts(msgspec.Struct, frozen=True):
    accepted: int
    charged: int  # accepted, not cancelled, and not failing where failures are free
    by_model: Mapping[str, int]  # accepted
    doubles: Mapping[str, list[str]]  # digest -> the ids of jobs whose bodies were equal


class Jobs:
    """Every job since the start, in the order of submission."""

    def __init__(
        self, *, job_s: float, state: Path | None = None, bills_failures: bool = False
    ) -> None:
        run_ms = int(job_s * 1000)
        self._wait_ms = run_ms // 5
        self._run_ms = run_ms - self._wait_ms
        self._ids: list[str] = []
        self._place: dict[str, int] = {}
        self._prompts: list[str | None] = []
        self._terms: dict[Terms, int] = {}
        self._terms_of: list[Terms] = []
        self._term = array("i")
        self._digest = array("Q")
        self._submitted = array("q")
        self._begins = array("q")
        self._ends = array("q")
        self._fate = array("b")
        self._is_billed = array("b")  # also of what has been deleted or lost since
        self._bills_failures = bills_failures
        self._file = None if state is None else _open(self, state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def __len__(self) -> int:
        return len(self._ids)

    def add(
        self,
        job_id: str,
        terms: Terms,
        *,
        prompt: str | None,
        digest: int,
        now_ms: int,
        fails: bool = False,
    ) -> None:
        begins_ms = now_ms + self._wait_ms
        times = (now_ms, begins_ms, begins_ms + self._run_ms)
        fate = Fate.FAILS if fails else Fate.SUCCEEDS
        self._append(job_id, terms, prompt, digest=digest, times_ms=times, fate=fate)
        self._write("add", job_id, msgspec.to_builtins(terms), prompt, digest, times, fate)

    def had(self, job_id: str) -> bool:
        """Whether there ever was one of this id, gone ones included."""
        return job_id in self._place

    def find(self, job_id: str, now_ms: int) -> EmulatedJob | None:
        at = self._place.get(job_id)
        if at is None or self._fate[at] == Fate.GONE:
            return None
        return self._job(at, now_ms)

    def cancel(self, job_id: str, now_ms: int) -> None:
        self._set_fate(self._place[job_id], Fate.CANCELLED, now_ms)
        self._write("fate", job_id, Fate.CANCELLED, now_ms)

    def forget(self, job_id: str, now_ms: int) -> None:
        self._set_fate(self._place[job_id], Fate.GONE, now_ms)
        self._write("fate", job_id, Fate.GONE, now_ms)

    def forget_all(self, now_ms: int) -> int:
        """As a restart does that keeps nothing; how many there were."""
        alive = [i for i, fate in enumerate(self._fate) if fate != Fate.GONE]
        for at in alive:
            self.forget(self._ids[at], now_ms)
        return len(alive)

    def finish_all(self, now_ms: int) -> int:
        """End at once whatever has not ended; how many there were."""
        unended = [i for i, ends_ms in enumerate(self._ends) if ends_ms > now_ms]
        for at in unended:
            self._finish(at, now_ms)
        self._write("finish", now_ms)
        return len(unended)

    def page(
        self, chosen: Filter, *, now_ms: int, offset: int = 0, after: str | None = None, limit: int
    ) -> JobsPage:
        """`limit` jobs from `offset` on, or those that follow the job `after`."""
        places = self._chosen(chosen, now_ms)
        if after is not None:
            offset = self._offset_after(places, after)
        shown = places[offset : offset + limit]
        return JobsPage(
            jobs=tuple(self._job(int(at), now_ms) for at in shown),
            total=len(places),
            has_more=offset + limit < len(places),
        )

    def book(self, *, offset: int, limit: int) -> BookPage:
        """What each would be charged with, in the order of submission, those gone included."""
        places = range(offset, min(offset + limit, len(self)))
        return BookPage(
            jobs=tuple(self._booked(at) for at in places),
            total=len(self),
            has_more=offset + limit < len(self),
        )

    def _booked(self, at: int) -> BookedTask:
        terms = self._terms_of[self._term[at]]
        billed = BilledUsage(terms.duration_s, 1) if self._is_billed[at] else BilledUsage()
        return BookedTask(self._ids[at], terms.model, self._prompts[at], billed)

    def counts(self) -> Counts:
        by_model: dict[str, int] = {}
        for term in self._term:
            model = self._terms_of[term].model
            by_model[model] = by_model.get(model, 0) + 1
        return Counts(
            accepted=len(self),
            charged=sum(self._is_billed),
            by_model=by_model,
            doubles=self._doubles(),
        )

    def _doubles(self) -> dict[str, list[str]]:
        first: dict[int, int] = {}
        doubles: dict[str, list[str]] = {}
        for at, digest in enumerate(self._digest):
            earlier = first.setdefault(digest, at)
            if earlier != at:
                ids = doubles.setdefault(f"{digest:016x}", [self._ids[earlier]])
                ids.append(self._ids[at])
        return doubles

    def _append(
        self,
        job_id: str,
        terms: Terms,
        prompt: str | None,
        *,
        digest: int,
        times_ms: tuple[int, int, int],
        fate: int,
    ) -> None:
        term = self._terms.setdefault(terms, len(self._terms_of))
        if term == len(self._terms_of):
            self._terms_of.append(terms)
        self._place[job_id] = len(self._ids)
        self._ids.append(job_id)
        self._prompts.append(prompt)
        self._term.append(term)
        self._digest.append(digest)
        self._submitted.append(times_ms[0])
        self._begins.append(times_ms[1])
        self._ends.append(times_ms[2])
        self._fate.append(fate)
        self._is_billed.append(fate != Fate.FAILS or self._bills_failures)

    def _set_fate(self, at: int, fate: int, now_ms: int) -> None:
        self._fate[at] = fate
        if fate == Fate.CANCELLED:
            self._is_billed[at] = False
        self._ends[at] = min(self._ends[at], now_ms)

    def _finish(self, at: int, now_ms: int) -> None:
        self._begins[at] = min(self._begins[at], now_ms)
        self._ends[at] = now_ms

    def _job(self, at: int, now_ms: int) -> EmulatedJob:
        return EmulatedJob(
            id=self._ids[at],
            state=self._state(at, now_ms),
            terms=self._terms_of[self._term[at]],
            prompt=self._prompts[at],
            digest=self._digest[at],
            submitted_ms=self._submitted[at],
            begins_ms=self._begins[at],
            ends_ms=self._ends[at],
        )

    def _state(self, at: int, now_ms: int) -> EmulatedState:
        if self._fate[at] == Fate.CANCELLED:
            return EmulatedState.CANCELLED
        if now_ms < self._begins[at]:
            return EmulatedState.WAITING
        if now_ms < self._ends[at]:
            return EmulatedState.RUNNING
        return EmulatedState.FAILED if self._fate[at] == Fate.FAILS else EmulatedState.DONE

    def _chosen(self, chosen: Filter, now_ms: int) -> NDArray[np.int64]:
        """The places of the jobs that a list shows, in its order."""
        start = bisect_left(self._submitted, chosen.since_ms)
        end = bisect_right(self._submitted, chosen.until_ms)
        fate = _column(self._fate, np.int8, start, end)
        wanted = fate != Fate.GONE
        if chosen.states is not None:
            wanted &= self._in_states(chosen.states, fate, (start, end), now_ms)
        if chosen.model is not None:
            terms = [i for i, each in enumerate(self._terms_of) if each.model == chosen.model]
            wanted &= np.isin(_column(self._term, np.int32, start, end), terms)
        places = np.flatnonzero(wanted) + start
        return places[::-1] if chosen.newest_first else places

    def _in_states(
        self,
        states: Collection[EmulatedState],
        fate: NDArray[Any],
        span: tuple[int, int],
        now_ms: int,
    ) -> NDArray[np.bool_]:
        begun = _column(self._begins, np.int64, *span) <= now_ms
        ended = _column(self._ends, np.int64, *span) <= now_ms
        cancelled = fate == Fate.CANCELLED
        is_in = {
            EmulatedState.WAITING: ~begun & ~cancelled,
            EmulatedState.RUNNING: begun & ~ended & ~cancelled,
            EmulatedState.DONE: begun & ended & (fate == Fate.SUCCEEDS),
            EmulatedState.FAILED: begun & ended & (fate == Fate.FAILS),
            EmulatedState.CANCELLED: cancelled,
        }
        wanted = np.zeros(len(fate), np.bool_)
        for state in states:
            wanted |= is_in[state]
        return wanted

    def _offset_after(self, places: NDArray[np.int64], job_id: str) -> int:
        """Behind the job in the list; behind all where the list does not have it."""
        found = np.flatnonzero(places == self._place.get(job_id, -1))
        return int(found[0]) + 1 if len(found) else len(places)

    def _write(self, *line: object) -> None:
        if self._file is not None:
            self._file.write(msgspec.json.encode(line) + b"\n")

    def replay(self, line: list[Any]) -> None:
        """Do again what a line of the state file says."""
        match line:
            case ["add", job_id, terms, prompt, digest, times_ms, fate]:
                kept = msgspec.convert(terms, Terms)
                times = (times_ms[0], times_ms[1], times_ms[2])
                self._append(job_id, kept, prompt, digest=digest, times_ms=times, fate=fate)
            case ["fate", job_id, fate, now_ms]:
                self._set_fate(self._place[job_id], fate, now_ms)
            case ["finish", now_ms]:
                for at, ends_ms in enumerate(self._ends):
                    if ends_ms > now_ms:
                        self._finish(at, now_ms)


def _column(values: array[int], kind: Any, start: int, end: int) -> NDArray[Any]:
    """A copy: an array cannot grow while somebody looks at its memory."""
    return np.frombuffer(values, kind)[start:end].copy() if values else np.zeros(0, kind)


def _open(jobs: Jobs, path: Path) -> Any:
    """The state file, behind its last whole line; what it says is in `jobs`."""
    kept = path.read_bytes() if path.exists() else b""
    whole = kept[: kept.rfind(b"\n") + 1]  # a kill may have cut the last line
    for line in whole.splitlines():
        jobs.replay(msgspec.json.decode(line))
    file = path.open("ab", buffering=0)
    file.truncate(len(whole))
    return file
