"""The port for files: a folder per job, with names that only we choose.

Everything large about a job is here (its frames, its video), nothing of it in the job's row. A file
that is being written is called `<stem>.part`; under its own name a file is always whole.

Nobody else knows where a file lies. Programs of this machine read it where `local` says and write
it where `scratch` says, each for as long as the context lasts; callers get it as `find` answers.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from unstill.system.job_folders import JobFolder, is_job_id
from unstill.system.storage_errors import storage_failure, storage_trouble

PART = ".part"

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"(?=.{1,64}$)[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)?")


class Stretch:
    """Bytes of an open file of this machine that are somewhere in it, for the kernel to send."""

    __slots__ = ("file", "size_bytes", "start")

    def __init__(self, file: int, start: int, size_bytes: int) -> None:
        self.file = file
        self.start = start
        self.size_bytes = size_bytes

    def __len__(self) -> int:
        return self.size_bytes


class OpenFile(Protocol):
    """A stored file that is being sent."""

    piece_bytes: int  # one read gives no more

    async def read(self, start: int, size_bytes: int) -> Stretch | bytes:
        """The bytes from `start` on, as many as are asked for, a piece gives, and there are."""


class StoredFile(Protocol):
    """A file as it was found: what its reader is told first, and the way to its bytes."""

    name: str
    size_bytes: int
    changed_s: float  # unix time; with the size, it tells this file from a later one of its name

    def opened(self) -> AbstractAsyncContextManager[OpenFile]:
        """Open it, to be sent."""

    def address(self, method: str, says: Mapping[str, str]) -> str | None:
        """Where its reader is to ask for it by GET or HEAD, within minutes and without a key.

        None: it is sent from here. says: headers of the answer there, by name: content-type,
        content-disposition, cache-control.
        """


class Files(Protocol):
    """What a job's bytes are kept in.

    All of it raises StorageFull or StorageFailed where the storage does not do its part, and
    ValueError for a job id or a name that is not one of ours.
    """

    def local(self, job_id: str, name: str) -> AbstractAsyncContextManager[Path]:
        """Where this machine's programs can read a stored file; nothing is there if none is stored.

        Nothing is to be written there.
        """

    def scratch(self, job_id: str, name: str) -> AbstractAsyncContextManager[Path]:
        """Where this machine's programs can write the file.

        It lasts by a `sync` or a `publish` before the context ends; without one it may be gone
        afterwards, or may lie there until the job's files are removed.
        """

    async def find(self, job_id: str, name: str) -> StoredFile | None:
        """The file, if it is stored: to be sent, or to know that it is there."""

    async def keep(self, job_id: str, name: str, data: bytes, *, begins: str = "") -> None:
        """Store `data` whole; it survives a power cut once this has returned. Repeatable.

        begins: the id of the store that has no row of the job yet. It stays with the files until
        `adopt`, and is the only proof that they may be swept where no row ever comes.
        """

    async def adopt(self, job_id: str) -> None:
        """Note that the job has its row. Repeatable."""

    async def begun_by(self, job_id: str) -> str | None:
        """The id of the store that has begun the job and, as far as is noted, has no row of it."""

    async def sync(self, job_id: str, name: str) -> None:
        """Make what lies in the scratch place survive a power cut, under that very name."""

    async def publish(self, job_id: str, part_name: str, name: str) -> None:
        """Give the finished `<stem>.part` its name `<stem>` or `<stem>.<suffix>`, for good.

        The part lies in the scratch place, or was synced earlier, by whichever process. It survives
        a power cut once this has returned. Repeatable: without a part, a file that has the name
        already is taken as published. No other finished file can be replaced, because the part's
        stem has to be that of the name.
        """

    async def discard(self, job_id: str, name: str) -> None:
        """Remove one file, if it is there."""

    async def discard_others(self, job_id: str, names: Collection[str]) -> None:
        """Remove all files of the job but these."""

    async def remove(self, job_id: str) -> None:
        """Remove all that the job has, if it has anything."""

    async def sizes(self, job_ids: Sequence[str]) -> Sequence[int]:
        """How many bytes each of these jobs has in files, parts included; 0 without any."""

    async def set_aside(self, job_id: str, day: str) -> None:
        """Move all that the job has out of the way, to what was lost on that day (2026-11-28)."""

    async def drop_lost(self, before_day: str) -> None:
        """Remove for good what was set aside on earlier days."""

    def folders(self, *, after: str = "") -> AsyncIterator[Sequence[JobFolder]]:
        """Every job's folder, by some hundreds; some may come or go meanwhile.

        after: the last job of those that an earlier walk was given last; this one goes on there.
        """


def checked_job_id(job_id: str) -> str:
    if not is_job_id(job_id):
        raise ValueError(f"not a job id: {job_id!r}")
    return job_id


def checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for a job's file: {name!r}")
    return name


def is_day(text: str) -> bool:
    return _DAY.fullmatch(text) is not None


def checked_day(day: str) -> str:
    if not is_day(day):
        raise ValueError(f"not a day: {day!r}")
    return day


def check_published(part_name: str, name: str) -> None:
    if part_name != name.partition(".")[0] + PART or part_name == name:
        raise ValueError(f"{part_name!r} cannot be published as {name!r}")


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the system says about a file into what a caller can be told: no path is named."""
    try:
        yield
    except OSError as error:
        raise storage_trouble(error) or storage_failure(error) from error
