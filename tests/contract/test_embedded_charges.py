"""The book of money in the embedded store: what it costs to ask, and its sums beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from support.open_stores import a_row, embedded_stores, opened
from support.reserves import YUAN, a_reserve
from unstill.domain.errors import UnstillError
from unstill.domain.job import Failure, cancelled, failed, made_ready
from unstill.domain.money import SECOND_NS, Bill, Budgets, day_of
from unstill.domain.owner import Owner
from unstill.domain.request import Size
from unstill.domain.usage import UsageAsked
from unstill.store.embedded import charges, migrations
from unstill.store.embedded.book_currency import IS_IN_FORCE
from unstill.store.embedded.folder_match import FILE
from unstill.store.usage_reports import usage_sql

BILL = Bill(6 * SECOND_NS, "ali", "turbo", YUAN)


def test_the_book_is_asked_by_its_indexes(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with closing(apsw.Connection(str(file))) as connection:
        migrations.bring_up_to_date(connection, file, migrations.FOLDER)
        of_job = connection.execute(f"EXPLAIN QUERY PLAN {charges.OF_JOB}", ("job",)).fetchall()
        change = connection.execute(f"EXPLAIN QUERY PLAN {IS_IN_FORCE}", ("EUR", 1, 2)).fetchall()
        own_sql, bounds = usage_sql(UsageAsked(owner=Owner("a")))
        own = connection.execute(f"EXPLAIN QUERY PLAN {own_sql}", bounds).fetchall()
        used = connection.execute(f"EXPLAIN QUERY PLAN {charges.USED}", ("a", 1, 1, 2)).fetchall()

    assert "charges_once (job_id=?)" in f"{of_job[0][3]}"
    assert any("charges_once (job_id=?" in f"{step[3]}" for step in change)
    assert "charges_of_days (day=? AND owner=?)" in f"{own[0][3]}"
    assert "PRIMARY KEY (owner=? AND day>? AND day<?)" in f"{used[0][3]}"


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Every statement of the connections that are opened meanwhile, in order."""
    statements: list[str] = []

    def trace(_: apsw.Cursor, sql: str, __: object) -> bool:
        statements.append(sql)
        return True

    def follow(connection: apsw.Connection) -> None:
        connection.exec_trace = trace

    apsw.connection_hooks.append(follow)
    yield statements
    apsw.connection_hooks.remove(follow)


async def test_without_money_a_submit_has_no_further_statement_and_an_end_one_look(
    tmp_path: Path, said: list[str]
) -> None:
    asked = []
    async with opened(embedded_stores(tmp_path)) as store:
        said.clear()
        job = await store.jobs.add(a_row())
        asked.append(about_money(said))
        await store.jobs.change(job.id, made_ready(Size(640, 480)))
        asked.append(about_money(said))
        await store.jobs.find(job.id)
        asked.append(about_money(said))
        await store.jobs.change(job.id, cancelled(1, is_hidden=False))
        asked.append(about_money(said))

    assert len(said) > 4
    assert asked == [[], [], [], [charges.OF_JOB]]


def about_money(statements: list[str]) -> list[str]:
    return [each for each in statements if "charges" in each or "spent" in each]


async def test_a_call_that_is_over_the_budget_leaves_the_others_of_its_commit(
    tmp_path: Path,
) -> None:
    jobs = [a_row(f"job-{n}", owner=Owner("ann")) for n in range(6)]
    budgets = Budgets(day=1_350_000)
    async with opened(embedded_stores(tmp_path)) as store:
        answers = await asyncio.gather(
            *(store.jobs.add(job, reserve=a_reserve(job, budgets)) for job in jobs),
            return_exceptions=True,
        )
        await store.jobs.change("job-0", failed(Failure("code", "words"), 1, bill=BILL))
        await store.jobs.change("job-1", cancelled(1, is_hidden=False))
    with closing(apsw.Connection(str(tmp_path / "data" / FILE))) as connection:
        spent = connection.execute("SELECT * FROM spent").fetchall()
        kinds = connection.execute("SELECT kind, count(*) FROM charges GROUP BY kind").fetchall()

    assert [isinstance(each, UnstillError) for each in answers] == [False] * 3 + [True] * 3
    assert spent == [("ann", day_of(jobs[0].created_ms), 450_000, 0)]
    assert sorted(kinds) == [("cost", 1), ("release", 2), ("reserve", 3)]
