"""The port of the ledger: the calls that may cost. They are written with the changes of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from unstill.domain.attempts import Attempt
from unstill.domain.request import Size


class Attempts(Protocol):
    async def of(self, job_id: str) -> Sequence[Attempt]:
        """The job's ledger, oldest first."""

    async def recent(self, account: str, limit: int) -> Sequence[Attempt]:
        """The account's settled attempts, newest first."""

    async def note_ahead(self, attempt: Attempt, size: Size | None, *, lasts: bool = False) -> None:
        """Note a call beside the store: before it, and what it has come to before the commit.

        It outlives a kill, and a store that is put back. lasts: a power cut too, as far as the
        disk will. size: of the job's video. Never raises.
        """

    def noted_ahead(self, job_id: str, n: int) -> Attempt | None:
        """The attempt with what a server before had heard of it, if anything.

        Asked at a start only.
        """

    def forget_ahead(self) -> None:
        """The start has asked: what the servers before had under way has been judged."""
