"""Files in folders of this machine, as system/job_folders.py lays them out.

What was begun and never had a row is moved to `<data_dir>/lost/<day>/<job id>/`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from unstill.files.port import (
    Stretch,
    check_published,
    checked_day,
    checked_job_id,
    checked_name,
    is_day,
    storage_errors,
)
from unstill.system.durable_writes import rename_durably, sync_file, sync_folder, write_durably
from unstill.system.job_folders import (
    BEGUN,
    JOBS,
    JobFolder,
    begin,
    begun_by,
    folder_of,
    folders_in,
    shards,
)

LOST = "lost"

P = ParamSpec("P")
T = TypeVar("T")


class OpenLocalFile:
    """A stretch of any length costs nothing: the kernel sends it, past this process's memory."""

    piece_bytes = sys.maxsize

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        try:
            self._file = await asyncio.to_thread(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            with storage_errors():
                raise
        self._size_bytes = os.fstat(self._file).st_size
        return self

    async def __aexit__(self, *_: object) -> None:
        os.close(self._file)

    async def read(self, start: int, size_bytes: int) -> Stretch:
        return Stretch(self._file, start, min(size_bytes, self._size_bytes - start))


class StoredLocalFile:
    """A file under its final name, as its inode tells."""

    def __init__(self, path: Path) -> None:
        found = path.stat()
        self.name = path.name
        self.size_bytes = found.st_size
        self.changed_s = found.st_mtime
        self._path = path

    def opened(self) -> OpenLocalFile:
        return OpenLocalFile(self._path)

    def address(self, method: str, says: Mapping[str, str]) -> None:
        """Nobody else has the disk."""


class LocalFiles:
    """Files under a data folder; every call that touches the disk does so in a thread."""

    def __init__(self, data_dir: Path) -> None:
        self._jobs = data_dir / JOBS
        self._lost = data_dir / LOST
        self._durable_shards: set[Path] = set()  # at most 4096

    def path(self, job_id: str, name: str) -> Path:
        return self._folder(job_id) / checked_name(name)

    @asynccontextmanager
    async def local(self, job_id: str, name: str) -> AsyncIterator[Path]:
        yield self.path(job_id, name)

    @asynccontextmanager
    async def scratch(self, job_id: str, name: str) -> AsyncIterator[Path]:
        path = self.path(job_id, name)
        await _in_thread(self._make, path.parent)
        yield path

    async def find(self, job_id: str, name: str) -> StoredLocalFile | None:
        path = self.path(job_id, name)
        try:
            return StoredLocalFile(path)  # one inode, just written or just asked for
        except FileNotFoundError:
            return None
        except OSError:
            with storage_errors():
                raise

    async def keep(self, job_id: str, name: str, data: bytes, *, begins: str = "") -> None:
        path = self.path(job_id, name)
        await _in_thread(self._keep, path, data, begins)

    async def adopt(self, job_id: str) -> None:
        await _in_thread((self._folder(job_id) / BEGUN).unlink, missing_ok=True)

    async def begun_by(self, job_id: str) -> str | None:
        return await _in_thread(begun_by, self._folder(job_id))

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

    async def discard_others(self, job_id: str, names: Collection[str]) -> None:
        await _in_thread(_discard_others, self._folder(job_id), frozenset(names))

    async def remove(self, job_id: str) -> None:
        folder = self._folder(job_id)
        await _in_thread(_remove, folder)

    async def sizes(self, job_ids: Sequence[str]) -> Sequence[int]:
        folders = [self._folder(job_id) for job_id in job_ids]
        return await _in_thread(lambda: [_size_of(folder) for folder in folders])

    async def set_aside(self, job_id: str, day: str) -> None:
        await _in_thread(_set_aside, self._folder(job_id), self._lost / checked_day(day))

    async def drop_lost(self, before_day: str) -> None:
        await _in_thread(_drop_lost, self._lost, checked_day(before_day))

    async def folders(self, *, after: str = "") -> AsyncIterator[Sequence[JobFolder]]:
        last = self._folder(after).parent if after else self._jobs
        for shard in sorted(await _in_thread(shards, self._jobs)):
            if shard > last:
                yield await _in_thread(folders_in, shard)

    def _folder(self, job_id: str) -> Path:
        return folder_of(self._jobs, checked_job_id(job_id))

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

    def _keep(self, path: Path, data: bytes, begins: str) -> None:
        self._make(path.parent)
        if begins:
            begin(path.parent, begins)
        write_durably(path, data)
        sync_folder(path.parent.parent)


def _sync(path: Path) -> None:
    sync_file(path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)  # `scratch` left the job's folder itself unsynced


def _publish(part: Path, path: Path) -> None:
    try:
        rename_durably(part, path)
    except FileNotFoundError:
        if not path.exists():
            raise
        sync_folder(path.parent)  # a crash may have come between that rename and its fsync
    sync_folder(path.parent.parent)  # `scratch` left the job's folder itself unsynced


def _discard_others(folder: Path, names: Collection[str]) -> None:
    with suppress(FileNotFoundError):
        for entry in list(folder.iterdir()):
            if entry.name not in names:
                entry.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            # Somebody else removes it, or a child that is being ended writes, at the same time;
            # then what is left needs another round.
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY):
                raise


def _size_of(folder: Path) -> int:
    size_bytes = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue  # a note of ours, or a draft
            with suppress(FileNotFoundError):  # it has just got its name, or has gone
                size_bytes += entry.stat(follow_symlinks=False).st_size
    return size_bytes


def _set_aside(folder: Path, day: Path) -> None:
    for made in (day.parent, day):
        made.mkdir(mode=0o700, exist_ok=True)
    # Where the name is taken, an earlier one was put back by hand and lost again: it goes.
    _remove(day / folder.name)
    folder.rename(day / folder.name)
    sync_folder(day)
    sync_folder(folder.parent)


def _drop_lost(lost: Path, before_day: str) -> None:
    if lost.exists():
        for day in lost.iterdir():
            if is_day(day.name) and day.name < before_day:
                _remove(day)


async def _in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    with storage_errors():
        return await asyncio.to_thread(work, *args, **kwargs)
