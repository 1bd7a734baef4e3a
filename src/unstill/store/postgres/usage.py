"""Usage as the database sums it up, for a server and for an operator's command."""

from __future__ import annotations

from collections.abc import Sequence

from unstill.domain.usage import UsageAsked, UsageSum
from unstill.store.postgres.database import Database
from unstill.store.usage_reports import sums_of_rows, usage_sql

WITHIN_S = 300.0  # a read of the whole book


async def usage_of(database: Database, asked: UsageAsked) -> Sequence[UsageSum]:
    """The sums; none where the book is empty. Raises StorageFailed."""
    sql, bounds = usage_sql(asked, "${}".format)
    found = await database.read(lambda connection: connection.fetch(sql, *bounds, timeout=WITHIN_S))
    sums = sums_of_rows(asked, (tuple(row) for row in found))
    # Each database sorts words in its own way.
    return sorted(sums, key=lambda each: (each.parts, each.currency))
