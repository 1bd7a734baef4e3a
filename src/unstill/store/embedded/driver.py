"""What the world outside the store has to know of the database's driver."""

from __future__ import annotations

import apsw

DatabaseError = apsw.Error  # of any kind: the file, its rows, or the wait for it


def sqlite_version() -> str:
    return apsw.sqlite_lib_version()
