"""Does the store belong to its folder? Asked at each start, before anything of it is changed.

What speaks against it stops the start: the folder's jobs would be unknown, its videos in nobody's
list, and calls that were paid for would be made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import apsw

from unstill.domain.errors import OperatorError, StoreRefused
from unstill.domain.job_ids import first_id
from unstill.store.embedded.generation import (
    Noted,
    StoreStanding,
    noted_in,
    standing_of,
    standing_without_wal,
)
from unstill.store.embedded.moved_mark import refuse_moved
from unstill.system.job_folders import (
    JOBS,
    begun_by,
    folder_of,
    has_video,
    ids_changed_since,
    is_filled,
)

FILE = "unstill.sqlite3"
BUSY_WAIT_MS = 5_000  # for somebody with an SQLite shell on the file
ALL = 0.0  # every folder has been changed since
CHUNK = 500  # ids that are looked up at once


def check_file(data_dir: Path, file: Path) -> None:
    """Before the database is opened, which would make one where there is none.

    Raises StoreRefused.
    """
    refuse_moved(data_dir)
    noted = noted_in(data_dir)
    if not file.exists() or file.stat().st_size == 0:
        if noted is not None or is_filled(data_dir / JOBS):
            what = "is empty" if file.exists() else "is missing"
            raise _refused(file, f"{what}, but {data_dir} had a store before")
        return
    if noted is not None and noted.base:
        # Before a -wal is read into it: that of a newer one would ruin an older one. A file that
        # cannot be read so says nothing: a kill may have come in the midst of a checkpoint.
        with suppress(apsw.Error):
            _check_age(file, noted, standing_without_wal(file), least=noted.base)


def check_store(data_dir: Path, file: Path, connection: apsw.Connection) -> None:
    """Once it can be read, and before it is brought up to date. Raises StoreRefused."""
    noted, standing = noted_in(data_dir), standing_of(connection)
    if noted is not None:
        _check_age(file, noted, standing, least=noted.number)
        _check_folders(data_dir, file, connection, standing)
    elif connection.table_exists(None, "jobs"):
        _check_folders(data_dir, file, connection, standing)


class FoundStore(NamedTuple):
    """What a look at a folder's store finds."""

    jobs: int
    unknown: int  # folders of jobs that it does not know


def find_store(data_dir: Path) -> FoundStore | None:
    """Look at the store, beside a server or without one; None where there is none yet.

    Raises StoreRefused where a start would, OperatorError if it cannot be read.
    """
    file = data_dir / FILE
    check_file(data_dir, file)
    if not file.exists() or file.stat().st_size == 0:
        return None
    try:
        with closing(apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            connection.set_busy_timeout(BUSY_WAIT_MS)
            check_store(data_dir, file, connection)
            all_ids = ids_changed_since(data_dir / JOBS, ALL)
            unknown = sum(
                begun_by(folder_of(data_dir / JOBS, job_id)) is None
                for ids in all_ids
                for job_id in _without_row(connection, ids)
            )
            jobs: int = connection.execute("SELECT count(*) FROM jobs").get
            return FoundStore(jobs, unknown)
    except apsw.Error as error:
        raise OperatorError(f"{file} cannot be read: {error}") from error


def _check_age(file: Path, noted: Noted, standing: StoreStanding | None, *, least: int) -> None:
    if standing is None:
        raise _refused(file, "is from before the upgrade, and the folder has been used since")
    if standing.store != noted.store:
        raise _refused(file, "belongs to another data folder")
    if standing.number < least:
        raise _refused(file, "is an older copy, and the folder has been used since")


def _check_folders(
    data_dir: Path, file: Path, connection: apsw.Connection, standing: StoreStanding | None
) -> None:
    """Look for videos without a row in what has changed since the store has.

    Where the store does not say when that was, in all folders: once, for a folder of 0.1.0.
    """
    since_s = ALL if standing is None else standing.changed_ms / 1000
    first = "" if standing is None else first_id(standing.recovered_ms)
    jobs = data_dir / JOBS
    lost = 0
    for ids in ids_changed_since(jobs, since_s):
        for job_id in _without_row(connection, [each for each in ids if each >= first]):
            lost += has_video(folder_of(jobs, job_id))
    if lost:
        raise _refused(file, f"knows nothing of {lost} videos in {jobs}: it is an older copy")


def _without_row(connection: apsw.Connection, ids: Sequence[str]) -> set[str]:
    without = set(ids)
    for first in range(0, len(ids), CHUNK):
        chunk = ids[first : first + CHUNK]
        sql = f"SELECT id FROM jobs WHERE id IN ({', '.join('?' * len(chunk))})"  # noqa: S608  - places
        without.difference_update(job_id for (job_id,) in connection.execute(sql, chunk).fetchall())
    return without


def _refused(file: Path, what: str) -> StoreRefused:
    return StoreRefused(
        f"{file} {what}: nothing was changed. Put back the one that belongs here, without any "
        f"{file.name}-wal and {file.name}-shm; or go on with what there is: "
        f"unstill recover --data-dir {file.parent}"
    )
