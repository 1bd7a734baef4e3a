"""The book of money in a database that several servers write to at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.books import ANN, LEASE, SIX_SECONDS, VIDEO, a_booked_job
from support.open_stores import a_row
from support.postgres_servers import shared
from support.reserves import a_reserve
from unstill.domain.access_errors import OverBudget
from unstill.domain.job import (
    Failure,
    Job,
    Usage,
    cancelled,
    failed,
    made_ready,
    rendered,
    started,
    succeeded,
)
from unstill.domain.money import Budgets, BudgetUse, day_of
from unstill.domain.request import Size
from unstill.domain.usage import UsageAsked
from unstill.store.postgres import charges
from unstill.store.postgres.book_figures import BookTotals
from unstill.store.postgres.database import WriteUnit
from unstill.store.postgres.store import PostgresStore
from unstill.store.usage_reports import usage_sql

DAY = day_of(a_row().created_ms)
SAVED = (made_ready(Size(1280, 720)), started(1, LEASE), rendered())
Two = tuple[PostgresStore, PostgresStore]


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    """Two servers on one database."""
    url = shared().new_store()
    first, second = PostgresStore(url, tmp_path / "a"), PostgresStore(url, tmp_path / "b")
    await first.open()
    await second.open()
    yield first, second
    await first.close()
    await second.close()


async def submitted(store: PostgresStore, job: Job, budgets: Budgets) -> bool:
    try:
        await store.jobs.add(job, reserve=a_reserve(job, budgets))
    except OverBudget:
        return False
    return True


@pytest.mark.parametrize("budgets", [Budgets(day=7 * 450_000), Budgets(month=8 * 450_000 - 1)])
async def test_of_calls_at_several_servers_at_once_as_many_are_stored_as_there_is_room_for(
    two: Two, budgets: Budgets
) -> None:
    jobs = [a_row(f"job-{n:02}", owner=ANN) for n in range(30)]
    stored = await asyncio.gather(
        *(submitted(two[n % 2], job, budgets) for n, job in enumerate(jobs))
    )
    found = [await two[0].jobs.find(job.id) for job in jobs]

    assert sum(stored) == 7
    assert [job is not None for job in found] == stored
    for store in two:
        assert await store.charges.used(ANN, DAY) == BudgetUse(7 * 450_000, 7 * 450_000)


async def test_of_two_ends_at_two_servers_at_once_one_is_written(two: Two) -> None:
    first, second = two
    jobs = [a_booked_job(f"job-{n:02}", ANN) for n in range(10)]
    for job in jobs:
        await first.jobs.add(job, reserve=a_reserve(job))
        await ended_until_saved(first, job)
    ends = [
        (
            first.jobs.change(job.id, succeeded(VIDEO, Usage(5), 9, bill=SIX_SECONDS)),
            second.jobs.change(job.id, failed(Failure("engine_died", "it died"), 9)),
        )
        for job in jobs
    ]
    answers = await asyncio.gather(*(each for pair in ends for each in pair))
    entries = [await second.charges.of(job.id) for job in jobs]
    settled = sum(each[1].kind == "settle" for each in entries)

    assert sum(each is not None for each in answers) == 10
    assert [sum(row.kind in {"settle", "release"} for row in each) for each in entries] == [1] * 10
    assert await first.charges.used(ANN, DAY) == BudgetUse(settled * 540_000, settled * 540_000)


async def ended_until_saved(store: PostgresStore, job: Job) -> None:
    for change in SAVED:
        assert await store.jobs.change(job.id, change) is not None


async def test_one_owners_calls_do_not_wait_for_each_others_commits(two: Two) -> None:
    held = a_row("job-0", owner=ANN)
    others = [a_row(f"job-{n}", owner=ANN) for n in range(1, 30)]
    free = next(job for job in others if charges.part_of(job.id) != charges.part_of(held.id))
    await two[0].jobs.add(held, reserve=a_reserve(held))
    connection = await two[0].database.connect()
    try:
        await connection.execute("BEGIN")
        await connection.execute(
            "UPDATE spent SET settled = settled WHERE part = $1", charges.part_of(held.id)
        )
        await two[1].jobs.add(free, reserve=a_reserve(free))
    finally:
        await connection.close()

    assert len({charges.part_of(job.id) for job in others}) == charges.PARTS
    assert await two[0].charges.used(ANN, DAY) == BudgetUse(900_000, 900_000)


async def test_what_is_committed_after_later_rows_is_in_the_figures_too(two: Two) -> None:
    first, second = two
    early = a_booked_job("early", ANN)
    await first.jobs.add(early, reserve=a_reserve(early))
    await ended_until_saved(first, early)
    connection = await first.database.connect()
    try:
        # A unit that has written its rows and is not committed yet.
        await connection.execute("BEGIN")
        unit = WriteUnit(connection)
        await unit.run("UPDATE jobs SET deaths = deaths WHERE id = 'early'")
        await charges.end(unit, early, None)
        told = []
        for n in range(3):
            late = a_booked_job(f"late-{n}", ANN)
            await second.jobs.add(late, reserve=a_reserve(late))
            await ended_until_saved(second, late)
            await second.jobs.change(late.id, succeeded(VIDEO, Usage(5), 9, bill=SIX_SECONDS))
            told.append(await second.charges.figures(DAY))
        await connection.execute("COMMIT")
    finally:
        await connection.close()
    after = [await store.charges.figures(DAY) for _ in range(3) for store in two]

    assert [each.prices["ali"] for each in told] == [540_000, 1_080_000, 1_620_000]
    assert [each.reserved for each in told] == [450_000] * 3
    assert [each.reserved for each in after] == [0] * 6
    assert {each.prices["ali"] for each in after} == {1_620_000}
    assert after[0].used == {ANN: BudgetUse(1_620_000, 1_620_000)}


async def test_the_figures_are_added_up_piece_by_piece(two: Two) -> None:
    totals = BookTotals(two[1].database, chunk=2)
    for n in range(5):
        job = a_booked_job(f"job-{n}", ANN)
        await two[0].jobs.add(job, reserve=a_reserve(job))
        await two[0].jobs.change(job.id, cancelled(9, is_hidden=False))
        assert (await totals.figures(DAY)).reserved == 0
    late = a_booked_job("open", ANN)
    await two[0].jobs.add(late, reserve=a_reserve(late))

    assert (await totals.figures(DAY)).reserved == 450_000


@pytest.mark.parametrize(
    ("sql", "bounds", "index"),
    [
        (charges.OF_JOB, ("job",), "charges_once"),
        (charges.USED, ("ann", 1, 1, 2), "spent_pkey"),
        (charges.IS_IN_FORCE, ("EUR", 1, 2), "charges_once"),
        (*usage_sql(UsageAsked(owner=ANN), "${}".format), "charges_of_days"),
    ],
)
async def test_the_book_is_asked_by_its_indexes(
    two: Two, sql: str, bounds: tuple[Any, ...], index: str
) -> None:
    async def plan(connection: Any) -> str:
        async with connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = off")
            return "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *bounds))

    assert index in await two[0].database.read(plan)
