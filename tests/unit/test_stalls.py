"""What holds up jobs is told once for all of an engine, by job where it is one's own, and ends."""

from collections.abc import Iterable

from support.jobs import a_job
from unstill.domain.errors import StorageFull
from unstill.domain.job import Job, State
from unstill.domain.stall import Stall
from unstill.progress.stalls import STALE_MS, Stalls

START_MS = 1_795_850_000_000
DOWN = ("connection_failed", "the upstream could not be connected to")


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


def job(state: State, engine: str = "gpu1", job_id: str = "1") -> Job:
    return a_job(id=job_id, state=state, engine=engine)


def times(told: Iterable[bool]) -> list[int]:
    return [number for number, is_told in enumerate(told, start=1) if is_told]


def test_an_engines_trouble_holds_up_all_its_jobs_and_no_others() -> None:
    stalls = Stalls(Clock())
    stalls.engine("gpu1", "polls", *DOWN)

    assert stalls.of(job(State.RUNNING)) == Stall(*DOWN, START_MS)
    assert stalls.of(job(State.RUNNING, job_id="2")) == Stall(*DOWN, START_MS)
    assert stalls.of(job(State.RUNNING, "gpu2")) is None
    assert stalls.of(job(State.READY)) is None  # it waits for a submit
    assert stalls.of(job(State.SAVING)) is None
    assert list(stalls.engines()) == [("gpu1", "polls", Stall(*DOWN, START_MS))]


def test_submits_hold_up_those_that_wait_for_one() -> None:
    stalls = Stalls(Clock())
    stalls.engine("gpu1", "submits", "rate_limit", "too many")

    assert stalls.of(job(State.READY)) == Stall("rate_limit", "too many", START_MS)
    assert stalls.of(job(State.RUNNING)) is None


def test_a_trouble_began_when_it_was_first_met_and_ends_when_a_call_fares_well() -> None:
    clock = Clock()
    stalls = Stalls(clock)
    stalls.engine("gpu1", "polls", *DOWN)
    clock.now_ms += 60_000
    stalls.engine("gpu1", "polls", "no_answer", "502")

    assert stalls.of(job(State.RUNNING)) == Stall("no_answer", "502", START_MS)
    stalls.engine_moves("gpu1", "polls")
    assert stalls.of(job(State.RUNNING)) is None
    assert list(stalls.engines()) == []


def test_a_trouble_that_nobody_has_met_for_long_is_not_told() -> None:
    clock = Clock()
    stalls = Stalls(clock)
    stalls.engine("gpu1", "submits", *DOWN)

    clock.now_ms += STALE_MS
    assert stalls.of(job(State.READY)) is not None
    clock.now_ms += 1
    assert stalls.of(job(State.READY)) is None
    assert list(stalls.engines()) == []
    stalls.engine("gpu1", "submits", *DOWN)
    assert stalls.of(job(State.READY)) == Stall(*DOWN, clock.now_ms)


def test_a_jobs_own_trouble_goes_before_its_engines_and_ends_with_its_state() -> None:
    stalls = Stalls(Clock())
    stalls.engine("gpu1", "polls", *DOWN)
    stalls.job("1", State.RUNNING, "odd_answer", "blessed")

    assert stalls.of(job(State.RUNNING)) == Stall("odd_answer", "blessed", START_MS)
    assert stalls.of(job(State.SAVING)) is None
    stalls.changed(job(State.RUNNING))  # a wish to cancel, say
    assert stalls.jobs == 1
    stalls.changed(job(State.SAVING))
    assert stalls.jobs == 0


def test_a_job_that_moves_is_held_up_no_more() -> None:
    stalls = Stalls(Clock())
    stalls.job("1", State.RUNNING, "odd_answer", "blessed")
    stalls.job_moves("1")

    assert stalls.of(job(State.RUNNING)) is None


def test_a_trouble_is_worth_a_line_of_log_ever_more_rarely() -> None:
    stalls = Stalls(Clock())

    assert times(stalls.engine("gpu1", "polls", *DOWN) for _ in range(40)) == [1, 2, 4, 8, 16, 32]
    assert times(stalls.job("1", State.SAVING, "x", "y") for _ in range(9)) == [1, 2, 4, 8]
    assert stalls.engine("gpu1", "polls", "no_answer", "502")  # another one is news


def test_a_job_that_could_not_be_stored_is_held_up_until_a_step_of_it_could() -> None:
    stalls = Stalls(Clock())
    stalls.job("1", State.QUEUED, StorageFull.code, "no room")
    stalls.job("2", State.QUEUED, "odd_answer", "blessed")

    for job_id in ("1", "2"):
        stalls.stored(job_id)

    assert stalls.of(job(State.QUEUED)) is None
    assert stalls.of(job(State.QUEUED, job_id="2")) is not None  # it is another kind
