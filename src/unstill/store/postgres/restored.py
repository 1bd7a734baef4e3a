"""Going on with a database that was put back from an older copy: what an operator says once.

While no server is up. The store gets a new id, so that whatever folders servers have begun since
the copy stay where they are. What waits for an engine that may cost is held: it may have been sent,
and paid for, since.
"""

from __future__ import annotations

from collections.abc import Collection
from secrets import token_hex
from typing import NamedTuple

from unstill.domain.errors import OperatorError
from unstill.store.job_rows import FINAL_STATES
from unstill.store.postgres.database import Database, WriteUnit

_UP = "SELECT count(*) FROM servers WHERE up_until >= now()"
_RENAME = "UPDATE store SET id = $1"
# Those in the midst of a call too: it may have been refused, and another one paid for since. And
# those that run at an upstream: one that is free to repeat may have lost them, or will.
_HOLD = (
    "INSERT INTO held SELECT id FROM jobs "  # noqa: S608  - state names
    f"WHERE state NOT IN ({FINAL_STATES}) "
    "AND state IN ('queued', 'ready', 'submitting', 'running') AND engine <> ALL($1::text[]) "
    "ON CONFLICT DO NOTHING"
)
_COUNTS = (
    "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM held JOIN jobs ON id = job_id "
    "WHERE state IN ('queued', 'ready'))"
)


class Restored(NamedTuple):
    jobs: int  # that the store knows
    held: int  # so many wait until they are released


async def go_on(database: Database, *, local_engines: Collection[str]) -> Restored:
    """Hold what might be paid for twice, in a database that is up to date; all or nothing.

    local_engines: those whose jobs cost nothing. Raises OperatorError while a server is up,
    StorageFailed.
    """

    async def write(unit: WriteUnit) -> Restored:
        [(up,)] = await unit.rows(_UP)
        if up:
            raise OperatorError(
                f"{up} servers are up on this database, or were half a minute ago: stop them first"
            )
        await unit.run(_RENAME, token_hex(8))
        await unit.run(_HOLD, sorted(local_engines))
        [(jobs, held)] = await unit.rows(_COUNTS)
        return Restored(jobs, held)

    return await database.write(write)
