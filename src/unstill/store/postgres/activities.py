"""What was done in a while, in the database that servers share."""

from __future__ import annotations

from collections.abc import Sequence

from unstill.domain.activity import Activity, ActivitySpan
from unstill.domain.owner import NOBODY
from unstill.store.activity_rows import ENDED, MADE, activity_in
from unstill.store.job_rows import Row
from unstill.store.list_turns import ListTurns
from unstill.store.postgres.database import Database

ENDED_JOBS = ENDED.format(
    *("$1", "$2", "$3", "$4"),
    code="failure::jsonb ->> 'code'",
    video_s="(video::jsonb ->> 'duration_s')::float8",
)
MADE_JOBS = MADE.format("$1", "$2")


class PostgresActivities:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns = ListTurns()

    async def within(self, span: ActivitySpan) -> Activity:
        async with self._turns.of(NOBODY):
            return await activity_in(span, ended=self._ended, made=self._made)

    async def _ended(self, *bounds: object) -> Sequence[Row]:
        return [tuple(row) for row in await self._database.rows(ENDED_JOBS, *bounds)]

    async def _made(self, *bounds: object) -> Sequence[Row]:
        return [tuple(row) for row in await self._database.rows(MADE_JOBS, *bounds)]
