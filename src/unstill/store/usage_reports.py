"""Usage as SQL: the sums of domain/usage.py, over all rows of the book at once; and whose turn it
is to have them read.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from unstill.domain.errors import Overloaded
from unstill.domain.owner import Owner
from unstill.domain.usage import UsageAsked, UsagePart, UsageSum, day_shown
from unstill.store.book_rows import PLACE
from unstill.store.job_rows import Row

MOST_AT_ONCE = 4  # one owner's, the one that is read included; as many of operators

_COLUMNS = {
    UsagePart.OWNER: "entry.owner",
    UsagePart.KEY: "entry.key_id",
    UsagePart.MODEL: "entry.model",
    UsagePart.ENGINE: "entry.engine",
    UsagePart.DAY: "entry.day",
}
_SUM = "CAST(coalesce(sum(entry.{0}) FILTER (WHERE entry.kind = '{1}'), 0) AS bigint)"
_SUMS = f"""
SELECT {{parts}}coalesce(reserve.currency, entry.currency) AS house,
  {_SUM.format("amount", "settle")},
  {_SUM.format("amount", "reserve")},
  {_SUM.format("amount", "cost")},
  count(*) FILTER (WHERE entry.kind != 'cost'),
  count(*) FILTER (WHERE entry.kind = 'settle'),
  {_SUM.format("billed_ns", "settle")}
FROM charges AS entry
LEFT JOIN charges AS reserve ON reserve.job_id = entry.job_id
  AND {PLACE.format("reserve")} = 'reserve' AND reserve.n = 0
WHERE (entry.kind != 'reserve' OR NOT EXISTS (
    SELECT 1 FROM charges AS ended WHERE ended.job_id = entry.job_id
    AND {PLACE.format("ended")} = 'settle' AND ended.n = 0))
  AND {{where}}
GROUP BY {{parts}}house ORDER BY {{parts}}house
"""  # noqa: S608  - no value is in it


def usage_sql(
    asked: UsageAsked, mark: Callable[[int], str] = lambda _: "?"
) -> tuple[str, tuple[str | int, ...]]:
    """The read, and its parameters. mark: how the database knows the first, the second, ..."""
    bounds = {
        "entry.day >= {}": asked.since_day,
        "entry.day <= {}": asked.until_day,
        "entry.owner = {}": asked.owner,
        # By the index of days: an owner's own report does not read the rows of all others.
        "entry.day IN (SELECT day FROM spent WHERE owner = {})": asked.owner,
    }
    given = {condition: value for condition, value in bounds.items() if value is not None}
    parts = "".join(f"{_COLUMNS[part]}, " for part in asked.by)
    where = " AND ".join(each.format(mark(n)) for n, each in enumerate(given, 1)) or "TRUE"
    return _SUMS.format(parts=parts, where=where), tuple(given.values())


def sums_of_rows(asked: UsageAsked, found: Iterable[Row]) -> list[UsageSum]:
    """What the rows of the read say."""
    count = len(asked.by)
    return [UsageSum(tuple(map(_told, asked.by, row[:count])), *row[count:]) for row in found]


def _told(part: UsagePart, value: object) -> str:
    return day_shown(value) if part is UsagePart.DAY and isinstance(value, int) else f"{value}"


class UsageTurns:
    """Those of an open store: one report is read at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._at_once: Counter[Owner | None] = Counter()

    async def read(
        self, asked: UsageAsked, work: Callable[[], Awaitable[Sequence[UsageSum]]]
    ) -> Sequence[UsageSum]:
        """Do `work` when it is its turn. Raises Overloaded."""
        if self._at_once[asked.owner] >= MOST_AT_ONCE:
            raise Overloaded("your usage is being summed up already, ask for it again")
        self._at_once[asked.owner] += 1
        try:
            async with self._turn:
                return await work()
        finally:
            self._at_once[asked.owner] -= 1
