"""Usage as SQL: the sums of domain/usage.py, over all rows of the book at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import apsw

from unstill.domain.errors import Overloaded
from unstill.domain.owner import Owner
from unstill.domain.usage import UsageAsked, UsagePart, UsageSum, day_shown
from unstill.store.embedded.handle import Handle
from unstill.store.embedded.rows import Row

MOST_AT_ONCE = 4  # of one owner, the one that is read included; as many of operators

_COLUMNS = {
    UsagePart.OWNER: "entry.owner",
    UsagePart.KEY: "entry.key_id",
    UsagePart.MODEL: "entry.model",
    UsagePart.ENGINE: "entry.engine",
    UsagePart.DAY: "entry.day",
}
# Word for word that of the index `charges_once`, or it is not used.
PLACE = "CASE {0}.kind WHEN 'release' THEN 'settle' ELSE {0}.kind END"
_SUMS = f"""
SELECT {{parts}}coalesce(reserve.currency, entry.currency) AS house,
  sum(CASE entry.kind WHEN 'settle' THEN entry.amount ELSE 0 END),
  sum(CASE entry.kind WHEN 'reserve' THEN entry.amount ELSE 0 END),
  sum(CASE entry.kind WHEN 'cost' THEN entry.amount ELSE 0 END),
  sum(entry.kind != 'cost'),
  sum(entry.kind = 'settle'),
  sum(CASE entry.kind WHEN 'settle' THEN entry.billed_ns ELSE 0 END)
FROM charges AS entry
LEFT JOIN charges AS reserve ON reserve.job_id = entry.job_id
  AND {PLACE.format("reserve")} = 'reserve' AND reserve.n = 0
WHERE (entry.kind != 'reserve' OR NOT EXISTS (
    SELECT 1 FROM charges AS ended WHERE ended.job_id = entry.job_id
    AND {PLACE.format("ended")} = 'settle' AND ended.n = 0))
  AND {{where}}
GROUP BY {{parts}}house ORDER BY {{parts}}house
"""  # noqa: S608  - no value is in it


def usage_sql(asked: UsageAsked) -> tuple[str, tuple[str | int, ...]]:
    """The read, and its parameters."""
    bounds = {
        "entry.day >= ?": asked.since_day,
        "entry.day <= ?": asked.until_day,
        "entry.owner = ?": asked.owner,
        # By the index of days: an owner's own report does not read the rows of all others.
        "entry.day IN (SELECT day FROM spent WHERE owner = ?)": asked.owner,
    }
    given = {condition: value for condition, value in bounds.items() if value is not None}
    parts = "".join(f"{_COLUMNS[part]}, " for part in asked.by)
    return _SUMS.format(parts=parts, where=" AND ".join(given) or "TRUE"), tuple(given.values())


def usage_in(connection: apsw.Connection, asked: UsageAsked) -> list[UsageSum]:
    """As the port has it."""
    count = len(asked.by)
    found: list[Row] = connection.execute(*usage_sql(asked)).fetchall()
    return [UsageSum(tuple(map(_told, asked.by, row[:count])), *row[count:]) for row in found]


def _told(part: UsagePart, value: object) -> str:
    return day_shown(value) if part is UsagePart.DAY and isinstance(value, int) else f"{value}"


class UsageReports:
    """Those of an open store: one is read at a time, beside callers' lists."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._turn = asyncio.Lock()
        self._at_once: Counter[Owner | None] = Counter()

    async def read(self, asked: UsageAsked) -> Sequence[UsageSum]:
        """Raises Overloaded."""
        if self._at_once[asked.owner] >= MOST_AT_ONCE:
            raise Overloaded("your usage is being summed up already, ask for it again")
        self._at_once[asked.owner] += 1
        try:
            async with self._turn:
                lists = self._handle.opened.lists
                return await lists.read(lambda connection: usage_in(connection, asked))
        finally:
            self._at_once[asked.owner] -= 1
