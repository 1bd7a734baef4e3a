"""Counts of jobs: each change is counted once, whatever is told twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from support.jobs import a_job
from unstill.domain.job import Failure, Job, State
from unstill.domain.job_ids import made_ms, new_id
from unstill.domain.owner import Owner
from unstill.progress.job_counts import MOST_CLASSES, OTHERS, JobCounts
from unstill.store.ports.backlog import UnfinishedJob


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def rows(*jobs: Job) -> AsyncIterator[Sequence[UnfinishedJob]]:
    """What a start finds unfinished."""
    for job in jobs:
        yield [UnfinishedJob(job.id, job.owner, job.state, job.engine, job.due_ms, job.key_id)]


def moved(job: Job, state: State, **fields: object) -> Job:
    return msgspec.structs.replace(job, state=state, **fields)


def jobs_in(counts: JobCounts) -> dict[tuple[str, str], int]:
    """By state and engine; places without any are left out."""
    found: Counter[tuple[str, str]] = Counter()
    for state, engine, _, count in counts.unfinished():
        found[state.value, engine] += count
    return {place: count for place, count in found.items() if count}


def test_a_job_is_counted_in_one_state_after_the_other_and_then_as_ended() -> None:
    counts, job, seen = JobCounts(), a_job(), []
    for state in (State.QUEUED, State.READY, State.RUNNING, State.SAVING, State.SUCCEEDED):
        counts.changed(moved(job, state))
        seen.append(jobs_in(counts))

    assert seen == [
        {("queued", "camera"): 1},
        {("ready", "camera"): 1},
        {("running", "camera"): 1},
        {("saving", "camera"): 1},
        {},
    ]
    assert (counts.taken, counts.ended) == (
        1,
        {State.SUCCEEDED: 1, State.FAILED: 0, State.CANCELLED: 0},
    )


def test_a_change_that_is_told_twice_and_a_deletion_after_the_end_count_nothing() -> None:
    counts, job = JobCounts(), a_job()
    for _ in range(2):
        counts.changed(job)
    for _ in range(2):
        counts.changed(moved(job, State.CANCELLED))
    counts.changed(moved(job, State.CANCELLED, is_hidden=True))

    assert (counts.taken, counts.ended[State.CANCELLED], jobs_in(counts)) == (1, 1, {})


def test_a_stay_is_counted_when_the_job_leaves_its_state_by_the_engine_it_left() -> None:
    clock, job = Clock(), a_job()
    counts = JobCounts(clock)
    counts.changed(job)
    clock.now_s += 2
    counts.changed(moved(job, State.READY))
    clock.now_s += 5
    counts.changed(moved(job, State.READY, engine="other"))  # it goes on to wait
    clock.now_s += 6
    counts.changed(moved(job, State.RUNNING, engine="other"))
    sums = {(state.value, engine): each.sum_s for state, engine, each in counts.stays()}

    assert sums == {
        ("queued", "camera"): 2,
        ("ready", "camera"): 0,
        ("ready", "other"): 11,
        ("running", "other"): 0,
    }
    assert jobs_in(counts) == {("running", "other"): 1}


async def test_after_a_restart_jobs_are_where_the_store_says_and_no_new_ones() -> None:
    clock = Clock()
    running, waiting = a_job(state=State.RUNNING), a_job(state=State.READY, engine="up")
    counts = JobCounts(clock)
    counts.changed(moved(waiting, State.READY))  # told before the rows were read
    await counts.startup(rows(running, waiting))
    before = jobs_in(counts)
    clock.now_s += 7
    counts.changed(moved(running, State.SAVING))
    stays = {state: each.within[-1] for state, _, each in counts.stays()}

    assert before == {("running", "camera"): 1, ("ready", "up"): 1}
    assert counts.taken == 0
    assert stays[State.RUNNING] == 0  # nobody knows since when
    assert jobs_in(counts) == {("saving", "camera"): 1, ("ready", "up"): 1}


def test_what_an_upstream_takes_is_a_charge_and_a_reply_that_is_lost_a_doubt() -> None:
    counts = JobCounts()
    taken, lost, wrong = (a_job(engine="up", state=State.READY) for _ in range(3))
    here = a_job(state=State.READY)
    for job in (taken, lost, wrong):
        counts.changed(job)
        counts.changed(moved(job, State.SUBMITTING))
    counts.changed(moved(taken, State.RUNNING, ticket="t"))
    counts.changed(moved(lost, State.FAILED, failure=Failure("submit_unknown", "no reply")))
    counts.changed(moved(wrong, State.FAILED, failure=Failure("InvalidParameter", "no")))
    for job in (here, moved(here, State.RUNNING)):
        counts.changed(job)

    assert counts.charges == {"up": 1}
    assert counts.doubts == {"up": 1}
    assert counts.ended[State.FAILED] == 2


@pytest.mark.parametrize(("owners", "classes"), [(MOST_CLASSES, 20), (MOST_CLASSES + 1, 21)])
def test_so_many_owners_are_a_class_each_and_all_further_ones_are_one(
    owners: int, classes: int
) -> None:
    counts = JobCounts()
    for number in range(owners):
        for _ in range(2):
            counts.changed(a_job(owner=Owner(f"team-{number}")))
    found = {owner_class: count for _, _, owner_class, count in counts.unfinished()}

    assert len(found) == classes
    assert set(found.values()) == {2}
    assert (OTHERS in found) == (owners > MOST_CLASSES)


@pytest.mark.parametrize("now_ms", [0, 1_763_600_000_123, 2**48 - 1])
def test_an_id_says_when_its_job_was_made(now_ms: int) -> None:
    assert made_ms(new_id(now_ms)) == now_ms


async def test_a_job_that_ends_while_a_start_reads_rows_is_counted_nowhere() -> None:
    counts, job = JobCounts(), a_job(state=State.READY)

    async def read() -> AsyncIterator[Sequence[UnfinishedJob]]:
        counts.changed(moved(job, State.CANCELLED))  # another server has ended it meanwhile
        async for some in rows(job):
            yield some

    await counts.startup(read())

    assert jobs_in(counts) == {}
