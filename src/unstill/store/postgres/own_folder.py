"""The server's own folder: held by one process, with what the servers in it before have left.

Whoever holds the folder knows that they have ended, without waiting for their leases; and what
they had heard of their calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from unstill.domain.errors import BadSetting, ShuttingDown
from unstill.store.call_journal import Ahead
from unstill.store.folder_lock import FolderLock
from unstill.system.durable_writes import write_durably

FILE = "unstill.servers"
MOST = 50  # what the oldest had under way was judged long ago
LOCK_WAIT_S = 5.0  # for a predecessor that is shutting down


class OwnFolder:
    def __init__(self, data_dir: Path, server: str) -> None:
        """server: this one's id."""
        self._data_dir = data_dir
        self._server = server
        self._lock = FolderLock(data_dir)
        self._ahead: Ahead | None = None
        self.predecessors: Sequence[str] = ()  # their ids

    async def startup(self) -> None:
        """Take the folder. Raises DataFolderBusy, BadSetting."""
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            await self._lock.take(LOCK_WAIT_S)
            await asyncio.to_thread(self._follow_them)
            self._ahead = Ahead(self._data_dir)
        except OSError as error:
            raise BadSetting("server.data_dir", f"{error.filename}: {error.strerror}") from error

    def shutdown(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()
        self._lock.release()

    @property
    def ahead(self) -> Ahead:
        """Raises ShuttingDown where the store is not open."""
        if self._ahead is None:
            raise ShuttingDown("the job store is not open")
        return self._ahead

    def _follow_them(self) -> None:
        file = self._data_dir / FILE
        with suppress(FileNotFoundError):
            known = file.read_text("ascii", errors="replace").split()
            self.predecessors = [each for each in known[-MOST:] if each != self._server]
        write_durably(file, "\n".join((*self.predecessors, self._server)).encode())
