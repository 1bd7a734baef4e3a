"""The size of the -wal: it is begun anew once it is large, though somebody reads without a pause.

SQLite's own checkpoint waits for nobody: while reads follow each other, so that there is always
one, it cannot begin the file anew, and each commit makes it longer (sqlite.org/wal.html, "avoiding
excessively large WAL files"). Above a size the writer waits for the one read that is under way.
"""

from __future__ import annotations

import apsw

USUAL_PAGES = 1_000  # SQLite's own `wal_autocheckpoint`
LARGE_PAGES = 4_000  # 16 MB
READ_WAIT_MS = 1_000  # a read of a whole list takes a tenth of it


class WalSize:
    """Told of each commit by its connection, on the thread that writes."""

    def __init__(self, connection: apsw.Connection, busy_wait_ms: int) -> None:
        self._busy_wait_ms = busy_wait_ms
        self._next_pages = LARGE_PAGES
        connection.set_wal_hook(self._committed)

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages >= self._next_pages:
            is_anew = self._begin_anew(connection, name)
            # Somebody reads for longer: he is not waited for at each commit.
            self._next_pages = LARGE_PAGES if is_anew else pages + USUAL_PAGES
        elif pages >= USUAL_PAGES:
            connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    def _begin_anew(self, connection: apsw.Connection, name: str) -> bool:
        connection.set_busy_timeout(READ_WAIT_MS)
        try:
            connection.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return False
        finally:
            connection.set_busy_timeout(self._busy_wait_ms)
        return True
