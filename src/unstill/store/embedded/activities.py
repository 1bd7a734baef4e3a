"""What was done in a while, read beside callers' lists and at their pace."""

from __future__ import annotations

from collections.abc import Sequence

from unstill.domain.activity import Activity, ActivitySpan
from unstill.domain.owner import NOBODY
from unstill.store.activity_rows import ENDED, MADE, activity_in
from unstill.store.embedded.handle import Handle
from unstill.store.job_rows import Row, Value
from unstill.store.list_turns import ListTurns

_ENDED = ENDED.format(*"????", code="failure ->> '$.code'", video_s="video ->> '$.duration_s'")
_MADE = MADE.format(*"??")


class EmbeddedActivities:
    """Those of an open store."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._turns = ListTurns()

    async def within(self, span: ActivitySpan) -> Activity:
        async with self._turns.of(NOBODY):
            return await activity_in(span, ended=self._ended, made=self._made)

    async def _ended(self, *bounds: Value) -> Sequence[Row]:
        return await self._handle.opened.lists.select(_ENDED, bounds)

    async def _made(self, *bounds: Value) -> Sequence[Row]:
        return await self._handle.opened.lists.select(_MADE, bounds)
