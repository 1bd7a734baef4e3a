"""The lanes of any store, and its end."""

from __future__ import annotations

import asyncio

import pytest

from support.open_stores import Make, a_row, opened
from support.unfinished_jobs import left
from unstill.domain import job as jobs
from unstill.domain.errors import ShuttingDown
from unstill.domain.job import FINAL, Failure, Job, State
from unstill.store.ports.queue import Lane
from unstill.store.ports.store import Store


async def test_what_was_left_unfinished_is_taken_up_again(make: Make) -> None:
    taken: asyncio.Queue[Job] = asyncio.Queue()
    async with opened(make) as store:
        await asyncio.gather(*(store.jobs.add(a_row(state, state=state)) for state in State))

    async with opened(make) as store:
        unfinished = await left(store)
        lanes = ("frames", "engine:camera", "save:camera")
        store.queue.serve([Lane(name, 1, taken.put) for name in lanes])
        async with asyncio.timeout(30):
            ids = {(await taken.get()).id for _ in lanes}

    assert {place.state for place in unfinished} == set(State) - FINAL
    assert ids == {State.QUEUED, State.READY, State.SAVING}


@pytest.mark.parametrize(
    ("lane", "state"),
    [("frames", State.QUEUED), ("engine:camera", State.READY), ("save:camera", State.SAVING)],
)
@pytest.mark.parametrize("is_new", [True, False])  # or left by the last server
async def test_owners_take_turns_in_every_lane(
    make: Make, lane: str, state: State, *, is_new: bool
) -> None:
    taken, done = list[str](), asyncio.Event()

    async def step(job: Job) -> None:
        taken.append(job.id)
        if len(taken) == 5:
            done.set()
            await asyncio.sleep(60)
        await store.jobs.change(job.id, jobs.failed(Failure("code", "why"), 5))

    ids = {"team-a": [f"a-{number:03}" for number in range(200)], "team-b": ["b-0", "b-1"]}
    async with opened(make) as store:
        for owner, those in ids.items():
            await asyncio.gather(
                *(store.jobs.add(a_row(i, owner=owner, state=state)) for i in those)
            )
        if is_new:
            store.queue.serve([Lane(lane, 1, step)])
            await asyncio.wait_for(done.wait(), 30)
    if not is_new:
        async with opened(make) as store:
            store.queue.serve([Lane(lane, 1, step)])
            await asyncio.wait_for(done.wait(), 30)

    assert taken == ["a-000", "b-0", "a-001", "b-1", "a-002"]


async def test_a_new_job_is_taken_at_once(store: Store) -> None:
    taken: asyncio.Queue[Job] = asyncio.Queue()
    store.queue.serve([Lane("frames", 2, taken.put)])

    await store.jobs.add(a_row())

    assert (await asyncio.wait_for(taken.get(), 30)).id == "job"
    await store.queue.rest(1)


async def test_a_closed_store_takes_nothing_and_may_be_closed_again(make: Make) -> None:
    store = make()
    await store.open()
    adds = [asyncio.ensure_future(store.jobs.add(a_row(f"job-{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await store.close()

    with pytest.raises(ShuttingDown):
        await store.jobs.add(a_row())
    with pytest.raises(ShuttingDown):
        await store.jobs.find("job-1")
    await asyncio.gather(*adds)
    async with opened(make) as store:
        assert len(await left(store)) == 20
