"""Files in folders of this machine: `<data_dir>/jobs/<last two of the id>/<job id>/`.

Ids sort by time, so their ends spread: no folder holds more than a 4096th of all jobs.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from unstill.files.durable import rename_durably, sync_file, sync_folder, write_durably
from unstill.files.port import (
    Folder,
    check_published,
    checked_job_id,
    checked_name,
    is_job_id,
    storage_errors,
)

P = ParamSpec("P")
T = TypeVar("T")


class LocalFiles:
    """Files under a data folder; every call that touches the disk does so in a thread."""

    def __init__(self, data_dir: Path) -> None:
        self._jobs = data_dir / "jobs"
        self._durable_shards: set[Path] = set()  # at most 4096

    async def prepare(self, job_id: str) -> None:
        folder = self._folder(job_id)
        await _in_thread(self._make, folder)

    def path(self, job_id: str, name: str) -> Path:
        return self._folder(job_id) / checked_name(name)

    async def keep(self, job_id: str, name: str, data: bytes) -> None:
        path = self.path(job_id, name)
        await _in_thread(self._keep, path, data)

    async def sync(self, job_id: str, name: str) -> None:
        path = self.path(job_id, name)
        await _in_thread(_sync, path)

    async def publish(self, job_id: str, part_name: str, name: str) -> None:
        part, path = self.path(job_id, part_name), self.path(job_id, name)
        check_published(part_name, name)
        await _in_thread(_publish, part, path)

    async def discard(self, job_id: str, name: str) -> None:
        path = self.path(job_id, name)
        await _in_thread(path.unlink, missing_ok=True)

    async def remove(self, job_id: str) -> None:
        folder = self._folder(job_id)
        await _in_thread(_remove, folder)

    async def folders(self) -> AsyncIterator[Folder]:
        for shard in await _in_thread(_shards, self._jobs):
            for folder in await _in_thread(_folders, shard):
                yield folder

    def _folder(self, job_id: str) -> Path:
        return self._jobs / checked_job_id(job_id)[-2:] / job_id

    def _make(self, folder: Path) -> None:
        shard = folder.parent
        if shard not in self._durable_shards:
            for made in (self._jobs, shard):
                made.mkdir(mode=0o700, exist_ok=True)
                # Also where it was there: the thread or the process that made it may not have
                # come to its fsync yet.
                sync_folder(made.parent)
            self._durable_shards.add(shard)
        folder.mkdir(mode=0o700, exist_ok=True)

    def _keep(self, path: Path, data: bytes) -> None:
        self._make(path.parent)
        write_durably(path, data)
        sync_folder(path.parent.parent)


def _sync(path: Path) -> None:
    sync_file(path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)  # `prepare` left the job's folder itself unsynced


def _publish(part: Path, path: Path) -> None:
    try:
        rename_durably(part, path)
    except FileNotFoundError:
        if not path.exists():
            raise
        sync_folder(path.parent)  # a crash may have come between that rename and its fsync
    sync_folder(path.parent.parent)  # `prepare` left the job's folder itself unsynced


def _remove(folder: Path) -> None:
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            # Somebody else removes it, or a child that is being ended writes, at the same time;
            # then what is left needs another round.
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


def _shards(jobs: Path) -> list[Path]:
    try:
        return [entry for entry in jobs.iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []


def _folders(shard: Path) -> list[Folder]:
    with os.scandir(shard) as entries:
        return [
            Folder(entry.name, entry.stat().st_mtime)
            for entry in entries
            if is_job_id(entry.name) and entry.name[-2:] == shard.name and entry.is_dir()
        ]


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with storage_errors():
        return await asyncio.to_thread(work, *args, **kwargs)
