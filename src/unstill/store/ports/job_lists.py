"""The port of lists of jobs: of an owner, and of all."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import Protocol

import msgspec

from unstill.domain.job import FINAL, Job, State
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
    """Which jobs, by what their rows say; None: any.

    prompt: what stands somewhere in it, letters of ASCII in either case.
    """

    owner: Owner | None = None
    states: frozenset[State] | None = None
    model: str | None = None  # the name asked for
    engine: str | None = None
    prompt: str | None = None
    since_ms: int | None = None  # when they were made
    until_ms: int | None = None  # exclusive

    @property
    def is_of_unfinished(self) -> bool:
        return self.states is not None and self.states.isdisjoint(FINAL)


def folded(text: str) -> str:
    """The text as prompts are searched: both stores' `lower` knows the letters of ASCII alone."""
    return text.translate(_LOWER)


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


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

    async def of_owner(
        self, owner: Owner, among: Among, *, limit: int, after: str | None = None
    ) -> FoundPage:
        """The same of the owner's jobs alone, whoever `among` names, in the owner's turn."""
