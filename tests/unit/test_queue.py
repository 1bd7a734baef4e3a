"""The queue: places in queues, and times that were measured."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.memory_ports import Memory, MemoryBacklog
from support.queue_forecasts import (
    NOW_MS,
    SIZE,
    SLOTS,
    ended,
    left_ms,
    position,
    running,
    told,
    waiting,
)
from unstill.domain.job import MOVES, Job, State
from unstill.domain.owner import Owner
from unstill.progress.queue import KEPT, LEFT_ALONE, NEAR, WAITING, Forecast
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.ports.backlog import UnfinishedJob

# --- positions ---------------------------------------------------------------------------------


def test_the_earlier_job_is_further_ahead_whatever_was_told_first() -> None:
    forecast = told(*(waiting(job_id) for job_id in ("c", "a", "b")))

    assert [position(forecast, waiting(job_id)) for job_id in ("a", "b", "c")] == [1, 2, 3]


@pytest.mark.parametrize("state", sorted(State))
def test_a_job_is_ahead_until_its_engine_has_it(state: State) -> None:
    is_waiting = state in {State.QUEUED, State.READY, State.SUBMITTING}
    forecast = told(waiting("a"), waiting("b"), waiting("a", state=state))

    assert position(forecast, waiting("b")) == 1 + is_waiting


def test_each_engine_has_a_queue_of_its_own() -> None:
    forecast = told(waiting("a"), waiting("b", "pair"))

    assert position(forecast, waiting("b", "pair")) == 1


def test_a_job_that_moves_on_to_another_engine_leaves_its_queue() -> None:
    moved = waiting("a", "bailian")
    forecast = told(waiting("a"), waiting("b"), moved)

    assert position(forecast, waiting("b")) == 1
    assert position(forecast, moved) == 1


def test_a_job_that_is_put_back_has_its_old_place_again() -> None:
    forecast = told(waiting("a"), waiting("b"), running("a"), waiting("a"))

    assert [position(forecast, waiting(job_id)) for job_id in ("a", "b")] == [1, 2]


def test_a_job_that_was_read_before_it_was_told_of_has_the_place_that_it_will_have() -> None:
    assert position(told(), waiting("a")) == 1
    assert position(told(waiting("a")), waiting("b")) == 2


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from(sorted(State)), st.booleans())),
)
def test_a_position_is_one_more_than_the_earlier_jobs_that_wait(
    changes: list[tuple[int, State, bool]],
) -> None:
    jobs: dict[str, Job] = {}
    forecast = told()
    for number, state, is_moved in changes:
        job = waiting(f"{number:02d}", "pair" if is_moved else "camera", state=state)
        jobs[job.id] = job
        forecast.changed(job)

    for job in jobs.values():
        ahead = [
            each
            for each in jobs.values()
            if each.engine == job.engine and each.state in WAITING and each.id < job.id
        ]
        assert position(forecast, job) == len(ahead) + 1


def test_a_long_queue_stays_in_order_while_it_is_worked_off() -> None:
    ids = [f"{number:05d}" for number in range(3 * LEFT_ALONE)]
    forecast = told(*(waiting(job_id) for job_id in ids))
    for begin in range(0, 2 * LEFT_ALONE, 10):  # ten slots, in turn the last of them first
        for job_id in reversed(ids[begin : begin + 10]):
            forecast.changed(running(job_id))
    forecast.changed(waiting(ids[2 * LEFT_ALONE + 2 * NEAR], state=State.CANCELLED))
    last, first = waiting(ids[-1]), waiting(ids[2 * LEFT_ALONE])

    assert position(forecast, first) == 1
    assert position(forecast, last) == LEFT_ALONE - 1
    line = forecast._engines["camera"]._lines[last.owner]
    assert len(line._ids) < 2 * LEFT_ALONE  # those that left are forgotten


def test_ten_thousand_changes_leave_no_count_wrong() -> None:
    random, jobs, forecast = Random(2), dict[str, Job](), told()
    for number in range(10_000):
        # A long queue, then worked off.
        if not jobs or random.random() < (0.6 if number < 5_000 else 0.1):
            job = waiting(
                f"{number:05d}",
                random.choice([*SLOTS, "removed"]),
                state=State.QUEUED,
                owner=random.choice(["ann", "bob", "cid"]),
            )
        else:
            job = moved_on(jobs[random.choice(list(jobs)[:200])], random)
        if job.state.is_final:
            del jobs[job.id]
        else:
            jobs[job.id] = job
        forecast.changed(job)

    for name, engine in forecast._engines.items():
        its = sorted(job_id for job_id, job in jobs.items() if job.engine == name)
        waits = [job_id for line in engine._lines.values() for job_id in line]
        assert sorted(waits) == [i for i in its if jobs[i].state in WAITING]
        assert list(engine._owners) == [owner for owner in engine._owners if engine._lines[owner]]
        assert set(engine._owners) == engine._lines.keys()
        rendered = {i for i in its if jobs[i].state is State.RUNNING} if engine.slots else set()
        assert engine.running.keys() == rendered
        if engine.slots:
            assert engine._tasks.keys() == {i for i in its if jobs[i].state in WAITING}
            assert sum(total.count for total in engine._totals.values()) == len(engine._tasks)
    assert forecast._line_of.keys() == {i for i, job in jobs.items() if job.state in WAITING}


def moved_on(job: Job, random: Random) -> Job:
    """A job after one of the moves that its state allows; one sent back may change its engine."""
    state = random.choice(sorted(MOVES[job.state]))
    is_sent_back = job.state is State.SUBMITTING and state is State.READY
    engine = random.choice(list(SLOTS)) if is_sent_back else job.engine
    return msgspec.structs.replace(job, state=state, engine=engine, started_ms=NOW_MS)


# --- turns -------------------------------------------------------------------------------------


def test_an_owners_first_job_is_next_but_one_however_many_another_has() -> None:
    ann = [waiting(f"a-{number:03}", owner="ann") for number in range(500)]
    bob = [waiting(f"b-{number}", owner="bob") for number in range(2)]
    forecast = told(*ann, *bob)

    assert [position(forecast, job) for job in bob] == [2, 4]
    assert [position(forecast, job) for job in (*ann[:3], ann[-1])] == [1, 3, 5, 502]
    assert position(forecast, waiting("c", owner="cid")) == 3  # read before it was told of


def test_who_has_just_had_a_turn_is_behind_the_others() -> None:
    ann, bob = ([waiting(f"{name}-{number}", owner=name) for number in range(3)] for name in "ab")
    forecast = told(*ann, *bob, running("a-0", owner="a"))

    assert [position(forecast, job) for job in (bob[0], ann[1], bob[1], ann[2], bob[2])] == [
        1, 2, 3, 4, 5,
    ]  # fmt: skip


def test_a_job_is_expected_to_end_by_the_turns_of_its_owner() -> None:
    ann = [waiting(f"a-{number:03}", owner="ann") for number in range(500)]
    bob = waiting("b", owner="bob")
    forecast = told(ended(10_000), *ann, bob)

    assert left_ms(forecast, bob) == 2 * 10_000
    assert left_ms(forecast, ann[-1]) == 501 * 10_000


# --- a restart ---------------------------------------------------------------------------------


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    times = zip("abc", (90_000, 10_000, 11_000), strict=True)
    for job in [
        *(ended(took_ms, "pair", id=f"0{name}", size=SIZE) for name, took_ms in times),
        waiting("1", "pair", state=State.QUEUED),
        running("2", "pair"),
        waiting("3", "pair"),
    ]:
        await store.jobs.add(job)
    await store.close()
    store, forecast = EmbeddedStore(tmp_path), Forecast(SLOTS)
    await store.open((forecast.changed,))
    await forecast.startup(store.backlog)
    await store.jobs.add(waiting("4", "pair"))
    await store.close()

    assert position(forecast, waiting("4", "pair")) == 3
    assert left_ms(forecast, running(engine="pair")) == 11_000


async def test_after_a_restart_the_newest_jobs_count_as_before_it(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    for number in range(2 * KEPT):
        took_ms = 90_000 if number < KEPT else 10_000
        await store.jobs.add(ended(took_ms, id=f"{number:02d}", size=SIZE))
    forecast = Forecast(SLOTS)
    await forecast.startup(store.backlog)
    await store.close()

    assert left_ms(forecast, waiting()) == 10_000


def test_a_queue_tells_how_many_wait_and_which_of_them_was_made_first() -> None:
    one, two = Owner("team-a"), Owner("team-b")
    forecast = told(
        waiting("c", owner=one), waiting("d", owner=one), waiting("b", owner=two), running("a")
    )

    assert list(forecast.queues()) == [("camera", 3, "b"), ("pair", 0, None), ("bailian", 0, None)]
    forecast.changed(running("b", owner=two))
    assert next(iter(forecast.queues())) == ("camera", 2, "c")


class Overtaken(MemoryBacklog):
    """A backlog whose rows are told of while they are read."""

    def __init__(self, memory: Memory, forecast: Forecast, *changes: Job) -> None:
        super().__init__(lambda: memory)
        self._forecast = forecast
        self._changes = changes

    async def unfinished(self) -> AsyncIterator[Sequence[UnfinishedJob]]:
        read = [places async for places in super().unfinished()]
        for job in self._changes:
            self._forecast.changed(job)
        for places in read:
            yield places


async def test_a_job_that_moves_while_a_start_reads_rows_waits_where_it_was_told_of() -> None:
    memory, forecast = Memory(), Forecast(SLOTS)
    memory.jobs = {each: waiting(each) for each in ("ended", "begun", "moved", "same")}
    cancelled = waiting("ended", state=State.CANCELLED)
    changes = (cancelled, running("begun"), waiting("moved", "pair"))
    await forecast.startup(Overtaken(memory, forecast, *changes))

    assert list(forecast.queues()) == [
        ("camera", 1, "same"),
        ("pair", 1, "moved"),
        ("bailian", 0, None),
    ]
