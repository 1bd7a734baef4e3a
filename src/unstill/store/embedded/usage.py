"""Usage as a folder's store reads it: beside callers' lists."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from unstill.domain.usage import UsageAsked, UsageSum
from unstill.store.embedded.handle import Handle
from unstill.store.job_rows import Row
from unstill.store.usage_reports import UsageTurns, sums_of_rows, usage_sql


def usage_in(connection: apsw.Connection, asked: UsageAsked) -> list[UsageSum]:
    """As the port has it."""
    found: list[Row] = connection.execute(*usage_sql(asked)).fetchall()
    return sums_of_rows(asked, found)


class UsageReports:
    """Those of an open store."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._turns = UsageTurns()

    async def read(self, asked: UsageAsked) -> Sequence[UsageSum]:
        """Raises Overloaded."""

        async def work() -> Sequence[UsageSum]:
            lists = self._handle.opened.lists
            return await lists.read(lambda connection: usage_in(connection, asked))

        return await self._turns.read(asked, work)
