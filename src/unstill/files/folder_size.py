"""How much a data folder holds: counted anew again and again, and followed in between.

A count looks at every file, a shard of the folder at a time. It is begun again when fifty times as
long as it took have passed, so it has a fiftieth of a thread however much there is. In between
finished videos are added, and those of deleted jobs taken off; pictures wait for the next count.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from time import monotonic

import structlog

from unstill.domain.job import Job, State
from unstill.system.job_folders import JOBS, shards

log = structlog.get_logger()

SHARE = 50
LEAST_PAUSE_S = 1.0
FIRST_WITHIN_S = 1.0  # a start waits for a count of so long, and no longer
# Room that is given up for a start and for deletes: not what the folder was made for.
RESERVE = "unstill.reserve"


class FolderSize:
    """Told of each commit of a job, once it counts."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._counted_bytes = 0
        self._since_bytes = 0  # what came and went since the last count began
        self._is_counted = asyncio.Event()  # for the first time
        self._counting: asyncio.Task[None] | None = None

    @property
    def size_bytes(self) -> int:
        return self._counted_bytes + self._since_bytes

    def changed(self, job: Job) -> None:
        if job.state is State.SUCCEEDED and job.video is not None:
            size_bytes = job.video.size_bytes
            self._since_bytes += -size_bytes if job.is_hidden else size_bytes

    async def startup(self) -> None:
        self._counting = asyncio.create_task(self._count_again())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_counted.wait(), FIRST_WITHIN_S)

    async def shutdown(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)

    async def count(self) -> None:
        """Count all that is there now; what comes meanwhile may be counted twice until the next."""
        self._since_bytes = 0
        counted = await asyncio.to_thread(_bytes_beside, self._data_dir)
        for shard in await asyncio.to_thread(shards, self._data_dir / JOBS):
            counted += await asyncio.to_thread(bytes_in, shard)
        self._counted_bytes = counted
        self._is_counted.set()

    async def _count_again(self) -> None:
        while True:
            began_s = monotonic()
            try:
                await self.count()
            except OSError as error:
                log.warning("folder_not_counted", why=error.strerror)
            await asyncio.sleep(max(LEAST_PAUSE_S, SHARE * (monotonic() - began_s)))


def size_of(data_dir: Path) -> int:
    """All of it at once: for a command."""
    return _bytes_beside(data_dir) + sum(map(bytes_in, shards(data_dir / JOBS)))


def bytes_in(folder: Path) -> int:
    """What all files below come to; what goes meanwhile is not counted."""
    size_bytes = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.is_dir(follow_symlinks=False):
                    size_bytes += bytes_in(Path(entry.path))
                else:
                    size_bytes += entry.stat(follow_symlinks=False).st_size
    return size_bytes


def _bytes_beside(data_dir: Path) -> int:
    """All but the jobs' files, which are looked at a shard at a time."""
    with suppress(FileNotFoundError):
        return sum(
            bytes_in(entry) if entry.is_dir() else entry.lstat().st_size
            for entry in data_dir.iterdir()
            if entry.name not in {JOBS, RESERVE}
        )
    return 0
