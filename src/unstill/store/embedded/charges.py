"""The book of money as rows: what a job's own units write, and what is read of an open store.

Beside them stand the sums of each owner and day, changed with each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from unstill.domain.book import check_budgets, end_entries, month_of, open_reserve, spent_by
from unstill.domain.job import Change, Job
from unstill.domain.money import Bill, BudgetUse, Charge, ChargeKind, ChargeReserve
from unstill.domain.owner import Owner
from unstill.domain.usage import BookFigures, UsageAsked, UsageSum
from unstill.store.book_rows import COLUMNS, NAMES, charge_of, values_of
from unstill.store.embedded.book_currency import other_currency_in
from unstill.store.embedded.book_figures import RunningTotals
from unstill.store.embedded.handle import Handle
from unstill.store.embedded.usage import UsageReports
from unstill.store.seals import seal_of

TABLE = "charges"

_INSERT = f"INSERT INTO charges ({NAMES}, seal) VALUES ({', '.join('?' * len(COLUMNS))}, ?)"  # noqa: S608  - field names
# By the index `charges_once`.
OF_JOB = f"SELECT {NAMES} FROM charges WHERE job_id = ? ORDER BY id"  # noqa: S608  - field names
_SPEND = (
    "INSERT INTO spent (owner, day, reserved, settled) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (owner, day) DO UPDATE SET reserved = reserved + excluded.reserved, "
    "settled = settled + excluded.settled"
)
# Parameters: the owner, the day, the first and the last day of its month.
USED = (
    "SELECT coalesce(sum(reserved + settled) FILTER (WHERE day = ?2), 0), "
    "coalesce(sum(reserved + settled), 0) FROM spent WHERE owner = ?1 AND day BETWEEN ?3 AND ?4"
)


class EmbeddedCharges:
    """Those of an open store."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._reports = UsageReports(handle)
        self._totals = RunningTotals()

    async def of(self, job_id: str) -> Sequence[Charge]:
        return await self._handle.opened.ledger.read(lambda connection: of_job(connection, job_id))

    async def used(self, owner: Owner, day: int) -> BudgetUse:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: used_in(connection, owner, day))

    async def other_currency(self, currency: str, day: int) -> str | None:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: other_currency_in(connection, currency, day))

    async def figures(self, day: int) -> BookFigures:
        ledger = self._handle.opened.ledger
        return await ledger.read(lambda connection: self._totals.figures_in(connection, day))

    async def usage(self, asked: UsageAsked) -> Sequence[UsageSum]:
        return await self._reports.read(asked)


# --- in the transaction at hand ----------------------------------------------------------------


def reserve(connection: apsw.Connection, wanted: ChargeReserve) -> None:
    """Write the reserve of a new job. Raises OverBudget."""
    entry, budgets = wanted.entry, wanted.budgets
    if budgets.day is not None or budgets.month is not None:
        check_budgets(wanted, used_in(connection, entry.owner, entry.day))
    write(connection, [entry], entry)


def follow(connection: apsw.Connection, job: Job, change: Change) -> None:
    """Write what a change of a job means for the book; nothing where the job has no reserve."""
    if change.to is not None and change.to.is_final:
        end(connection, job, change.bill)


def end(connection: apsw.Connection, job: Job, bill: Bill | None) -> None:
    """Write what a job's end means for the book."""
    standing = open_reserve(of_job(connection, job.id))
    if standing is not None:
        write(connection, end_entries(standing, job, bill), standing)


def write(connection: apsw.Connection, entries: Iterable[Charge], standing: Charge) -> None:
    """Write entries of a job and what they mean for the sums. `standing`: its reserve."""
    for entry in entries:
        values = values_of(entry)
        connection.execute(_INSERT, (*values, seal_of(values)))
        by = spent_by(entry, standing)
        if entry.kind is not ChargeKind.COST:
            connection.execute(_SPEND, (entry.owner, entry.day, by.reserved, by.settled))


def of_job(connection: apsw.Connection, job_id: str) -> list[Charge]:
    """Its entries, oldest first."""
    return [charge_of(row) for row in connection.execute(OF_JOB, (job_id,)).fetchall()]


def used_in(connection: apsw.Connection, owner: Owner, day: int) -> BudgetUse:
    month = month_of(day)
    bounds = (owner, day, month.first, month.last)
    found: list[tuple[Any, ...]] = connection.execute(USED, bounds).fetchall()
    [(of_day, of_month)] = found
    return BudgetUse(of_day, of_month)
