"""The embedded store against `job.apply`, in a process that is killed at any moment.

Writes are sent without waiting and take effect in the order in which they were sent. Whatever
happens, the rows are those of the model after some number of them, and never fewer than were
answered.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from unstill.job import (
    MOVES,
    Change,
    Failure,
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
from unstill.request import Frame, Size, VideoRequest

PROGRAM = Path(__file__).with_name("store_process.py")
MOST_IN_FLIGHT = 24  # their answers fit into the pipe
MOST_RESTARTS = 2  # in one example: each costs a quarter of a second

Rows = dict[str, Job]


# --- what is asked for -------------------------------------------------------------------------

IDS = [f"job-{number}" for number in range(6)]
OWNERS = ["team-a", "team-b"]
VIDEO = Video("video-1.mp4", 832, 480, 5.0, 24.0, 120, 1_000_000, has_audio=False)
times = st.integers(0, 2**53)

jobs = st.builds(
    Job,
    id=st.sampled_from(IDS),
    owner=st.sampled_from(OWNERS),
    dialect=st.just("tasks"),
    words=st.sampled_from(["openai", "seed"]),
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
    return Change(frozenset(of), to, draw(any_sets), starts=is_start, dies=is_death)


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
            case "add", {"job": Job() as new}:
                return (rows, "StorageFailed") if new.id in rows else (rows | {new.id: new}, new)
            case "change", {"job_id": str() as id_, "change": change, "attempt": attempt}:
                job = rows.get(id_)
                is_other = job is None or attempt not in {None, job.attempt}
                after = None if job is None or is_other else apply(job, change)
                return (rows, None) if after is None else (rows | {id_: after}, after)
            case "forget", {"job_id": str() as id_}:
                job = rows.get(id_)
                is_kept = job is None or not (job.is_hidden and job.state.is_final)
                return (rows if is_kept else {k: v for k, v in rows.items() if k != id_}), None
        raise AssertionError(self)


adds = st.builds(lambda job: Write("add", {"job": job}), jobs)
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


class Store:
    """The store in its process."""

    def __init__(self, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._sent = 0
        self._heard = 0

    def send(self, verb: str, keywords: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(pickle.dumps((self._sent, verb, keywords)))
        self._process.stdin.flush()
        self._sent += 1

    def hear(self) -> Any:
        """The next answer, which is to the next question. Raises EOFError at the end."""
        assert self._process.stdout is not None
        number, answer = pickle.load(self._process.stdout)  # noqa: S301  - our own child
        assert number == self._heard
        self._heard += 1
        return answer

    def ask(self, verb: str, **keywords: Any) -> Any:
        """Ask while nothing is under way."""
        self.send(verb, keywords)
        return self.hear()

    def kill(self) -> None:
        self._process.kill()

    def end(self) -> list[Any]:
        """The last answers. The process was killed, or now finishes what it began."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answers: list[Any] = []
        if self._process.stdin.closed:
            return answers
        self._process.stdin.close()
        try:
            while True:
                answers.append(self.hear())
        except (EOFError, pickle.UnpicklingError):  # the second: killed within a word
            self._process.stdout.close()
            self._process.wait()
        return answers


# --- the machine -------------------------------------------------------------------------------


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = Store(self.folder.name)
        self.rows: Rows = {}  # as of the last answer
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
        mine = [job for job in self.rows.values() if job.owner == owner and not job.is_hidden]
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
        for id_ in after.keys() & self.rows.keys():
            was, is_now = self.rows[id_].state, after[id_].state
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
        rows = {id_: job for id_, job in found.items() if job is not None}

        assert rows in possible
        self.rows = rows
        by_id = [rows[id_] for id_ in sorted(rows)]
        unfinished, is_hidden = self.store.ask("unfinished"), self.store.ask("hidden")
        assert unfinished == [job for job in by_id if not job.state.is_final]
        assert is_hidden == [job for job in by_id if job.state.is_final and job.is_hidden]


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.reuse, Phase.generate),  # to shrink a failure would take minutes
    suppress_health_check=[HealthCheck.too_slow],  # each example starts processes
)
