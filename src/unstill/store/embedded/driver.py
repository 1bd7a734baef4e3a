"""What the world outside the store has to know of the database's driver."""

from __future__ import annotations

import apsw

NAME = "sqlite"


def driver_version() -> str:
    return apsw.sqlite_lib_version()
