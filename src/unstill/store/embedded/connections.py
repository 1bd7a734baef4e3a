"""The connections of an open store, and how its file is opened: checked, upgraded, noted.

Four of them: one writes, one finds jobs by their ids on the event loop, and two read in a thread
each, so that no caller's list holds up what the server itself asks.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import apsw
import structlog

from unstill.domain.errors import BadSetting, OperatorError
from unstill.store import keys_mark
from unstill.store.embedded import folder_match, migrations
from unstill.store.embedded.beside import transaction
from unstill.store.embedded.folder_match import BUSY_WAIT_MS, FILE
from unstill.store.embedded.generation import Generation, noted_in, rise
from unstill.store.embedded.group_commit import as_own
from unstill.store.embedded.read_pace import ReadPace
from unstill.store.embedded.wal_size import WalSize
from unstill.store.job_rows import Row, Value
from unstill.system.clock import clock_ms

NO_ROOM_BYTES = 2**20
_HAS_KEYS = "SELECT EXISTS (SELECT 1 FROM api_keys)"
PRIVATE = 0o600  # prompts, tickets and the tokens of webhooks are in it

Result = TypeVar("Result")

log = structlog.get_logger()


class _Reading:
    """One read; nobody waits for it any more once it `is_off`."""

    __slots__ = ("is_off",)

    def __init__(self) -> None:
        self.is_off = False


class Reader:
    """One connection that is read in one thread, a read after the other.

    A read whose caller was cancelled is not begun any more, and ended where it has begun.
    """

    def __init__(
        self, name: str, connection: apsw.Connection, pace: ReadPace | None = None
    ) -> None:
        self.connection = connection
        self._pace = pace
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"unstill-{name}")
        # Held while a read begins or ends, so that none is interrupted in the place of another.
        self._changes = threading.Lock()
        self._under_way: _Reading | None = None

    async def select(self, sql: str, bounds: tuple[Value, ...] = ()) -> list[Row]:
        return await self.read(lambda connection: connection.execute(sql, bounds).fetchall())

    async def read(self, work: Callable[[apsw.Connection], Result]) -> Result:
        """Do `work` in the thread. Raises what it raised, StorageFull or StorageFailed."""
        reading = _Reading()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._read, reading, work)
        except asyncio.CancelledError:
            self._call_off(reading)
            raise

    def close(self) -> None:
        """Once nothing is read any more."""
        self._thread.shutdown()
        self.connection.close()

    def _call_off(self, reading: _Reading) -> None:
        with self._changes:
            reading.is_off = True
            if self._under_way is reading:
                self.connection.interrupt()

    # --- on the thread -------------------------------------------------------------------------

    def _read(self, reading: _Reading, work: Callable[[apsw.Connection], Result]) -> Result:
        if self._pace is not None:
            self._pace.rest()
        with self._changes:
            if reading.is_off:
                raise CancelledError  # nobody hears it
            self._under_way = reading
        try:
            with self._pace.work() if self._pace is not None else nullcontext():
                return work(self.connection)
        except apsw.Error as error:
            raise as_own(error) from error
        finally:
            with self._changes:
                self._under_way = None


class Connections(NamedTuple):
    writes: apsw.Connection
    finds: apsw.Connection
    ledger: apsw.Connection
    lists: apsw.Connection


def connect(data_dir: Path, vfs: str | None) -> tuple[Connections, Generation]:
    """Open the folder's store and raise its generation.

    Raises StoreRefused if it does not belong to the folder, OperatorError if it cannot be opened;
    then nothing has been changed.
    """
    file = data_dir / FILE
    folder_match.check_file(data_dir, file)
    with ExitStack() as stack:
        try:
            make_private(file)
            connections = Connections(*(_connection(file, vfs, stack) for _ in Connections._fields))
            writes = connections.writes
            folder_match.check_store(data_dir, file, writes)
            migrations.bring_up_to_date(writes, file, migrations.FOLDER)
            if writes.pragma("journal_mode", "wal") != "wal":
                raise BadSetting("server.data_dir", f"the disk of {file} takes no WAL")
            if writes.execute(_HAS_KEYS).get:  # a folder of an earlier release has no mark
                keys_mark.mark(data_dir)
            WalSize(writes, BUSY_WAIT_MS)
            generation = _generation(data_dir, writes)
        except (apsw.Error, OSError) as error:
            raise OperatorError(f"{file} cannot be opened: {_why(error, data_dir)}") from error
        for connection in connections[1:]:
            connection.pragma("query_only", value=True)
        stack.pop_all()
        return connections, generation


def close(writes: apsw.Connection, generation: Generation) -> None:
    """Close the last connection, so that a copy from before is older than the folder."""
    try:
        generation.demand()
        with transaction(writes):
            generation.before_commit(writes)
        generation.after_commit()
        writes.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except apsw.Error as error:  # the log is as good as the file: the next start reads both
        log.warning("checkpoint_failed", why=str(error))
    generation.close()
    writes.close()


def _why(error: apsw.Error | OSError, data_dir: Path) -> str:
    """SQLite calls a full disk by many names."""
    if shutil.disk_usage(data_dir).free < NO_ROOM_BYTES:
        return "its disk is full, free some space"
    return f"{error}"


def _generation(data_dir: Path, writes: apsw.Connection) -> Generation:
    noted = noted_in(data_dir)
    with transaction(writes):
        standing = rise(writes, clock_ms, above=noted.number if noted else 0)
    [(is_busy, _, _)] = writes.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    base = standing.number if not is_busy else noted.base if noted else 0
    return Generation(data_dir, standing, base=base, clock_ms=clock_ms)


def _connection(file: Path, vfs: str | None, stack: ExitStack) -> apsw.Connection:
    connection = apsw.Connection(str(file), vfs=vfs)
    stack.callback(connection.close)
    connection.set_busy_timeout(BUSY_WAIT_MS)
    connection.pragma("synchronous", "full")
    return connection


def make_private(file: Path) -> None:
    """Before SQLite opens it: its -wal and -shm are made with the database's own permissions."""
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, PRIVATE))
    for each in (file, *file.parent.glob(f"{file.name}[-.]*")):
        with suppress(FileNotFoundError):
            each.chmod(PRIVATE)
