"""What the whole book of money comes to: of rows that are never changed, each is added up once.

A row has its number before it is committed, so one may turn up below others that were seen. Sums
are kept of rows up to a number below which nothing is under way; what is above is added up anew
each time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

from unstill.domain.book import month_of
from unstill.domain.money import BudgetUse, ChargeKind
from unstill.domain.owner import Owner
from unstill.domain.usage import BookFigures
from unstill.store.book_rows import PLACE
from unstill.store.postgres.database import Database

CHUNK = 500_000  # rows in one read

# The first is a number of its own: who has one below it was under way before. The second: below it
# all are over.
_NOW = (
    "SELECT pg_current_xact_id()::text::bigint, "
    "pg_snapshot_xmin(pg_current_snapshot())::text::bigint, coalesce(max(id), 0) FROM charges"
)
# Parameters: the numbers above which and up to which. An end takes what was reserved.
_SUMS = f"""
SELECT entry.kind, entry.engine, sum(entry.amount)::bigint,
  coalesce(sum(reserve.amount), 0)::bigint
FROM charges AS entry LEFT JOIN charges AS reserve
  ON entry.kind IN ('settle', 'release') AND reserve.job_id = entry.job_id
  AND {PLACE.format("reserve")} = 'reserve' AND reserve.n = 0
WHERE entry.id > $1 AND entry.id <= $2 GROUP BY entry.kind, entry.engine
"""  # noqa: S608  - no value is in it
# Parameters: the day, the first and the last one of its month.
_USED = (
    "SELECT owner, coalesce(sum(reserved + settled) FILTER (WHERE day = $1), 0)::bigint, "
    "sum(reserved + settled)::bigint FROM spent WHERE day BETWEEN $2 AND $3 GROUP BY owner"
)


class _Sums:
    def __init__(self) -> None:
        self.until = 0  # the newest row that is in
        self.by_kind: dict[str, Counter[str]] = {each.value: Counter() for each in ChargeKind}
        self.ended = 0  # so much of what was reserved

    def copied(self) -> _Sums:
        copy = _Sums()
        copy.until, copy.ended = self.until, self.ended
        copy.by_kind = {kind: Counter(sums) for kind, sums in self.by_kind.items()}
        return copy

    async def add(self, database: Database, until: int, chunk: int) -> None:
        while self.until < until:
            last = min(self.until + chunk, until)
            for kind, engine, amount, ended in await database.rows(_SUMS, self.until, last):
                self.by_kind[kind][engine] += amount
                self.ended += ended
            self.until = last


class _Mark(NamedTuple):
    """Rows up to `row` are all there once no transaction below `xact` is under way."""

    row: int
    xact: int


class BookTotals:
    """Those of an open store."""

    def __init__(self, database: Database, chunk: int = CHUNK) -> None:
        self._database = database
        self._chunk = chunk
        self._sure = _Sums()
        self._mark: _Mark | None = None
        self._turn = asyncio.Lock()

    async def figures(self, day: int) -> BookFigures:
        """As the port has it."""
        async with self._turn:
            newest = await self._look()
            if not self._sure.until:
                newest = await self._look()  # else the whole book were read twice
            now = self._sure.copied()
            await now.add(self._database, newest, self._chunk)
        month = month_of(day)
        used = await self._database.rows(_USED, day, month.first, month.last)
        reserved = now.by_kind[ChargeKind.RESERVE].total() - now.ended
        return BookFigures(
            prices=dict(now.by_kind[ChargeKind.SETTLE]),
            costs=dict(now.by_kind[ChargeKind.COST]),
            reserved=reserved,
            used={Owner(owner): BudgetUse(*sums) for owner, *sums in used},
        )

    async def _look(self) -> int:
        """Keep the sums of what is there by now; the number of the newest row."""
        [(xact, all_over, newest)] = await self._database.rows(_NOW)
        if self._mark is not None and all_over >= self._mark.xact:
            await self._sure.add(self._database, self._mark.row, self._chunk)
            self._mark = None
        if self._mark is None:
            self._mark = _Mark(newest, xact)
        return int(newest)
