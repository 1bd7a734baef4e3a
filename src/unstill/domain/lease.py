"""Whose work a job is in, and until when nobody else may judge what has become of that work.

A server that has ended leaves jobs `submitting` and renders half done. Whoever takes those up has
to know that their server is surely gone: the paid call of one that is up is its own to settle.
"""

from __future__ import annotations

import msgspec

LEASE_MS = 180_000  # it is renewed each minute, see steps/uptime.py: two of these may fail


class Lease(msgspec.Struct, frozen=True):
    """A server's word that it is up until then, unless it says so again."""

    server: str  # its own id: another one after each start
    until_ms: int  # by the clock of deadlines
