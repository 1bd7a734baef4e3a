"""The rows of a data folder's store, taken into a database that nothing is in yet.

One transaction: whoever looks sees none of them or all, and of a move that was ended in its midst
nothing is left. It is committed when every row has been read back and is as it was. The database
takes the folder's store for its own, by its id; by that a move that is begun again knows that it
was done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import asyncpg
import msgspec

from unstill.domain.book import spent_by
from unstill.domain.errors import OperatorError
from unstill.domain.money import ChargeKind
from unstill.domain.owner import Owner
from unstill.store.embedded.folder_tables import CHUNK, KEYS, FolderTables
from unstill.store.job_rows import Row
from unstill.store.postgres.charges import part_of
from unstill.store.postgres.database import as_own
from unstill.store.postgres.texts import storable

CONNECT_WITHIN_S = 15.0
TOLD_EVERY = 50 * CHUNK  # rows

# Nobody starts meanwhile: a server has its row before it does anything.
_ALONE = "LOCK TABLE servers IN SHARE ROW EXCLUSIVE MODE"
_UP = "SELECT count(*) FROM servers WHERE up_until >= now()"
_STORE_ID = "SELECT id FROM store"
_TAKE_ID = "UPDATE store SET id = $1"
_SEEN = "UPDATE up SET seen_ms = $1"
_KEY_CHANGES = "UPDATE api_key_changes SET number = number + $1 + 1"
_COLUMNS = (
    "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND table_name = $1"
)
_NUMBER_ON = (
    "SELECT setval(pg_get_serial_sequence('charges', 'id'), max(id)) FROM charges "
    "HAVING count(*) > 0"
)
_SUM_COLUMNS = ("owner", "day", "part", "reserved", "settled", "entries")
_encode = msgspec.json.Encoder().encode

Tell = Callable[[str, int], None]  # a table, and how many of its rows are there so far


class RowsMoved(msgspec.Struct, frozen=True):
    """How many rows the database has of each table, read back and compared."""

    counts: Mapping[str, int]
    is_new: bool  # False: an earlier move had brought them


async def check_target(url: str, store_id: str) -> bool:
    """Whether the rows of that store are there already.

    Raises OperatorError where others are, or servers are up; StorageFailed.
    """
    async with _connected(url) as connection:
        return await _is_there(connection, store_id)


async def move_in(
    url: str, tables: FolderTables, secrets: Sequence[bytes], *, tell: Tell
) -> RowsMoved:
    """Take all rows, and the secrets of links; nothing where they are there already.

    Raises OperatorError where other rows are, servers are up, or a row did not arrive as it was;
    StorageFailed. Then nothing was taken, or that is not known: a move that is begun again does.
    """
    async with _connected(url) as connection, connection.transaction():
        await connection.execute(_ALONE)
        if await _is_there(connection, tables.store_id):
            return RowsMoved({each: tables.count(each) for each in KEYS}, is_new=False)
        counts = {}
        for table in KEYS:
            names = await _columns_in(connection, tables, table)
            counts[table] = await _copy(connection, tables, table, names, tell)
        await connection.copy_records_to_table(
            "spent", records=_sums_of(tables), columns=_SUM_COLUMNS
        )
        await connection.execute(_NUMBER_ON)
        await connection.execute(_SEEN, tables.seen_ms)
        await connection.execute(_KEY_CHANGES, tables.key_changes)
        await _put_secrets(connection, secrets)
        await connection.execute(_TAKE_ID, tables.store_id)
        return RowsMoved(counts, is_new=True)


async def _is_there(connection: Any, store_id: str) -> bool:
    if await connection.fetchval(_STORE_ID) == store_id:
        return True
    up = await connection.fetchval(_UP)
    if up:
        raise OperatorError(
            f"{up} servers are up on the database, or were half a minute ago: stop them first"
        )
    for table in (*KEYS, "spent"):
        if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})"):  # noqa: S608  - a name of ours
            raise OperatorError(
                f"the database has rows of its own, in {table}: move the folder into a new one"
            )
    return False


async def _columns_in(connection: Any, tables: FolderTables, table: str) -> tuple[str, ...]:
    """Raises OperatorError for a column of the folder's that the database has not."""
    names = tables.columns(table)
    there = {found[0] for found in await connection.fetch(_COLUMNS, table)}
    lacking = [name for name in names if name not in there]
    if lacking:
        raise OperatorError(f"the database has no {table}.{', '.join(lacking)}: it is not moved")
    return names


async def _copy(
    connection: Any, tables: FolderTables, table: str, names: tuple[str, ...], tell: Tell
) -> int:
    """How many rows; each has been read back."""
    count, written = 0, blake2b()
    for found in tables.chunks(table):
        chunk = [*map(storable, found)]
        await connection.copy_records_to_table(table, records=chunk, columns=names)
        count += len(chunk)
        _add(written, chunk)
        if count % TOLD_EVERY == 0:
            tell(table, count)
    read = blake2b()
    order = ", ".join(KEYS[table])
    sql = f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}"  # noqa: S608  - names of ours
    async for row in connection.cursor(sql, prefetch=CHUNK):
        _add(read, [tuple(row)])
    if read.digest() != written.digest():
        raise OperatorError(f"the rows of {table} did not arrive as they were: nothing is moved")
    if count:
        tell(table, count)
    return count


def _add(digest: Any, rows: Sequence[Row]) -> None:
    for row in rows:
        digest.update(_encode(row))


def _sums_of(tables: FolderTables) -> Sequence[Row]:
    """What each row of the sums says, by the entries; as `charges.write` would have left it."""
    sums: dict[tuple[Owner, int, int], list[int]] = {}
    for entries in tables.booked():
        standing = next((each for each in entries if each.kind is ChargeKind.RESERVE), entries[0])
        place = (standing.owner, standing.day, part_of(standing.job_id))
        found = sums.setdefault(place, [0, 0, 0])
        for entry in entries:
            by = spent_by(entry, standing)
            found[0] += by.reserved
            found[1] += by.settled
            found[2] += 1
    return [(*place, *found) for place, found in sums.items()]


async def _put_secrets(connection: Any, secrets: Sequence[bytes]) -> None:
    """What a server has made before there was any job has signed nothing."""
    await connection.execute("DELETE FROM link_secrets")
    places = [(place, secret.hex()) for place, secret in enumerate(secrets)]
    await connection.executemany("INSERT INTO link_secrets (place, secret) VALUES ($1, $2)", places)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    """Raises StorageFailed, also for what is done with it."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_WITHIN_S,
            # Rows are read from the folder between two statements; no statement is given up.
            server_settings={
                "application_name": "unstill migrate",
                "idle_in_transaction_session_timeout": "0",
                "statement_timeout": "0",
                "lock_timeout": "10000",
            },
        )
        try:
            yield connection
        finally:
            await connection.close(timeout=CONNECT_WITHIN_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise as_own(error) from error
