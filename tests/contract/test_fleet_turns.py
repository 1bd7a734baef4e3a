"""Owners' turns on the lanes of several servers on one database."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from support.open_stores import a_row
from support.postgres_fleets import Work, fleet
from support.waits import until
from unstill.domain import job as jobs
from unstill.domain.job import Failure, Job, State
from unstill.store.ports.queue import Lane
from unstill.store.postgres.lines import Lines
from unstill.store.postgres.store import PostgresStore
from unstill.store.postgres.tags import LOWERED_FROM

LANE = "engine:camera"


async def test_owners_take_turns_whatever_server_they_asked(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path, 3) as (one, other, third):
        for store in (one, other, third):
            await store.queue.know([work.lane(store)])
        for number in range(10):
            row = a_row(f"a-{number}", owner="ann", state=State.READY)
            await (one, third)[number % 2].jobs.add(row)
            for each in (one, other, third):
                await until(partial(_knows, each, row.id))
        for number in range(3):
            await other.jobs.add(a_row(f"b-{number}", owner="bob", state=State.READY))
        one.queue.serve([work.lane(one)])
        work.gate.set()
        await until(lambda: len(work.begun) == 13)

    first = work.begun[:6]
    assert [job_id[0] for job_id in first] == ["a", "b"] * 3
    assert [job_id for job_id in work.begun if job_id[0] == "a"] == [f"a-{n}" for n in range(10)]


async def test_a_heavy_owner_has_more_turns(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path, 1) as (store,):
        store.queue.weigh(lambda owner: 3 if owner == "ann" else 1)
        await store.queue.know([work.lane(store)])
        for number in range(12):
            await store.jobs.add(a_row(f"a-{number:02}", owner="ann", state=State.READY))
            await store.jobs.add(a_row(f"b-{number:02}", owner="bob", state=State.READY))
        work.gate.set()
        store.queue.serve([work.lane(store)])
        await until(lambda: len(work.begun) == 24)

    assert sorted(job_id[0] for job_id in work.begun[:8]) == ["a"] * 6 + ["b"] * 2


async def test_an_owner_who_comes_late_begins_where_the_line_is_by_now(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path) as (one, other):
        for store in (one, other):
            await store.queue.know([work.lane(store)])
        for number in range(60):
            await one.jobs.add(a_row(f"a-{number:02}", owner="ann", state=State.READY))
        permits = asyncio.Semaphore(30)

        async def step(job: Job) -> None:
            await permits.acquire()
            work.begun.append(job.id)
            await one.jobs.change(job.id, jobs.failed(Failure("code", "why"), 5))

        one.queue.serve([Lane(LANE, 1, step)])
        await until(lambda: len(work.begun) == 30 and not _knows(other, "a-29"))
        for number in range(20):
            await other.jobs.add(a_row(f"b-{number:02}", owner="bob", state=State.READY))
        for _ in range(60):
            permits.release()
        await until(lambda: len(work.begun) == 80)

    then = "".join(job_id[0] for job_id in work.begun[30:50])
    assert 8 <= then.count("a") <= 12


async def test_where_steps_mostly_fail_each_job_gets_its_turn(tmp_path: Path) -> None:
    begun: list[str] = []
    async with fleet(tmp_path, 1) as (store,):

        async def fail(job: Job) -> None:
            begun.append(job.id)
            await store.jobs.change(job.id, jobs.unsaved(store.clock_ms() + 1))

        for job_id in ("a", "b", "c"):
            await store.jobs.add(a_row(job_id, state=State.SAVING, due_ms=1))
        store.queue.serve([Lane("again:camera", 1, fail, is_in_turn=True)])
        await until(lambda: len(begun) >= 9)

    assert sorted(begun[3:6]) == sorted(begun[6:9]) == ["a", "b", "c"]


async def test_tags_that_have_grown_large_are_written_smaller(tmp_path: Path) -> None:
    work = Work()
    async with fleet(tmp_path) as (one, other):
        for store in (one, other):
            await store.queue.know([work.lane(store)])
        lines = _lines(one)
        lines.tags.reach(LANE, LOWERED_FROM + 10)
        await one.jobs.add(a_row("a-0", owner="ann", state=State.READY))
        await one.jobs.add(a_row("a-1", owner="ann", state=State.READY))
        await one.jobs.add(a_row("b-0", owner="bob", state=State.READY))
        before = await _priorities(one)
        await one.queue._sweep.lower(LANE)
        after = await _priorities(one)
        await _lines(other).read_lowered()
        _lines(other).tags.reach(LANE, LOWERED_FROM + 10)
        await other.jobs.add(a_row("c-0", owner="cid", state=State.READY))
        work.gate.set()
        other.queue.serve([work.lane(other)])
        await until(lambda: len(work.begun) == 4)

    assert max(before) < 0 < min(after)
    assert [each - before[0] for each in before] == [each - after[0] for each in after]
    assert work.begun == ["a-0", "b-0", "c-0", "a-1"]


def _lines(store: PostgresStore) -> Lines:
    return store._dispatch.lines


def _knows(store: PostgresStore, job_id: str) -> bool:
    """Whether it has heard that the job waits."""
    return _lines(store).tags.place_of(job_id) is not None


async def _priorities(store: PostgresStore) -> list[int]:
    found = await store.database.rows(
        "SELECT priority FROM unstill_pgqueuer WHERE entrypoint = $1 ORDER BY id", LANE
    )
    return [int(priority) for (priority,) in found]
