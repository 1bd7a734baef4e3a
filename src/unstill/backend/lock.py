"""The lock of a data folder: one server at a time, and a start waits for a dying predecessor."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from time import monotonic

from unstill.errors import DataFolderBusy

LOOK_AGAIN_S = 0.05  # flock has no wait with a limit


class FolderLock:
    """A lock file held by this process until `release` or its death."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "unstill.lock"
        self._descriptor: int | None = None

    async def take(self, wait_s: float) -> None:
        """Take the lock. Raises DataFolderBusy if another process holds it for `wait_s`."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
        give_up_at = monotonic() + wait_s
        try:
            while not _is_taken(descriptor):
                if monotonic() >= give_up_at:
                    raise self._busy(descriptor)
                await asyncio.sleep(LOOK_AGAIN_S)
        except BaseException:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock up. The file stays: to unlink it would let two servers lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _busy(self, descriptor: int) -> DataFolderBusy:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace") or "unknown"
        return DataFolderBusy(
            f"the data folder {self._folder} is in use by another server, process {holder}: "
            "stop it, or give this one a data_dir of its own"
        )


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
