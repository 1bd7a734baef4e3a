"""The port of the notes that a server was up, and of deadlines moved by the time when none was."""

from __future__ import annotations

from typing import Protocol

from unstill.domain.lease import Lease

LEAST_AWAY_MS = 60_000  # a restart rewrites no rows: there may be a hundred thousand


class UptimeNotes(Protocol):
    async def last_up_ms(self) -> int:
        """When a server last noted that it was up; 0 if none ever did."""

    async def count_from(self, now_ms: int) -> int:
        """Move the deadlines of unfinished jobs by the time since a server was last noted up.

        By how much, in milliseconds; nothing where it is under `LEAST_AWAY_MS`. Asked at a start
        only, before any deadline is read. `now_ms` is noted.
        """

    async def note_up(self, now_ms: int, lease: Lease) -> None:
        """A server is up, by the clock of its deadlines, and its lease is renewed."""
