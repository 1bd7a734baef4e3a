"""The embedded store against `job.apply`, in a process that is killed at any moment.

Writes are sent without waiting and take effect in the order in which they were sent. Whatever
happens, the rows are those of the model after some number of them, and never fewer than were
answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from state.store_at_a_pipe import Store
from unstill.domain.delivery import Delivery, owed_for
from unstill.domain.job import (
    FINAL,
    MOVES,
    Change,
    ChangedFields,
    Failure,
    IdempotencyMark,
    Job,
    State,
    Usage,
    Video,
    apply,
    cancelled,
    failed,
    hidden,
    made_ready,
    put_back,
    rendered,
    started,
    states_before,
    succeeded,
)
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.store.embedded.beside import opened_beside
from unstill.store.embedded.deliveries import newest_in
from unstill.store.ports.backlog import UnfinishedJob

pytestmark = pytest.mark.slow

MOST_IN_FLIGHT = 24  # their answers fit into the pipe
MOST_RESTARTS = 2  # in one example: each costs a quarter of a second


@dataclass(frozen=True)
class Rows:
    """What is stored, by job id."""

    jobs: dict[str, Job]
    marks: dict[str, IdempotencyMark]  # with its key and fingerprint alone
    owed: dict[str, Delivery]  # to receivers of their ends

    def marked(self, owner: str, mark: IdempotencyMark) -> Job | str | None:
        """The earlier call that is known by `mark`, or why there is none to give."""
        mine = [(self.jobs[id_], each) for id_, each in self.marks.items()]
        mine = [(job, each) for job, each in mine if job.owner == owner and each.key == mark.key]
        if mark.key is not None:
            is_known = [job if each.fingerprint == mark.fingerprint else None for job, each in mine]
            return (is_known[0] or "KeyReused") if is_known else None
        if mark.since_ms is None:
            return None
        tries = [
            job
            for job, each in mine
            if each.fingerprint == mark.fingerprint
            and job.created_ms >= mark.since_ms
            and not job.is_hidden
        ]
        return max(tries, key=lambda job: (job.created_ms, job.id), default=None)

    def having(self, job: Job, mark: IdempotencyMark | None) -> Rows:
        """With this job besides, and its mark."""
        kept = {} if mark is None else {job.id: msgspec.structs.replace(mark, since_ms=None)}
        return Rows(self.jobs | {job.id: job}, self.marks | kept, self.owed)

    def changed(self, job: Job, change: Change) -> Rows:
        """With this job as it is now, and what its receiver is owed by that."""
        owed = {id_: each for id_, each in self.owed.items() if id_ != job.id or not job.is_hidden}
        delivery = owed_for(job) if change.to in FINAL else None
        if delivery is not None:
            owed[job.id] = delivery
        return Rows(self.jobs | {job.id: job}, self.marks, owed)

    def without(self, job_id: str) -> Rows:
        jobs = {id_: job for id_, job in self.jobs.items() if id_ != job_id}
        marks = {id_: mark for id_, mark in self.marks.items() if id_ != job_id}
        return Rows(jobs, marks, {id_: each for id_, each in self.owed.items() if id_ != job_id})


# --- what is asked for -------------------------------------------------------------------------

IDS = [f"0000000{number}-0000-7000-8000-000000000000" for number in range(6)]
OWNERS = ["team-a", "team-b"]
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 24.0, 120, 1_000_000, has_audio=False)
times = st.integers(0, 2**53)

jobs = st.builds(
    Job,
    id=st.sampled_from(IDS),
    owner=st.sampled_from(OWNERS),
    dialect=st.just("tasks"),
    words=st.sampled_from(["openai", "unified"]),
    model=st.just("wan2.7-i2v"),
    request=st.builds(
        VideoRequest,
        model=st.just("wan2.7-i2v"),
        prompt=st.text(st.characters(codec="utf-8"), max_size=20),
        first_frame=st.just(Frame("first", "img_url", sha256="ab" * 32)),
        duration_s=st.integers(2, 15),
        frame_rate=st.just(30),
        seed=st.integers(0, 2**31 - 1),
    ),
    engine=st.just("camera"),
    created_ms=times,
    webhook_url=st.sampled_from([None, "", "https://hooks.example.com/"]),
)

fingerprints = st.sampled_from(["f1", "f2"])
marks = (
    st.none()
    | st.builds(IdempotencyMark, fingerprints, key=st.sampled_from(["k1", "k2"]))
    | st.builds(IdempotencyMark, fingerprints, since_ms=st.none() | st.sampled_from([0, 2**52]))
)

any_sets = st.fixed_dictionaries(
    {},
    optional={
        "due_ms": times,
        "size": st.just(Size(832, 480)),
        "engine": st.sampled_from(["camera", "gpu1"]),
        "failure": st.none() | st.just(Failure("late", "too late", "img_url")),
        "is_hidden": st.booleans(),
    },
)


@st.composite
def any_change(draw: st.DrawFn) -> Change:
    """Any change that the table of moves allows."""
    to = draw(st.none() | st.sampled_from(sorted(set().union(*MOVES.values()))))
    before = sorted(State if to is None else states_before(to))
    of = draw(st.sets(st.sampled_from(before), min_size=1))
    is_start, is_death = draw(st.tuples(st.booleans(), st.booleans()))
    sets = cast("ChangedFields", draw(any_sets))
    return Change(frozenset(of), to, sets, starts=is_start, dies=is_death)


changes = st.one_of(
    st.builds(made_ready, st.just(Size(1280, 720))),
    st.builds(started, times),
    st.just(rendered()),
    st.builds(put_back, times, died=st.booleans()),
    st.builds(succeeded, st.just(VIDEO), st.just(Usage(duration_s=5)), times),
    st.builds(failed, st.just(Failure("engine_died", "it died")), times),
    st.builds(cancelled, times, is_hidden=st.booleans()),
    st.builds(hidden, st.sampled_from(State)),
    any_change(),
)


# --- the model ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Write:
    verb: str
    keywords: dict[str, Any]

    def perform(self, rows: Rows) -> tuple[Rows, Any]:
        """The rows after it, and its answer."""
        match self.verb, self.keywords:
            case "add", {"job": Job() as new, "mark": mark}:
                known = None if mark is None else rows.marked(new.owner, mark)
                if known is not None:
                    return rows, known
                is_there = new.id in rows.jobs
                return (rows, "StorageFailed") if is_there else (rows.having(new, mark), new)
            case "change", {"job_id": str() as id_, "change": change, "attempt": attempt}:
                job = rows.jobs.get(id_)
                is_other = job is None or attempt not in {None, job.attempt}
                after = None if job is None or is_other else apply(job, change)
                return (rows, None) if after is None else (rows.changed(after, change), after)
            case "forget", {"job_id": str() as id_}:
                job = rows.jobs.get(id_)
                is_kept = job is None or not (job.is_hidden and job.state.is_final)
                return (rows if is_kept else rows.without(id_)), None
        raise AssertionError(self)


adds = st.builds(lambda job, mark: Write("add", {"job": job, "mark": mark}), jobs, marks)
moves = st.builds(
    lambda job_id, change, attempt: Write(
        "change", {"job_id": job_id, "change": change, "attempt": attempt}
    ),
    st.sampled_from(IDS),
    changes,
    st.sampled_from([None, None, 0, 1]),
)
forgets = st.builds(lambda job_id: Write("forget", {"job_id": job_id}), st.sampled_from(IDS))


# --- the process -------------------------------------------------------------------------------


def marks_in(folder: str) -> dict[str, IdempotencyMark]:
    with opened_beside(Path(folder), having="marks") as connection:
        assert connection is not None
        found = connection.execute("SELECT job_id, fingerprint, key FROM marks").fetchall()
    return {
        str(job_id): IdempotencyMark(str(fingerprint), None if key is None else str(key))
        for job_id, fingerprint, key in found
    }


# --- the machine -------------------------------------------------------------------------------


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = Store(self.folder.name)
        self.rows = Rows({}, {}, {})  # as of the last answer
        self.in_flight: list[Write] = []  # sent, not answered
        self.restarts = 0

    @precondition(lambda self: len(self.in_flight) < MOST_IN_FLIGHT)
    @rule(writes=st.lists(adds, min_size=1, max_size=4))
    def add(self, writes: list[Write]) -> None:
        self.begin(writes)

    @precondition(lambda self: len(self.in_flight) < MOST_IN_FLIGHT)
    @rule(writes=st.lists(moves, min_size=1, max_size=8))
    def change(self, writes: list[Write]) -> None:
        self.begin(writes)

    @precondition(lambda self: len(self.in_flight) < MOST_IN_FLIGHT)
    @rule(write=forgets)
    def forget(self, write: Write) -> None:
        self.begin([write])

    @rule()
    def hear_all(self) -> None:
        for _ in self.in_flight.copy():
            self.take(self.store.hear())

    @rule(owner=st.sampled_from(OWNERS), limit=st.integers(1, 3), is_newest=st.booleans())
    def page(self, owner: str, limit: int, *, is_newest: bool) -> None:
        self.hear_all()
        mine = [job for job in self.rows.jobs.values() if job.owner == owner and not job.is_hidden]
        mine.sort(key=lambda job: job.id, reverse=is_newest)

        page = self.store.ask("page", owner=owner, limit=limit, newest_first=is_newest)

        assert list(page.jobs) == mine[:limit]
        assert page.has_more == (len(mine) > limit)

    @precondition(lambda self: self.restarts < MOST_RESTARTS)
    @rule(heard=st.integers(0, 3), writes=st.lists(moves, max_size=8))
    def kill(self, heard: int, writes: list[Write]) -> None:
        for _ in self.in_flight[:heard]:
            self.take(self.store.hear())
        self.begin(writes)
        self.store.kill()
        self.take_last()
        self.start_again()

    @precondition(lambda self: self.restarts < MOST_RESTARTS)
    @rule()
    def close(self) -> None:
        self.take_last()
        assert self.in_flight == []  # all that was begun was finished
        self.start_again()

    def teardown(self) -> None:
        try:
            self.store.kill()
            self.take_last()
            self.start_again()
        finally:
            self.store.kill()
            self.store.end()
            self.folder.cleanup()

    def begin(self, writes: list[Write]) -> None:
        for write in writes:
            self.store.send(write.verb, write.keywords)
            self.in_flight.append(write)

    def take(self, answer: Any) -> None:
        """The answer to the oldest write under way is that of the model."""
        after, expected = self.in_flight.pop(0).perform(self.rows)
        for id_ in after.jobs.keys() & self.rows.jobs.keys():
            was, is_now = self.rows.jobs[id_].state, after.jobs[id_].state
            assert was == is_now or is_now in MOVES[was]

        assert answer == expected
        self.rows = after

    def take_last(self) -> None:
        for answer in self.store.end():
            self.take(answer)

    def start_again(self) -> None:
        """The rows are the model's after some of the writes that were never answered."""
        possible = [self.rows]
        for write in self.in_flight:
            possible.append(write.perform(possible[-1])[0])
        self.in_flight = []
        self.restarts += 1
        self.store = Store(self.folder.name)
        found = {id_: self.store.ask("find", job_id=id_) for id_ in IDS}
        jobs = {id_: job for id_, job in found.items() if job is not None}
        owed = {each.job_id: each for each in newest_in(Path(self.folder.name), len(IDS))}
        rows = Rows(jobs, marks_in(self.folder.name), owed)

        assert rows in possible
        self.rows = rows
        by_id = [jobs[id_] for id_ in sorted(jobs)]
        unfinished = self.store.ask("unfinished")
        deleted = self.store.ask("long_deleted", before_ms=2**48 - 1)
        assert unfinished == [
            UnfinishedJob(job.id, job.owner, job.state, job.engine, job.due_ms, job.key_id)
            for job in by_id
            if not job.state.is_final
        ]
        assert deleted == [job.id for job in by_id if job.state.is_final and job.is_hidden]


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),  # to shrink a failure would take minutes
    suppress_health_check=[HealthCheck.too_slow],  # each example starts processes
)
