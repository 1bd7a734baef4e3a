"""The port of lists of jobs: of an owner, and of all."""

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


class Among(msgspec.Struct, frozen=True):
    """Which jobs of all owners, by what their rows say; None: any."""

    owner: Owner | None = None
    states: frozenset[State] | None = None
    model: str | None = None  # the name asked for
    engine: str | None = None


class FoundPage(msgspec.Struct, frozen=True):
    """Jobs that were found, maybe none, and the id behind which the next page looks on.

    after: None at the end. A page looks at so many rows only, whatever it finds.
    """

    jobs: tuple[Job, ...]
    after: str | None


class JobLists(Protocol):
    """All raise Overloaded where the owner, or operators, have too many lists under way."""

    async def page(
        self, owner: Owner, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> CursorPage:
        """One page of the owner's jobs that are not hidden, by id; `after` need not exist."""

    async def list_by_offset(
        self, owner: Owner, where: Where, *, offset: int, limit: int
    ) -> OffsetPage:
        """The owner's jobs that are not hidden, newest first, without the first `offset`."""

    async def of_all(self, among: Among, *, limit: int, after: str | None = None) -> FoundPage:
        """One page of all owners' jobs that are not hidden, newest first, by id."""
