"""Where a large body lies while it comes: in a file, so that what waits takes no memory."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from concurrent.futures import Executor
from pathlib import Path
from typing import IO, Self

from unstill.files.port import storage_errors

WRITTEN_BYTES = 1024**2  # at once; a thread for each read of a socket would cost more than the disk


class Spool:
    """The bytes of one body, in their order; the file is gone at the end."""

    def __init__(self, folder: Path, threads: Executor) -> None:
        self._folder = folder
        self._threads = threads
        self._unwritten = bytearray()
        self._file: IO[bytes] | None = None
        self._is_over = False
        self._turn = threading.Lock()  # a write whose caller is gone and the end take it in turn

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(self._threads, self._end))

    async def add(self, piece: bytes) -> None:
        """Raises StorageFull, StorageFailed."""
        self._unwritten += piece
        if len(self._unwritten) >= WRITTEN_BYTES:
            await self._write_out()

    async def path(self) -> Path:
        """Where the file is, with all that was added; raises StorageFull, StorageFailed."""
        await self._write_out()
        if self._file is None:
            raise ValueError("a spool without any bytes has no file")
        return Path(self._file.name)

    async def _write_out(self) -> None:
        data, self._unwritten = self._unwritten, bytearray()
        if data:
            with storage_errors():
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._threads, self._write, data)

    def _write(self, data: bytearray) -> None:
        with self._turn:
            if self._is_over:
                return
            if self._file is None:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                # Closed, and removed with that, in `_end`.
                self._file = tempfile.NamedTemporaryFile(dir=self._folder)  # noqa: SIM115
            self._file.write(data)
            self._file.flush()

    def _end(self) -> None:
        with self._turn:
            self._is_over = True
            if self._file is not None:
                self._file.close()
