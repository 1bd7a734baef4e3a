"""Large bodies read by child programs, so that none of them stops the server for long.

In this process their bytes only pass by, a piece at a time, and each picture is loaded once.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from unstill.files.port import storage_errors
from unstill.media.pool import Pool
from unstill.server.body_pictures import File, put_back
from unstill.server.body_spool import Spool
from unstill.server.large_body import LargeBody, PictureAt, Unpacked
from unstill.server.server_limits import USUAL

BODIES = "bodies"  # in the data folder
READ_WITHIN_S = 60.0  # measured: 64 MiB take a second


class Readers:
    """Takes large bodies in, and says what is in them."""

    def __init__(self, data_dir: Path, at_once: int = USUAL.large_bodies) -> None:
        self._folder = data_dir / BODIES
        # Its own: a disk that hangs must not hold up what else is done in threads.
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="bodies")
        self._pool = Pool("unstill.server.reader", size=at_once)

    @property
    def children(self) -> tuple[Pool]:
        return (self._pool,)

    async def startup(self) -> None:
        """Remove what a server that was killed has left."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def close(self) -> None:
        await self._pool.close()
        await asyncio.to_thread(self._threads.shutdown)

    def spool(self) -> Spool:
        return Spool(self._folder, self._threads)

    async def read(self, spool: Spool, content_type: str) -> object:
        """The value, as of a small body that says the same; its pictures are bytes.

        Raises BadBody, UnsupportedBody, BadField, EngineDied, StorageFull, StorageFailed,
        ShuttingDown.
        """
        path = await spool.path()
        body = LargeBody(str(path.absolute()), content_type)
        unpacked = await self._pool.run("read", body, Unpacked, timeout_s=READ_WITHIN_S)
        with storage_errors():
            return await self._in_thread(lambda: _whole(path, unpacked))

    async def _in_thread(self, work: Callable[[], object]) -> object:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _whole(path: Path, unpacked: Unpacked) -> object:
    rest = msgspec.json.decode(unpacked.rest)
    with path.open("rb", buffering=0) as file:
        return put_back(rest, [_loaded(file.fileno(), each) for each in unpacked.pictures])


def _loaded(file: int, picture: PictureAt) -> File:
    return File(picture.steps, os.pread(file, picture.size_bytes, picture.start))
