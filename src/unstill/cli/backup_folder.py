"""A backup: a data folder that a server starts from, made of another one that may be in use.

The files are copied twice: first all that there is, which takes long; then the store is copied, as
it is at that moment, and after it the files that its jobs have and the first round did not. So what
is behind that moment is little. All of it is written beside its place and gets its name when it is
whole and on disk.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from unstill.domain.errors import OperatorError, StorageFailed, StorageFull
from unstill.domain.job import State
from unstill.files.local_uploads import UPLOADS
from unstill.files.port import PART
from unstill.store.embedded.backup import (
    NeededJob,
    OwnStore,
    copy_calls,
    copy_store,
    deleted_since,
    make_own,
    needed_jobs,
)
from unstill.store.embedded.link_secrets import SECRETS_FILE
from unstill.store.keys_mark import FILE as KEYS_MARK
from unstill.system.clock import clock_ms
from unstill.system.durable_copies import copy_durably, copy_folder
from unstill.system.durable_writes import sync_folder
from unstill.system.job_folders import JOBS, folder_of, folders_in, shards

AT_ONCE = 8  # jobs whose files are copied: a disk syncs many of them no later than one


class BackedUp(NamedTuple):
    """What a backup has."""

    store: OwnStore
    at_ms: int  # what it has is of that moment
    size_bytes: int  # the size of the jobs' files
    without_video: tuple[str, ...]  # jobs that say that they have one which is not in their folder


def back_up(data_dir: Path, target: Path, *, local_engines: Collection[str]) -> BackedUp:
    """Make `target`, which is new or empty, a data folder of what `data_dir` has.

    local_engines: those whose jobs cost nothing. Raises StoreRefused where a start of `data_dir`
    would, OperatorError where there is nothing to copy or no place for it, OwnError; then `target`
    is as it was.
    """
    target = target.parent.resolve() / target.name
    _check_place(data_dir.resolve(), target)
    try:
        with _draft(target) as draft:
            made = _fill(data_dir, draft, local_engines=local_engines)
            draft.rename(target)
            sync_folder(target.parent)
            return made
    except OSError as error:
        raise OperatorError(f"{target} is not made: {error.strerror or error}") from error
    except StorageFull as error:
        raise OperatorError(f"{target} is not made: its disk is full") from error
    except StorageFailed as error:
        raise OperatorError(f"{target} is not made: {error.message}") from error


def _check_place(data_dir: Path, target: Path) -> None:
    if data_dir in {target, *target.parents}:
        raise OperatorError(f"{target} is in the data folder: back up to a folder outside of it")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OperatorError(f"{target} is not empty: back up to a new folder")
    if target.is_mount() or target.is_symlink():
        raise OperatorError(f"{target} is no plain folder: back up to a new one, {target / 'NAME'}")
    if not target.parent.is_dir():
        raise OperatorError(f"{target.parent} is not there: make it first")


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A folder beside the target, of this backup alone; it is gone if it did not get its name."""
    draft = target.with_name(f".{target.name}.unfinished")
    draft.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OperatorError(f"another backup to {target} is being made") from error
        for left in draft.iterdir():  # by one that was killed
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    finally:
        os.close(descriptor)


def _fill(data_dir: Path, draft: Path, *, local_engines: Collection[str]) -> BackedUp:
    copy = _Copy(data_dir, draft)
    copy.files_of(data_dir)
    at_ms = clock_ms()
    copy_store(data_dir, draft)
    copy.files_of(draft)
    copy.drop_others()
    # Behind the store, so that whatever a job of it was made from is there.
    copy.folder(UPLOADS, is_wanted=lambda name: not name.startswith("."))
    for file in (SECRETS_FILE, KEYS_MARK):
        if (data_dir / file).exists():
            copy_durably(data_dir / file, draft / file)
    copy_calls(data_dir, draft)
    deleted = deleted_since(data_dir, copy.without_video)
    store = make_own(draft, local_engines=local_engines, deleted=deleted)
    sync_folder(draft)
    missing = tuple(each for each in copy.without_video if each not in set(deleted))
    return BackedUp(store, at_ms, copy.size_bytes, missing)


class _Copy:
    """The files of a backup while it is made."""

    def __init__(self, data_dir: Path, draft: Path) -> None:
        self._data_dir = data_dir
        self._draft = draft
        self._ids: set[str] = set()
        self.size_bytes = 0
        self.without_video: list[str] = []

    def files_of(self, store_dir: Path) -> None:
        """Have the files of all jobs that the store in that folder needs files of."""
        self._ids, self.size_bytes, self.without_video = set(), 0, []
        with ThreadPoolExecutor(AT_ONCE) as threads:
            for jobs in needed_jobs(store_dir):
                for job, size_bytes in zip(jobs, threads.map(self._copied, jobs), strict=True):
                    self._note(job, size_bytes)
        for shard in shards(self._draft / JOBS):
            sync_folder(shard)
        if (self._draft / JOBS).exists():
            sync_folder(self._draft / JOBS)

    def drop_others(self) -> None:
        """Remove what the first round has copied of jobs that were deleted since."""
        for shard in shards(self._draft / JOBS):
            for folder in folders_in(shard):
                if folder.job_id not in self._ids:
                    shutil.rmtree(shard / folder.job_id)

    def folder(self, name: str, *, is_wanted: Callable[[str], bool]) -> None:
        if (self._data_dir / name).is_dir():
            copy_folder(self._data_dir / name, self._draft / name, is_wanted)

    def _copied(self, job: NeededJob) -> int | None:
        """How many bytes it has; None without a folder."""
        source = folder_of(self._data_dir / JOBS, job.id)
        target = folder_of(self._draft / JOBS, job.id)
        if not source.is_dir():
            return None
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return copy_folder(source, target, wanted_of(job))

    def _note(self, job: NeededJob, size_bytes: int | None) -> None:
        if size_bytes is not None:
            self._ids.add(job.id)
            self.size_bytes += size_bytes
        target = folder_of(self._draft / JOBS, job.id)
        if job.video_name is not None and not (target / job.video_name).exists():
            self.without_video.append(job.id)


def wanted_of(job: NeededJob) -> Callable[[str], bool]:
    """Which files: all that are whole, and where the video is being saved what it is made of."""
    has_parts = job.state is State.SAVING
    return lambda name: not name.startswith(".") and (has_parts or not name.endswith(PART))
