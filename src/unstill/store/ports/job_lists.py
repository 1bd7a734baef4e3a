"""The port of owners' lists of jobs."""

from __future__ import annotations

from typing import Protocol

import msgspec

from unstill.domain.job import Job, State
from unstill.domain.owner import Owner


class CursorPage(msgspec.Struct, frozen=True):
    jobs: tuple[Job, ...]
    has_more: bool


class Where(msgspec.Struct, frozen=True):
    """Which of an owner's jobs, by when they were made, their state and the name asked for."""

    since_ms: int
    until_ms: int  # inclusive, as `since_ms`
    states: frozenset[State] | None = None  # None: any
    model: str | None = None  # None: any


class OffsetPage(msgspec.Struct, frozen=True):
    """Some of the jobs that were asked for, and how many there are in all."""

    jobs: tuple[Job, ...]
    total: int


class JobLists(Protocol):
    """Both raise Overloaded where the owner has too many lists under way."""

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        """One page of the owner's jobs that are not hidden, by id; `after` need not exist."""

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        """The owner's jobs that are not hidden, newest first, without the first `offset`."""
