"""The book of money as rows: what a job's own units write, and what is read of it.

Beside them stand the sums of each owner and day, changed with each row. The sums are in a few rows,
of which each is of some of the jobs: one that is changed is locked until its writer has committed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from zlib import crc32

from unstill.domain.book import check_budgets, end_entries, month_of, open_reserve, spent_by
from unstill.domain.job import Change, Job
from unstill.domain.money import Bill, BudgetUse, Charge, ChargeKind, ChargeReserve
from unstill.domain.owner import Owner
from unstill.domain.usage import BookFigures, UsageAsked, UsageSum
from unstill.store.book_rows import (
    COLUMNS,
    IN_FORCE,
    NAMES,
    NEWEST_CURRENCY,
    charge_of,
    values_of,
)
from unstill.store.postgres import usage
from unstill.store.postgres.book_figures import BookTotals
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.rows import places
from unstill.store.postgres.texts import storable
from unstill.store.seals import seal_of
from unstill.store.usage_reports import UsageTurns

PARTS = 8  # rows of the sums of an owner's day

# By the index `charges_once`.
OF_JOB = f"SELECT {NAMES} FROM charges WHERE job_id = $1 ORDER BY id"  # noqa: S608  - field names
# Parameters of both: the owner, the day, the first and the last day of its month.
USED = (
    "SELECT coalesce(sum(reserved + settled) FILTER (WHERE day = $2), 0)::bigint, "
    "coalesce(sum(reserved + settled), 0)::bigint "
    "FROM spent WHERE owner = $1 AND day BETWEEN $3 AND $4"
)
_USED_ALONE = "SELECT in_day, in_month FROM used_alone($1, $2, $3, $4)"
IS_IN_FORCE = IN_FORCE.format("$1", "$2", "$3")


class PostgresCharges:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = UsageTurns()
        self._totals = BookTotals(database)

    async def of(self, job_id: str) -> Sequence[Charge]:
        return [charge_of(tuple(row)) for row in await self._database.rows(OF_JOB, job_id)]

    async def used(self, owner: Owner, day: int) -> BudgetUse:
        [(of_day, of_month)] = await self._database.rows(USED, *_bounds(owner, day))
        return BudgetUse(of_day, of_month)

    async def other_currency(self, currency: str, day: int) -> str | None:
        newest = await self._database.row(NEWEST_CURRENCY)
        if newest is None or newest[0] == currency:
            return None
        month = month_of(day)
        bounds = (newest[0], month.first, month.last)
        # The whole book is read where it has another one, which a start may.
        [(is_in_force,)] = await self._database.read(
            lambda connection: connection.fetch(IS_IN_FORCE, *bounds, timeout=usage.WITHIN_S)
        )
        return str(newest[0]) if is_in_force else None

    async def figures(self, day: int) -> BookFigures:
        return await self._totals.figures(day)

    async def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        return await self._turns.read(asked, lambda: usage.usage_of(self._database, asked))


# --- in the unit at hand -----------------------------------------------------------------------


async def reserve(unit: WriteUnit, wanted: ChargeReserve) -> None:
    """Write the reserve of a new job, once its row is written. Raises OverBudget."""
    entry, budgets = wanted.entry, wanted.budgets
    if entry.amount and (budgets.day is not None or budgets.month is not None):
        [(of_day, of_month)] = await unit.rows(_USED_ALONE, *_bounds(entry.owner, entry.day))
        check_budgets(wanted, BudgetUse(of_day, of_month))
    await write(unit, [entry], entry)


async def follow(unit: WriteUnit, job: Job, change: Change) -> None:
    """Write what a change of a job means for the book; nothing where the job has no reserve."""
    if change.to is not None and change.to.is_final:
        await end(unit, job, change.bill)


async def end(unit: WriteUnit, job: Job, bill: Bill | None) -> None:
    """Write what a job's end means for the book."""
    standing = open_reserve(await of_job(unit, job.id))
    if standing is not None:
        await write(unit, end_entries(standing, job, bill), standing)


async def write(unit: WriteUnit, entries: Sequence[Charge], standing: Charge) -> None:
    """Write entries of a job and what they mean for the sums. `standing`: its reserve.

    The unit has written something before: what is numbered here belongs to a transaction that has
    a number itself, by which `BookTotals` knows that it is over.
    """
    if not entries:
        return
    written = [storable(values_of(entry)) for entry in entries]
    values = [each for entry in written for each in (*entry, seal_of(entry))]
    reserved = settled = 0
    for entry in entries:
        if entry.kind is not ChargeKind.COST:
            by = spent_by(entry, standing)
            reserved, settled = reserved + by.reserved, settled + by.settled
    place = (standing.owner, standing.day, part_of(standing.job_id))
    await unit.run(_write_sql(len(entries)), *values, *place, reserved, settled, len(entries))


async def of_job(unit: WriteUnit, job_id: str) -> list[Charge]:
    """Its entries, oldest first."""
    return [charge_of(tuple(row)) for row in await unit.rows(OF_JOB, job_id)]


def part_of(job_id: str) -> int:
    """Which row of its owner's day has the sums of a job."""
    return crc32(job_id.encode()) % PARTS


def _bounds(owner: Owner, day: int) -> tuple[Owner, int, int, int]:
    month = month_of(day)
    return owner, day, month.first, month.last


@cache
def _write_sql(count: int) -> str:
    """So many entries, in their order, and their sums."""
    width = len(COLUMNS) + 1
    rows = ", ".join(f"({places(1 + n * width, width)})" for n in range(count))
    return (
        f"WITH entries AS (INSERT INTO charges ({NAMES}, seal) VALUES {rows}) "  # noqa: S608  - field names
        "INSERT INTO spent AS now (owner, day, part, reserved, settled, entries) "
        f"VALUES ({places(1 + count * width, 6)}) "
        "ON CONFLICT (owner, day, part) DO UPDATE SET reserved = now.reserved + excluded.reserved, "
        "settled = now.settled + excluded.settled, entries = now.entries + excluded.entries"
    )
