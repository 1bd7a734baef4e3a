"""All rows of a folder's store, table by table, for whoever takes them elsewhere.

Read while the folder is held, so that nobody writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path

import apsw

from unstill.domain.errors import OperatorError
from unstill.domain.money import Charge
from unstill.store.book_rows import NAMES, charge_of
from unstill.store.embedded.folder_match import FILE
from unstill.store.embedded.group_commit import as_own
from unstill.store.job_rows import Row

CHUNK = 1_000  # rows at once
# By the columns that tell a table's rows apart, in whose order they are read.
KEYS = {
    "jobs": ("id",),
    "attempts": ("job_id", "n"),
    "marks": ("job_id",),
    "deliveries": ("job_id",),
    "held": ("job_id",),
    "api_keys": ("id",),
    "owners": ("owner",),
    "charges": ("id",),
    "resolutions": ("job_id",),
    "continuations": ("job_id",),
}
# Those of one row, which are taken by what they say; and sums, which follow from other rows.
NOTES = frozenset({"store", "up", "api_key_changes", "spent"})
# How far rows that are added here are told of.
OWN = frozenset({("continuations", "number")})
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


class FolderTables:
    """The tables of an open connection."""

    def __init__(self, connection: apsw.Connection) -> None:
        """Raises OperatorError for a table that is not known here."""
        self._connection = connection
        unknown = {f"{name}" for (name,) in self._rows(_TABLES)} - {*KEYS} - NOTES
        if unknown:
            raise OperatorError(f"tables that cannot be moved: {', '.join(sorted(unknown))}")

    @property
    def store_id(self) -> str:
        return str(self._value("SELECT id FROM store"))

    @property
    def seen_ms(self) -> int:
        """When a server was last up."""
        return int(self._value("SELECT seen_ms FROM up") or 0)

    @property
    def key_changes(self) -> int:
        return int(self._value("SELECT number FROM api_key_changes") or 0)

    def columns(self, table: str) -> tuple[str, ...]:
        """But those that mean nothing elsewhere."""
        found = (f"{name}" for _, name, *_ in self._rows(f"PRAGMA table_info({table})"))
        return tuple(name for name in found if (table, name) not in OWN)

    def count(self, table: str) -> int:
        return int(self._value(f"SELECT count(*) FROM {table}") or 0)  # noqa: S608  - a name of ours

    def chunks(self, table: str) -> Iterator[Sequence[Row]]:
        """All rows by their keys, values in the order of `columns`. Raises OwnError."""
        names, order = ", ".join(self.columns(table)), ", ".join(KEYS[table])
        try:
            cursor = self._connection.execute(f"SELECT {names} FROM {table} ORDER BY {order}")  # noqa: S608
            while found := list(islice(cursor, CHUNK)):
                yield found
        except apsw.Error as error:
            raise as_own(error) from error

    def booked(self) -> Iterator[Sequence[Charge]]:
        """The book of money, a job's entries at a time, oldest first."""
        rows = self._connection.execute(f"SELECT {NAMES} FROM charges ORDER BY job_id, id")  # noqa: S608  - field names
        entries = (charge_of(row) for row in rows)
        for _, of_job in groupby(entries, key=attrgetter("job_id")):
            yield list(of_job)

    def _value(self, sql: str) -> str | int | None:
        [(value,)] = self._rows(sql)
        found: str | int | None = value
        return found

    def _rows(self, sql: str) -> list[Row]:
        return self._connection.execute(sql).fetchall()


@contextmanager
def folder_tables(data_dir: Path) -> Iterator[FolderTables]:
    """Raises OwnError."""
    try:
        flags = apsw.SQLITE_OPEN_READONLY
        with closing(apsw.Connection(str(data_dir / FILE), flags=flags)) as connection:
            yield FolderTables(connection)
    except apsw.Error as error:
        raise as_own(error) from error
