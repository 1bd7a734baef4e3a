"""PgQueuer's entries: which job waits in which line, in the database that all servers share.

An entry is a job on a lane: it is there once, whoever puts it there, and is in one server's hands
at a time. Its server says now and then that it still has it; from whom nothing was heard for a
while it is taken. What PgQueuer offers in public is all that is used; its tables and their names
are those of `sql/0002_lanes.sql`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any, NamedTuple, Self
from uuid import uuid4

import asyncpg
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.core.tm import TaskManager
from pgqueuer.domain.models import Job as Entry
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.driver import NotifyCallback
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries

from unstill.domain.errors import StorageFailed
from unstill.store.postgres.database import ANSWER_WITHIN_S, Database, WriteUnit, as_own

__all__ = ["Entries", "Entry", "NewEntry", "queries_over"]

AGAIN_S = 0.5
HEARTBEAT_S = 30.0  # from whom nothing was heard for so long, its entries are taken
TABLE = "unstill_pgqueuer"
# All names are said: none is taken from the environment of an operator who has a PgQueuer too.
SETTINGS = DBSettings(
    prefix="unstill_",
    db_schema=None,
    channel=Channel("unstill_ch_pgqueuer"),
    function="unstill_fn_pgqueuer_changed",
    statistics_table=f"{TABLE}_statistics",
    queue_status_type=f"{TABLE}_status",
    queue_table=TABLE,
    queue_table_log=f"{TABLE}_log",
    trigger="unstill_tg_pgqueuer_changed",
    schedules_table=f"{TABLE}_schedules",
    durability=Durability.balanced,
    widen_id=True,
)
_ENVIRONMENT = QueryBuilderEnvironment(SETTINGS)
_QUEUE = QueryQueueBuilder(SETTINGS)
_SCHEDULES = QuerySchedulerBuilder(SETTINGS)

_OWN = f"SELECT id FROM {TABLE} WHERE id = ANY($1::bigint[]) AND queue_manager_id = $2"  # noqa: S608  - a name of ours


class NewEntry(NamedTuple):
    """A job, or a duty, that is to wait."""

    entrypoint: str
    key: str  # there is one entry of it at a time
    priority: int = 0
    delay_s: float = 0.0


class _Driver:
    """PgQueuer's way to the database: single statements, each on a connection of the pool.

    Nothing of it outlives a statement, so that nothing ends with a connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        async with self._database.pool.acquire(timeout=ANSWER_WITHIN_S) as connection:
            return [dict(row) for row in await connection.fetch(query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        async with self._database.pool.acquire(timeout=ANSWER_WITHIN_S) as connection:
            return str(await connection.execute(query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        await self.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Nothing is heard so: servers hear of rows by the feed."""

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return TaskManager()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class _UnitDriver(_Driver):
    """The same within a unit of writing."""

    def __init__(self, unit: WriteUnit) -> None:
        self._unit = unit
        self._shutdown = asyncio.Event()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return [dict(row) for row in await self._unit.rows(query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        return str(await self._unit.connection.execute(query, *args))


def queries_over(driver: Any) -> Queries:
    return Queries(driver, _ENVIRONMENT, _QUEUE, _SCHEDULES)


class Entries:
    """The entries as one server takes, keeps and ends them."""

    def __init__(self, database: Database, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.heartbeat_s = heartbeat_s
        self.taker = QueueManagerId(uuid4())
        self._database = database
        self._queries = queries_over(_Driver(database))
        self._in_hand: dict[int, Entry] = {}
        self._ended: list[tuple[Entry, asyncio.Future[None]]] = []
        self._ending: asyncio.Task[None] | None = None
        self._answered_s = monotonic()
        self._patience = (0.0, 0.0)  # until when others are given how many more seconds

    # --- putting -------------------------------------------------------------------------------

    async def put(self, unit: WriteUnit, entries: Sequence[NewEntry]) -> None:
        """Those whose key waits already stay as they are."""
        if not entries:
            return
        await queries_over(_UnitDriver(unit)).enqueue(
            [each.entrypoint for each in entries],
            [each.key.encode() for each in entries],
            [each.priority for each in entries],
            [timedelta(seconds=max(0.0, each.delay_s)) for each in entries],
            [each.key for each in entries],
            on_conflict="skip",
        )

    # --- taking --------------------------------------------------------------------------------

    async def take(self, most: int, limits: Mapping[str, int]) -> Sequence[Entry]:
        """At most so many that are due, highest priority first, of these entrypoints.

        limits: of each, how many all servers may have in hand; 0 is no limit. Raises OwnError.
        """
        wanted = {
            QueueEntrypoint(name): EntrypointExecutionParameter(limit)
            for name, limit in limits.items()
        }
        try:
            taken = await self._queries.dequeue(most, wanted, self.taker, None, self._stale_after())
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise as_own(error) from error
        self._answered()
        new = [entry for entry in taken if entry.id not in self._in_hand]
        self._in_hand |= {entry.id: entry for entry in new}
        return new

    def _stale_after(self) -> timedelta:
        """After the database was away, nobody could say that it has its entries: all may."""
        until_s, more_s = self._patience
        more_s = more_s if monotonic() < until_s else 0.0
        return timedelta(seconds=self.heartbeat_s + more_s)

    def _answered(self) -> None:
        now_s = monotonic()
        away_s, self._answered_s = now_s - self._answered_s, now_s
        if away_s > self.heartbeat_s / 3:
            self._patience = (now_s + self.heartbeat_s, away_s)

    # --- keeping -------------------------------------------------------------------------------

    async def keep(self) -> Sequence[Entry]:
        """Say that what is in hand still is; what was taken away meanwhile. Raises OwnError."""
        held = dict(self._in_hand)
        own: Collection[int] = ()
        try:
            if held:
                own = {row["id"] for row in await self._database.rows(_OWN, list(held), self.taker)}
                await self._queries.update_heartbeat([held[each].id for each in own])
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise as_own(error) from error
        self._answered()
        lost = [entry for number, entry in held.items() if number not in own]
        return [entry for entry in lost if self._in_hand.pop(entry.id, None) is not None]

    @property
    def kept_every_s(self) -> float:
        """Between two times that it is said."""
        return self.heartbeat_s / 3

    # --- ending --------------------------------------------------------------------------------

    async def end(self, entry: Entry) -> None:
        """It waits no more; several that end at once are ended in one statement."""
        if entry.id not in self._in_hand:
            return
        done = asyncio.get_running_loop().create_future()
        self._ended.append((entry, done))
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(self._end_them())
        await done

    async def _end_them(self) -> None:
        while self._ended:
            ended, self._ended = self._ended, []
            # One that was taken away is its taker's to end.
            own = [entry for entry, _ in ended if entry.id in self._in_hand]
            try:
                await self._queries.log_jobs([(entry, "successful", None) for entry in own])
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                self._ended += ended
                await asyncio.sleep(1)
                continue
            for entry, done in ended:
                self._in_hand.pop(entry.id, None)
                if not done.done():
                    done.set_result(None)

    async def end_within(self, unit: WriteUnit, entry: Entry) -> None:
        """The same in a unit of writing; `forget` follows its commit."""
        await queries_over(_UnitDriver(unit)).log_jobs([(entry, "successful", None)])

    def forget(self, entry: Entry) -> None:
        """It is no more in hand."""
        self._in_hand.pop(entry.id, None)

    async def put_off(self, entry: Entry, delay_s: float) -> None:
        """Let it wait for so long; where that cannot be said in time, it is taken as a lost one."""
        if self._in_hand.pop(entry.id, None) is None:
            return
        until_s, delay = monotonic() + self.heartbeat_s / 3, timedelta(seconds=max(0.0, delay_s))
        while True:
            try:
                await self._queries.retry_job(entry, delay, None)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                if not await self._is_still_own(entry, until_s):
                    return
            else:
                return

    async def _is_still_own(self, entry: Entry, until_s: float) -> bool:
        """Whether it was not put off after all, by a statement that was not answered.

        False where that is not known in time.
        """
        while monotonic() < until_s:
            await asyncio.sleep(AGAIN_S)
            try:
                return bool(await self._database.rows(_OWN, [entry.id], self.taker))
            except StorageFailed:
                continue
        return False

    async def rest(self) -> None:
        """Give back what is in hand, to be taken at once."""
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.gather(self._ending, return_exceptions=True)
        for _, done in self._ended:
            done.cancel()
        given = tuple(self._in_hand.values())
        await asyncio.gather(*(self.put_off(entry, 0) for entry in given))
