"""A data folder moved into a database and a bucket, so that several servers go on with its jobs.

The folder is held meanwhile, and from before the first row on it has a mark with which no server
takes it: both stores must never go on with one job. Files come first, rows after them, all at once.
What was done is not done again, so a move that was ended at any moment is begun again and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from unstill.cli.backup_folder import wanted_of
from unstill.domain.errors import OperatorError
from unstill.files.into_bucket import FilesPut, has_file, put_job, put_uploads
from unstill.files.s3_bucket import S3Bucket
from unstill.steps.interrupted_jobs import judge_interrupted
from unstill.store.embedded.backup import NeededJob, needed_jobs
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.folder_tables import folder_tables
from unstill.store.embedded.link_secrets import load_secrets
from unstill.store.embedded.moved_mark import FILE as MARK
from unstill.store.embedded.moved_mark import MovedTo, moved_to, note_moved
from unstill.store.embedded.store import EmbeddedStore
from unstill.store.folder_lock import FolderLock
from unstill.store.keys_mark import is_marked
from unstill.store.postgres.move_in import RowsMoved, check_target, move_in
from unstill.system.clock import clock_ms

AT_ONCE = 8  # jobs whose files are put

Say = Callable[[str], None]


class MoveTarget(NamedTuple):
    """Where a folder is moved to."""

    database: str  # its URL, which may have a password
    place: str  # the same for people to read
    bucket: S3Bucket


class FolderMoved(NamedTuple):
    """What is there in the end."""

    rows: RowsMoved
    files: FilesPut
    without_video: int  # jobs that say they have one, and neither the folder nor the bucket has it


async def move_folder(data_dir: Path, target: MoveTarget, say: Say) -> FolderMoved:
    """Move it, or go on with that. The database is up to date.

    Raises OperatorError where a server has the folder or the database, where either has another
    one's jobs, and where something did not arrive as it was; OwnError.
    """
    if not (data_dir / FILE).exists():
        raise OperatorError(f"there is no job store in {data_dir}: nothing to move")
    async with _held(data_dir, target, say):
        moved = _Move(data_dir, target.bucket, say)
        await moved.files_of_jobs()
        moved.put += await put_uploads(target.bucket, data_dir)
        with folder_tables(data_dir) as tables:
            rows = await move_in(
                target.database,
                tables,
                load_secrets(data_dir),
                tell=lambda table, count: say(f"{table}: {count} rows"),
            )
        note_moved(data_dir, MovedTo(target.place, is_whole=True))
        return FolderMoved(rows, moved.put, moved.without_video)


@asynccontextmanager
async def _held(data_dir: Path, target: MoveTarget, say: Say) -> AsyncIterator[None]:
    """Hold the folder, at rest and marked."""
    lock = FolderLock(data_dir)
    await lock.take(0)
    try:
        moved = moved_to(data_dir)
        if moved is None:
            lock.release()
            await _bring_to_rest(data_dir, target, say)
            await lock.take(0)
        else:
            await _check_mark(data_dir, moved, target)
        yield
    finally:
        lock.release()


async def _bring_to_rest(data_dir: Path, target: MoveTarget, say: Say) -> None:
    """Do what a start does before it begins anything, and leave the mark."""
    store = EmbeddedStore(data_dir, lock_wait_s=0)
    await store.open()
    try:
        await check_target(target.database, store.store_id)
        if is_marked(data_dir) and not await store.keys.all():
            raise OperatorError(
                f"{data_dir} had API keys, and its store has none: make one first, "
                "unstill keys create OWNER, or the database would let in every caller"
            )
        now_ms = clock_ms()
        # What a killed server had under way, with what it had heard of its calls.
        await judge_interrupted(
            jobs=store.jobs,
            attempts=store.attempts,
            backlog=store.backlog,
            server=store.server_id,
            uptime_ms=now_ms,
            now_ms=now_ms,
        )
        note_moved(data_dir, MovedTo(target.place))
        say(f"no server takes {data_dir} any more: {data_dir / MARK}")
    finally:
        await store.close()


async def _check_mark(data_dir: Path, moved: MovedTo, target: MoveTarget) -> None:
    file = data_dir / MARK
    if moved.place != target.place:
        raise OperatorError(
            f"{data_dir} goes to {moved.place}, and the settings name {target.place}: set "
            f"server.database to it; or remove {file}, after that database has gone"
        )
    with folder_tables(data_dir) as tables:
        is_there = await check_target(target.database, tables.store_id)
    if moved.is_whole and not is_there:
        raise OperatorError(
            f"{data_dir} was moved to {moved.place}, which has none of its jobs any more: put that "
            f"database back; or remove {file}, and jobs may be paid for again"
        )


class _Move:
    """The files of a move while it goes on."""

    def __init__(self, data_dir: Path, bucket: S3Bucket, say: Say) -> None:
        self._data_dir = data_dir
        self._bucket = bucket
        self._say = say
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.put = FilesPut()
        self.without_video = 0

    async def files_of_jobs(self) -> None:
        count = 0
        for jobs in needed_jobs(self._data_dir):
            await self._files_of(jobs)
            count += len(jobs)
            self._say(f"files: of {count} jobs so far, {self.put.count}, {_megabytes(self.put)}")

    async def _files_of(self, jobs: Sequence[NeededJob]) -> None:
        for put, has_video in await asyncio.gather(*map(self._files_of_one, jobs)):
            self.put += put
            self.without_video += not has_video

    async def _files_of_one(self, job: NeededJob) -> tuple[FilesPut, bool]:
        async with self._turns:
            put = await put_job(self._bucket, self._data_dir, job.id, wanted_of(job))
            name = job.video_name
            return put, name is None or await has_file(self._bucket, job.id, name)


def _megabytes(put: FilesPut) -> str:
    return f"{put.size_bytes / 1e6:.1f} MB"
