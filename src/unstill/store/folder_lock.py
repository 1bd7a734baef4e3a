"""The lock of a data folder: one server at a time, and a start waits for a dying predecessor.

Two locks: of a file that says who has it, and of the folder itself, which cannot be removed as the
file can.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from pathlib import Path
from time import monotonic

from unstill.domain.errors import DataFolderBusy

FILE = "unstill.lock"
PRIVATE = 0o600
LOOK_AGAIN_S = 0.05  # flock has no wait with a limit


class FolderLock:
    """Held by this process until `release` or its death."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / FILE
        self._descriptors: list[int] = []

    async def take(self, wait_s: float) -> None:
        """Take the lock. Raises DataFolderBusy if another process holds it for `wait_s`."""
        file = os.open(self._file, os.O_RDWR | os.O_CREAT, PRIVATE)
        self._descriptors = [file, os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)]
        give_up_at = monotonic() + wait_s
        try:
            for descriptor in self._descriptors:
                while not _is_taken(descriptor):
                    if monotonic() >= give_up_at:
                        raise self._busy(file)
                    await asyncio.sleep(LOOK_AGAIN_S)
            os.fchmod(file, PRIVATE)  # 0.1.0 let everybody read it
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the lock up. The file stays: to unlink it would let two servers lock two files."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def _busy(self, descriptor: int) -> DataFolderBusy:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace") or "unknown"
        return DataFolderBusy(
            f"the data folder {self._folder} is in use by another server, process {holder}: "
            "stop it, or give this one a data_dir of its own"
        )


def is_held(folder: Path) -> bool:
    """Whether a process has the folder now; asked by those who leave it as it is."""
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _is_taken(descriptor)
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # A file system that locks no folders (NFS): there the file alone has to do.
        if error.errno in {errno.EBADF, errno.EINVAL, errno.ENOTSUP, errno.EISDIR}:
            return True
        raise
    return True
