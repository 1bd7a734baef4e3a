"""Counts of jobs: how many are where, how long they stay there, how they end. In memory only.

A change is counted once: by where the job was when it was last told of, which a start reads from
the store. What happened before the start is not counted again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from time import monotonic

import msgspec

from unstill.domain.job import FINAL, IN_DOUBT, Job, State
from unstill.domain.owner import Owner
from unstill.domain.timings import Timings
from unstill.store.ports.backlog import UnfinishedJob

STAY_BOUNDS_S = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 86_400)
MOST_CLASSES = 20  # so many owners are told apart, and the others are one class
OTHERS = "others"


class _Place:
    """Where jobs are that are counted together."""

    __slots__ = ("beside", "engine", "jobs", "owner_class", "state", "stays")

    def __init__(
        self,
        state: State,
        engine: str,
        owner_class: str,
        *,
        stays: Timings,
        beside: dict[State, _Place],
    ) -> None:
        """`beside`: those of the same engine and class, by their states; most jobs move there."""
        self.state = state
        self.engine = engine
        self.owner_class = owner_class
        self.stays = stays
        self.beside = beside
        self.jobs = 0


class _Stay(msgspec.Struct, frozen=True, gc=False):
    """A job in its place; each unfinished job has one, so it is small."""

    place: _Place
    since_s: float | None  # None: it was there before the server started


class JobCounts:
    """Told of every change after its commit."""

    def __init__(self, clock_s: Callable[[], float] = monotonic) -> None:
        self._clock_s = clock_s
        self._stays: dict[str, _Stay] = {}
        self._places: dict[tuple[str, str], dict[State, _Place]] = {}  # by engine and class
        self._timings: dict[tuple[State, str], Timings] = {}
        self._classes: dict[Owner, str] = {}
        self._told: set[str] | None = None  # jobs, while rows are read: these may be older
        self.taken = 0  # new jobs
        self.ended: Counter[State] = Counter(dict.fromkeys(sorted(FINAL), 0))
        self.doubts: Counter[str] = Counter()  # by engine, jobs that may have been taken and billed
        self.charges: Counter[str] = Counter()  # by engine, jobs that an upstream took

    async def startup(self, unfinished: AsyncIterator[Sequence[UnfinishedJob]]) -> None:
        """Take up where unfinished jobs are; what is told meanwhile is newer."""
        self._told = told = set[str]()
        async for some in unfinished:
            for each in some:
                if each.job_id not in self._stays and each.job_id not in told:
                    place = self._place(each.state, each.engine, each.owner)
                    self._enter(each.job_id, place, None)
        self._told = None

    def changed(self, job: Job) -> None:
        """Follow a change of any job."""
        if self._told is not None:
            self._told.add(job.id)
        stay = self._stays.get(job.id)
        if stay is None:
            # Else it had ended when this server met it, and is deleted now, say.
            if job.state not in FINAL:
                self.taken += job.state is State.QUEUED
                place = self._place(job.state, job.engine, job.owner)
                self._enter(job.id, place, self._clock_s())
            return
        before = stay.place
        if before.state is not job.state:
            self._move(job, before, stay.since_s)
        elif before.engine != job.engine:
            before.jobs -= 1
            self._enter(job.id, self._place(job.state, job.engine, job.owner), stay.since_s)

    def unfinished(self) -> Iterator[tuple[State, str, str, int]]:
        """State, engine, class of owners, and how many jobs are there."""
        for beside in self._places.values():
            for place in beside.values():
                yield place.state, place.engine, place.owner_class, place.jobs

    def stays(self) -> Iterator[tuple[State, str, Timings]]:
        """How long jobs were in each state, by engine."""
        for (state, engine), timings in self._timings.items():
            yield state, engine, timings

    def _move(self, job: Job, before: _Place, since_s: float | None) -> None:
        now_s = self._clock_s()
        before.jobs -= 1
        if since_s is not None:
            before.stays.note(now_s - since_s)
        if before.state is State.SUBMITTING and job.state is State.RUNNING:
            self.charges[job.engine] += 1
        if job.state not in FINAL:
            after = before.beside.get(job.state)
            if after is None or before.engine != job.engine:
                after = self._place(job.state, job.engine, job.owner)
            self._enter(job.id, after, now_s)
            return
        del self._stays[job.id]
        self.ended[job.state] += 1
        if job.failure is not None and job.failure.code == IN_DOUBT:
            self.doubts[job.engine] += 1

    def _enter(self, job_id: str, place: _Place, since_s: float | None) -> None:
        place.jobs += 1
        self._stays[job_id] = _Stay(place, since_s)

    def _place(self, state: State, engine: str, owner: Owner) -> _Place:
        owner_class = self._classes.get(owner) or self._class(owner)
        beside = self._places.get((engine, owner_class))
        if beside is None:
            beside = self._places[engine, owner_class] = {}
        place = beside.get(state)
        if place is None:
            stays = self._timings.setdefault((state, engine), Timings(STAY_BOUNDS_S))
            place = _Place(state, engine, owner_class, stays=stays, beside=beside)
            beside[state] = place
        return place

    def _class(self, owner: Owner) -> str:
        """The first owners are a class each, by their names."""
        if len(self._classes) >= MOST_CLASSES:
            return OTHERS
        return self._classes.setdefault(owner, str(owner))
