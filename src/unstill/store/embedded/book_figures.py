"""What the whole book of money comes to: of rows that are never changed, each is added up once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import apsw

from unstill.domain.book import month_of
from unstill.domain.money import BudgetUse, ChargeKind
from unstill.domain.owner import Owner
from unstill.domain.usage import BookFigures
from unstill.store.job_rows import Row

_NEWEST = "SELECT coalesce(max(id), 0) FROM charges"
_ADDED = (
    "SELECT kind, engine, sum(amount) FROM charges "
    "WHERE id > ? AND id <= ? AND kind IN ('settle', 'cost') GROUP BY kind, engine"
)
_RESERVED = "SELECT coalesce(sum(reserved), 0) FROM spent"
# Parameters: the day, the first and the last one of its month.
_USED = (
    "SELECT owner, coalesce(sum(reserved + settled) FILTER (WHERE day = ?1), 0), "
    "sum(reserved + settled) FROM spent WHERE day BETWEEN ?2 AND ?3 GROUP BY owner"
)


class RunningTotals:
    """Those of an open store, in the thread that reads it."""

    def __init__(self) -> None:
        self._until = 0  # the newest row that is in
        self._by_kind: dict[str, Counter[str]] = {each.value: Counter() for each in ChargeKind}

    def figures_in(self, connection: apsw.Connection, day: int) -> BookFigures:
        """As the port has it."""
        self._add_new(connection)
        month = month_of(day)
        [(reserved,)] = _select(connection, _RESERVED)
        used = _select(connection, _USED, day, month.first, month.last)
        return BookFigures(
            prices=dict(self._by_kind[ChargeKind.SETTLE]),
            costs=dict(self._by_kind[ChargeKind.COST]),
            reserved=reserved,
            used={Owner(owner): BudgetUse(*sums) for owner, *sums in used},
        )

    def _add_new(self, connection: apsw.Connection) -> None:
        [(newest,)] = _select(connection, _NEWEST)
        for kind, engine, amount in _select(connection, _ADDED, self._until, newest):
            self._by_kind[kind][engine] += amount
        self._until = newest


def _select(connection: apsw.Connection, sql: str, *bounds: int) -> list[Row]:
    found: list[tuple[Any, ...]] = connection.execute(sql, bounds).fetchall()
    return found
