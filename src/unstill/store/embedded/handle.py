"""What the nouns of an embedded store stand on: its parts, for as long as it is open."""

from __future__ import annotations

import apsw

from unstill.domain.errors import ShuttingDown
from unstill.store.embedded.open_store import Opened
from unstill.store.job_rows import Value


class Handle:
    """One of a store; it is there before the store is open, and after."""

    def __init__(self) -> None:
        self.parts: Opened | None = None

    @property
    def opened(self) -> Opened:
        """Raises ShuttingDown where the store is not open."""
        if self.parts is None:
            raise ShuttingDown("the job store is not open")
        return self.parts

    async def execute(self, sql: str, bounds: tuple[Value, ...]) -> None:
        """Write one statement that changes no job."""

        def execute(connection: apsw.Connection) -> None:
            connection.execute(sql, bounds)

        await self.opened.writer.write(execute)
