"""Where this machine's programs work on files that are kept elsewhere: nothing in it is for good.

`<data_dir>/scratch/<process>/<place>/<name>`. Each place is gone with its use. What a killed
process has left goes when the next one takes its first place: no lock is held on it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

from unstill.files.port import storage_errors

SCRATCH = "scratch"


class ScratchFolder:
    """A folder of this process alone, made when it is first used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: Path | None = None
        self._lock: int | None = None  # a descriptor, open for as long as the process lives
        self._making = threading.Lock()

    @asynccontextmanager
    async def place(self, name: str) -> AsyncIterator[Path]:
        """A path of that name that nothing else uses, in a folder of its own."""
        with storage_errors():
            folder = await asyncio.to_thread(self._make)
        try:
            yield folder / name
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _make(self) -> Path:
        with self._making:
            if self._own is None or not self._own.exists():
                self._own = self._taken()
                self._drop_left(self._own)
            place = self._own / token_hex(8)
            place.mkdir(mode=0o700)
            return place

    def _taken(self) -> Path:
        """A new folder that is locked, and was not taken for a leftover before it was."""
        while True:
            own = self._folder / token_hex(8)
            own.mkdir(mode=0o700, parents=True)
            lock = _locked(own)
            if lock is not None and own.exists():
                if self._lock is not None:
                    os.close(self._lock)
                self._lock = lock
                return own
            if lock is not None:
                os.close(lock)

    def _drop_left(self, own: Path) -> None:
        for folder in self._folder.iterdir():
            lock = None if folder == own else _locked(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder; None if somebody else does, or it is gone."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None
