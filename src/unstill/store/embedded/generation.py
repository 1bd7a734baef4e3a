"""Which store a folder has, and how far it had come: so that a lost or older one is not served.

The store has an id and a generation in a row of its own, and the folder has both in a file beside
it. The generation rises at each start and end, with each call that may cost, and once a second
while anything is written: in the transaction first, in the file after the commit. So a store that
is behind its folder is a copy from before, whatever became of the server in between. The file is
not synced with each: after a power cut it may be behind the store, which harms nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any, NamedTuple

import apsw
import structlog

from unstill.system.durable_writes import write_durably

FILE = "unstill.generation"
RAISED_EVERY_S = 1.0

_TEXT = "{store} {number:020d} {base:020d}\n"  # it keeps its length: it is written in place

log = structlog.get_logger()


class Noted(NamedTuple):
    """What the folder knows of its store."""

    store: str
    number: int
    base: int  # the database file itself has at least this, without its -wal


class StoreStanding(NamedTuple):
    """What a store says about itself."""

    store: str
    number: int
    changed_ms: int
    recovered_ms: int  # when an operator last went on with a copy; jobs before may lack their rows


def noted_in(data_dir: Path) -> Noted | None:
    """What the folder knows; None in a new folder, in one of 0.1.0, and if it cannot be read."""
    with suppress(FileNotFoundError, ValueError):
        store, number, base = (data_dir / FILE).read_text(encoding="ascii").split()
        return Noted(store, int(number), int(base))
    return None


def note(data_dir: Path, noted: Noted) -> None:
    """Write what the folder is to know; durable when it returns."""
    write_durably(data_dir / FILE, _TEXT.format(**noted._asdict()).encode())


def standing_of(connection: apsw.Connection) -> StoreStanding | None:
    """What the store says; None of a new one, and of 0.1.0."""
    if not connection.table_exists(None, "store"):
        return None
    found: list[tuple[Any, ...]] = connection.execute(
        "SELECT id, generation, changed_ms, recovered_ms FROM store"
    ).fetchall()
    return StoreStanding(*found[0]) if found else None


def standing_without_wal(file: Path) -> StoreStanding | None:
    """What the database file alone says, without the -wal beside it, which may be another's.

    Raises apsw.Error.
    """
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    address = f"{file.absolute().as_uri()}?immutable=1"
    with closing(apsw.Connection(address, flags=flags)) as connection:
        return standing_of(connection)


def rise(
    connection: apsw.Connection,
    clock_ms: Callable[[], int],
    *,
    above: int = 0,
    renamed: bool = False,
) -> StoreStanding:
    """Raise the store's generation above `above`; within the caller's transaction.

    renamed: it is another store from now on, one that an operator goes on with.
    """
    now_ms = clock_ms()
    before = standing_of(connection)
    if before is None:
        now = StoreStanding(token_hex(16), above + 1, now_ms, now_ms if renamed else 0)
        connection.execute("INSERT INTO store VALUES (?, ?, ?, ?)", now)
        return now
    now = StoreStanding(
        token_hex(16) if renamed else before.store,
        max(before.number, above) + 1,
        now_ms,
        now_ms if renamed else before.recovered_ms,
    )
    connection.execute(
        "UPDATE store SET id = ?, generation = ?, changed_ms = ?, recovered_ms = ?", now
    )
    return now


class Generation:
    """The number of an open store, which the one thread that writes raises in its transactions."""

    def __init__(
        self, data_dir: Path, standing: StoreStanding, *, base: int, clock_ms: Callable[[], int]
    ) -> None:
        """Note in the folder what the store says now."""
        self.store = standing.store
        self._clock_ms = clock_ms
        self._base, self._number = base, standing.number
        self._is_due = False
        self._due_at = monotonic() + RAISED_EVERY_S
        self._is_raised = False
        note(data_dir, Noted(standing.store, standing.number, base))
        self._descriptor = os.open(data_dir / FILE, os.O_WRONLY)

    def demand(self) -> None:
        """Raise it in this transaction: a copy from before it is older in a way that costs."""
        self._is_due = True

    def before_commit(self, connection: apsw.Connection) -> None:
        if self._is_due or monotonic() >= self._due_at:
            self._number = rise(connection, self._clock_ms).number
            self._is_raised = True

    def after_commit(self) -> None:
        if not self._is_raised:
            return
        self._is_due = self._is_raised = False
        self._due_at = monotonic() + RAISED_EVERY_S
        text = _TEXT.format(store=self.store, number=self._number, base=self._base)
        try:
            os.pwrite(self._descriptor, text.encode(), 0)
        except OSError as error:  # the next one is tried again; the store itself is well
            log.warning("generation_not_noted", why=error.strerror)

    def close(self) -> None:
        with suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)
