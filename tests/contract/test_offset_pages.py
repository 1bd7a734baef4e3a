"""Lists by time, state and name, in numbered pages: what every job store keeps to."""

from __future__ import annotations

import asyncio

from support.jobs import OWNER, a_job
from unstill.domain.job import FINAL, State
from unstill.domain.job_ids import new_id
from unstill.store.ports.job_lists import OffsetPage, Where
from unstill.store.ports.store import Store

NOON_MS = 1_763_600_000_000


async def test_a_slice_counts_all_and_shows_some_newest_first(store: Store) -> None:
    ids = [new_id(NOON_MS + number) for number in range(25)]
    await asyncio.gather(*(store.jobs.add(a_job(id=id_)) for id_ in ids))
    await store.jobs.add(a_job(id=new_id(NOON_MS), owner="team-b"))
    await store.jobs.add(a_job(id=new_id(NOON_MS), is_hidden=True))
    all_day = Where(NOON_MS, NOON_MS + 1000)

    first = await store.job_lists.list_by_offset(OWNER, all_day, offset=0, limit=10)
    last = await store.job_lists.list_by_offset(OWNER, all_day, offset=20, limit=10)
    beyond = await store.job_lists.list_by_offset(OWNER, all_day, offset=30, limit=10)

    newest_first = sorted(ids, reverse=True)
    assert [job.id for job in first.jobs] == newest_first[:10]
    assert [job.id for job in last.jobs] == newest_first[20:]
    assert (first.total, last.total, beyond) == (25, 25, OffsetPage((), 25))


async def test_a_slice_holds_both_ends_of_its_time(store: Store) -> None:
    ids = {moment_ms: new_id(moment_ms) for moment_ms in range(NOON_MS - 1, NOON_MS + 4)}
    await asyncio.gather(*(store.jobs.add(a_job(id=id_)) for id_ in ids.values()))

    found = await store.job_lists.list_by_offset(
        OWNER, Where(NOON_MS, NOON_MS + 2), offset=0, limit=10
    )

    assert {job.id for job in found.jobs} == {ids[NOON_MS + number] for number in range(3)}


async def test_a_slice_is_of_the_states_and_the_model_that_are_asked_for(store: Store) -> None:
    jobs = [
        a_job(id=new_id(NOON_MS), state=state, model=model)
        for state in State
        for model in ("wan2.7-i2v", "my-wan")
    ]
    await asyncio.gather(*(store.jobs.add(job) for job in jobs))

    async def found(states: frozenset[State] | None, model: str | None) -> set[str]:
        where = Where(NOON_MS, NOON_MS, states, model)
        taken = await store.job_lists.list_by_offset(OWNER, where, offset=0, limit=100)
        assert taken.total == len(taken.jobs)
        return {job.id for job in taken.jobs}

    assert await found(None, None) == {job.id for job in jobs}
    assert await found(FINAL, None) == {job.id for job in jobs if job.state.is_final}
    assert await found(None, "my-wan") == {job.id for job in jobs if job.model == "my-wan"}
    assert await found(frozenset(), None) == set()


async def test_every_page_of_a_slice_tells_the_same_total(store: Store) -> None:
    states = (State.FAILED, State.SUCCEEDED, State.FAILED)
    jobs = [a_job(id=new_id(NOON_MS + n), state=state) for n, state in enumerate(states * 3)]
    await asyncio.gather(*(store.jobs.add(job) for job in jobs))
    where = Where(NOON_MS + 1, NOON_MS + 7, frozenset({State.FAILED}))
    wanted = [job.id for job in reversed(jobs[1:8]) if job.state is State.FAILED]

    for limit in range(1, 7):
        for offset in range(8):
            taken = await store.job_lists.list_by_offset(OWNER, where, offset=offset, limit=limit)
            assert [job.id for job in taken.jobs] == wanted[offset : offset + limit]
            assert taken.total == len(wanted)
