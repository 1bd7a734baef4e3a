"""Going on with a store that is older than its folder, or with none: what an operator decides.

Beside no server. The store gets a new id, so that whatever the lost one had begun stays where it
is, and a generation above all that the folder has seen. What was sent since, as the folder shows,
goes on where it was (replay.py). What else waits for an engine that may cost is held.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from unstill.domain.errors import OperatorError
from unstill.store.embedded import migrations
from unstill.store.embedded.connections import make_private
from unstill.store.embedded.folder_match import BUSY_WAIT_MS, FILE
from unstill.store.embedded.generation import Noted, note, noted_in, rise, standing_without_wal
from unstill.store.embedded.held_jobs import hold
from unstill.store.embedded.moved_mark import refuse_moved
from unstill.store.embedded.replay import replay
from unstill.store.folder_lock import FolderLock
from unstill.system.clock import clock_ms
from unstill.system.durable_writes import sync_folder

_COUNT = "SELECT count(*) FROM jobs"


class Recovered(NamedTuple):
    jobs: int  # that the store knows
    sent: int  # so many were since the copy, as the folder shows: the next start goes on with them
    held: int  # so many are, until they are released
    aside: tuple[Path, ...]  # files of another store that lay beside it, where they are now


async def recover(data_dir: Path, *, local_engines: Collection[str]) -> Recovered:
    """Make what there is of a store the folder's own, and hold what might be paid for twice.

    local_engines: those whose jobs cost nothing. Raises OperatorError.
    """
    lock = FolderLock(data_dir)
    try:
        await lock.take(0)
        refuse_moved(data_dir)
        return _recover(data_dir, local_engines)
    except OSError as error:
        raise OperatorError(f"{error.filename}: {error.strerror}") from error
    except apsw.Error as error:
        raise OperatorError(
            f"{data_dir / FILE} cannot be read: {error}; move it out of the folder, and a new one "
            "is made"
        ) from error
    finally:
        lock.release()


def _recover(data_dir: Path, local_engines: Collection[str]) -> Recovered:
    file = data_dir / FILE
    noted = noted_in(data_dir)
    aside = _set_aside(data_dir, _foreign(file, noted))
    make_private(file)
    with closing(apsw.Connection(str(file))) as connection:
        connection.set_busy_timeout(BUSY_WAIT_MS)
        connection.pragma("synchronous", "full")
        migrations.bring_up_to_date(connection, file, migrations.FOLDER)
        connection.transaction_mode = "IMMEDIATE"
        with connection:
            above = noted.number if noted else 0
            standing = rise(connection, clock_ms, above=above, renamed=True)
            jobs: int = connection.execute(_COUNT).get
            sent = replay(connection, data_dir, local_engines)
            held = hold(connection, local_engines)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    note(data_dir, Noted(standing.store, standing.number, base=0))
    return Recovered(jobs, sent, held, aside)


def _foreign(file: Path, noted: Noted | None) -> list[Path]:
    """What lies beside the database and belongs to another one, which SQLite would read into it."""
    beside = [file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm")]
    if not file.exists() or file.stat().st_size == 0:
        return beside
    if noted is None or not noted.base:
        return []
    with suppress(apsw.Error):
        standing = standing_without_wal(file)
        if standing is None or standing.store != noted.store or standing.number < noted.base:
            return beside
    return []


def _set_aside(data_dir: Path, files: list[Path]) -> tuple[Path, ...]:
    there = [file for file in files if file.exists()]
    if not there:
        return ()
    folder = data_dir / f"aside-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder.mkdir(mode=0o700)
    moved = tuple(file.rename(folder / file.name) for file in there)
    for each in (folder, data_dir):
        sync_folder(each)
    return moved
