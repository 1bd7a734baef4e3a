"""What the nouns of the store stand on: connections to the database, reads, and units of writing.

The database may be away, restart, or be cut off. A read is asked again for some seconds. A unit is
one transaction: one that was surely not committed is done again, and of one whose commit was not
answered the database itself says what became of it, once it is back.

It says so by the transaction's number. After a crash that is not enough: a transaction whose end
was not on the disk yet has left no trace, and its number is given to another one. Then the rows
themselves have to say it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from secrets import token_hex
from time import monotonic, perf_counter
from typing import Any, TypeVar

import asyncpg
import structlog

from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import OwnError, ShuttingDown, StorageFailed, StorageFull
from unstill.store.postgres.texts import storable

# A call waits so long for a database that is away, then it is told to come again.
PATIENCE_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
# For so long the database is asked what became of a commit that was not answered.
VERDICT_WITHIN_S = 60.0
MOST_CONNECTIONS = 10
ANSWER_WITHIN_S = 15.0  # a statement, on a network that may be cut

_SESSION: dict[str, Any] = {
    "timeout": ANSWER_WITHIN_S,
    "command_timeout": ANSWER_WITHIN_S,
    "server_settings": {
        "application_name": "unstill",
        # A server that was frozen or cut off lets its locks go.
        "idle_in_transaction_session_timeout": "20000",
        "lock_timeout": "10000",
    },
}

# What asyncpg raises, and the network below it; TimeoutError is an OSError.
TROUBLES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

_STATUS = "SELECT pg_xact_status($1::text::xid8)"
_NEW_LIFE = "INSERT INTO lives (id) VALUES ($1) ON CONFLICT DO NOTHING"
_LIFE = "SELECT id FROM lives"

Result = TypeVar("Result")
Connection = Any  # a pool's proxy of asyncpg.Connection
Values = Any  # asyncpg.Record: a sequence, and by names

log = structlog.get_logger()


class WriteUnit:
    """A transaction at hand, and what has to be known of it once it is committed."""

    __slots__ = ("after", "connection", "proof", "xact")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.xact: str | None = None  # its number, where a statement has told it
        self.after: list[Callable[[], None]] = []  # done after the commit, before its answer
        # A question that has a row where it was committed, and none where it was not.
        self.proof: tuple[str, Sequence[object]] | None = None

    async def rows(self, sql: str, *bounds: object) -> list[Values]:
        found: list[Values] = await self.connection.fetch(sql, *storable(bounds))
        return found

    async def row(self, sql: str, *bounds: object) -> Values | None:
        return await self.connection.fetchrow(sql, *storable(bounds))

    async def run(self, sql: str, *bounds: object) -> None:
        await self.connection.execute(sql, *storable(bounds))


Work = Callable[[WriteUnit], Awaitable[Result]]


class Again(Exception):
    """Raised by a unit that has met another one: it is undone, and begun again."""


class Database:
    """One of a store; it is there before the store is open, and after."""

    def __init__(self, url: str, commits: CommitCounts) -> None:
        self._url = url
        self._commits = commits
        self._pool: asyncpg.Pool[Any] | None = None
        self._life = ""  # not known yet: no transaction's number is believed then
        self._units: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Raises StorageFailed where the database is not there."""
        if self._pool is None:
            try:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=MOST_CONNECTIONS,
                    # Nothing of a session outlives a unit: to clear it would be one more question.
                    reset=_nothing_to_reset,
                    **_SESSION,
                )
            except Exception as error:
                raise as_own(error) from error

    async def connect(self) -> asyncpg.Connection[Any]:
        """A connection beside the pool: its own to end."""
        return await asyncpg.connect(self._url, **_SESSION)

    async def close(self) -> None:
        """Once the units under way are done."""
        while self._units:
            await asyncio.gather(*self._units, return_exceptions=True)
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    @property
    def pool(self) -> asyncpg.Pool[Any]:
        """Raises ShuttingDown where the store is not open."""
        if self._pool is None:
            raise ShuttingDown("the job store is not open")
        return self._pool

    async def rows(self, sql: str, *bounds: object) -> list[Values]:
        """Read. Raises StorageFailed."""
        given = storable(bounds)
        found: list[Values] = await self.read(lambda connection: connection.fetch(sql, *given))
        return found

    async def row(self, sql: str, *bounds: object) -> Values | None:
        given = storable(bounds)
        return await self.read(lambda connection: connection.fetchrow(sql, *given))

    async def read(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Do `work`, which only reads; again where the database is away for a moment."""
        pauses = _Pauses()
        while True:
            try:
                async with self._connection() as connection:
                    return await work(connection)
            except TROUBLES as error:
                if not is_away(error) or pauses.are_over:
                    raise as_own(error) from error
            await pauses.next()

    async def write(self, work: Work[Result]) -> Result:
        """Do `work` as one unit. Raises what it raised, StorageFull, StorageFailed.

        It may be begun more than once, and is committed once. A caller that is cancelled leaves
        its write standing.
        """
        _ = self.pool  # raises where it is closed
        unit = asyncio.create_task(self._write(work))
        self._units.add(unit)
        unit.add_done_callback(self._units.discard)
        return await asyncio.shield(unit)

    async def execute(self, sql: str, *bounds: object) -> None:
        """Write one statement that changes no job."""
        await self.write(lambda unit: unit.run(sql, *bounds))

    # --- units ---------------------------------------------------------------------------------

    async def _write(self, work: Work[Result]) -> Result:
        pauses = _Pauses()
        while True:
            try:
                return await self._once(work)
            except _NotCommitted as undone:
                if pauses.are_over and not isinstance(undone.error, Again):
                    self._commits.failed += 1
                    raise as_own(undone.error) from undone.error
            await pauses.next()

    async def _once(self, work: Work[Result]) -> Result:
        """Raises _NotCommitted where it may be done again."""
        begun_s = perf_counter()
        try:
            async with self._connection() as connection:
                unit = WriteUnit(connection)
                try:
                    result = await self._in_transaction(unit, work)
                except BaseException:
                    await _roll_back(connection)
                    raise
        except (_NotCommitted, OwnError):
            raise
        except Exception as error:
            if is_away(error) or is_undone(error):
                raise _NotCommitted(error) from error
            if isinstance(error, asyncpg.PostgresError):
                self._commits.failed += 1
                raise as_own(error) from error
            raise
        self._commits.times.note(perf_counter() - begun_s)
        for each in unit.after:
            each()
        return result

    async def _in_transaction(self, unit: WriteUnit, work: Work[Result]) -> Result:
        connection, life = unit.connection, self._life
        await connection.execute("BEGIN")
        result = await work(unit)
        if unit.xact is None:
            unit.xact = await connection.fetchval("SELECT pg_current_xact_id_if_assigned()::text")
        try:
            await connection.execute("COMMIT")
        except Exception as error:
            # What has no number has written nothing.
            if unit.xact is None or not is_away(error):
                raise
            if not await self._was_committed(unit, life):
                raise _NotCommitted(error) from error
        return result

    async def _was_committed(self, unit: WriteUnit, life: str) -> bool:
        """Whether a unit was that was not answered. Raises StorageFailed where that is not known.

        life: of the database, when it was begun.
        """
        until_s, pauses = monotonic() + VERDICT_WITHIN_S, _Pauses()
        while monotonic() < until_s:
            with suppress(*TROUBLES):
                verdict = await self._verdict(unit, life)
                if verdict is not None:
                    return verdict
            await pauses.next()
        log.error("commit_not_known", xact=unit.xact)
        raise StorageFailed("the database did not say whether it has stored this")

    async def _verdict(self, unit: WriteUnit, life: str) -> bool | None:
        """None: that cannot be told, or not yet."""
        async with self._connection() as connection:
            self._life = await _life_of(connection)
            status = await connection.fetchval(_STATUS, unit.xact)
            if status == "aborted":
                return False
            if status == "committed" and life == self._life:
                return True
            if status == "in progress" or unit.proof is None:
                return None
            sql, bounds = unit.proof
            return await connection.fetchrow(sql, *storable(tuple(bounds))) is not None

    async def know_life(self) -> None:
        """Note which life of the database this is. Raises StorageFailed."""
        self._life = await self.read(_life_of)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        async with self.pool.acquire(timeout=ANSWER_WITHIN_S) as connection:
            yield connection


async def _life_of(connection: Connection) -> str:
    await connection.execute(_NEW_LIFE, token_hex(8))
    return str(await connection.fetchval(_LIFE))


class _NotCommitted(Exception):
    """Nothing of a unit was written."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Pauses:
    """Between tries, for as long as a caller is let wait."""

    def __init__(self) -> None:
        self._until_s = monotonic() + PATIENCE_S
        self._pause_s = FIRST_PAUSE_S

    @property
    def are_over(self) -> bool:
        return monotonic() >= self._until_s

    async def next(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


async def _nothing_to_reset(_: object) -> None: ...


async def _roll_back(connection: Connection) -> None:
    """A connection goes back as it came; one that cannot is closed, and another one made."""
    try:
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
    except Exception:  # noqa: BLE001  - whatever it is, the connection is of no use
        connection.terminate()


def is_away(error: BaseException) -> bool:
    """Whether the database is not there, or a connection to it has broken."""
    return isinstance(
        error,
        (
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.TooManyConnectionsError,
            asyncpg.IdleInTransactionSessionTimeoutError,
            asyncpg.ReadOnlySQLTransactionError,  # a standby that is being made the primary
            asyncpg.InterfaceError,
            OSError,  # TimeoutError too
        ),
    )


def is_undone(error: BaseException) -> bool:
    """Whether the unit was undone in favour of another one."""
    return isinstance(
        error,
        (Again, asyncpg.DeadlockDetectedError, asyncpg.SerializationError,
         asyncpg.LockNotAvailableError),
    )  # fmt: skip


def as_own(error: Exception) -> OwnError:
    """A database's error as ours: StorageFull when room would mend it, else StorageFailed."""
    if isinstance(error, OwnError):
        return error
    if isinstance(error, asyncpg.DiskFullError):
        return StorageFull("the disk of the database is full")
    return StorageFailed(f"the job store failed: {type(error).__name__}: {error}")
