"""The port of what was done in a while, as operators look back on it."""

from __future__ import annotations

from typing import Protocol

from unstill.domain.activity import Activity, ActivitySpan


class Activities(Protocol):
    async def within(self, span: ActivitySpan) -> Activity:
        """What became of jobs in the span, deleted ones too; as many of them as are looked at.

        Raises Overloaded where operators have too many such reads under way.
        """
