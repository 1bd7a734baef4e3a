"""What is said of a database that several servers may share, before anything is done with it."""

from __future__ import annotations

from typing import NamedTuple


class DatabaseStanding(NamedTuple):
    version: str  # PostgreSQL's
    schema: int  # 0: there is none
    needed: int  # by this release
    servers: int  # that are up on it
    is_read_only: bool  # as a standby is
