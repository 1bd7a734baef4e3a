"""The job store on PostgreSQL: the rows of a fleet of servers, each of which hears of all changes.

A job is read by its id from the database, so that any server answers for any job and what was
written is read by everybody at once. What a server keeps in memory follows the feed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import ShuttingDown
from unstill.store.holds import Holds
from unstill.store.ports.queue import Listener
from unstill.store.postgres import migrations
from unstill.store.postgres.activities import PostgresActivities
from unstill.store.postgres.attempts import PostgresAttempts
from unstill.store.postgres.backlog import PostgresBacklog
from unstill.store.postgres.charges import PostgresCharges
from unstill.store.postgres.database import Database
from unstill.store.postgres.dispatch import Dispatch
from unstill.store.postgres.doubts import PostgresDoubts
from unstill.store.postgres.entries import HEARTBEAT_S
from unstill.store.postgres.feed import Feed
from unstill.store.postgres.held_jobs import PostgresHeldJobs
from unstill.store.postgres.hints import Hints
from unstill.store.postgres.job_lists import PostgresJobLists
from unstill.store.postgres.jobs import PostgresJobs
from unstill.store.postgres.keys import PostgresKeys
from unstill.store.postgres.link_secrets import PostgresLinkSecrets
from unstill.store.postgres.outbox import PostgresOutbox
from unstill.store.postgres.own_folder import OwnFolder
from unstill.store.postgres.owners import PostgresOwners
from unstill.store.postgres.retention import PostgresRetention
from unstill.store.postgres.servers import EqualSetting
from unstill.store.postgres.uptime_notes import PostgresUptimeNotes
from unstill.system.clock import clock_ms as system_clock_ms

_STORE_ID = "SELECT id FROM store"


class PostgresStore:
    """A `Store` in the database at `url`; `data_dir` is this server's own folder."""

    def __init__(
        self,
        url: str,
        data_dir: Path,
        *,
        clock_ms: Callable[[], int] = system_clock_ms,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.clock_ms = clock_ms
        self.server_id = token_hex(8)
        self.commits = CommitCounts()
        self.database = Database(url, self.commits)
        self._folder = OwnFolder(data_dir, self.server_id)
        self._hints = Hints(self.database, self.server_id)
        self._feed = Feed(self.database, self._hints)
        self._store_id = ""
        self._dispatch = Dispatch(self.database, self.server_id, clock_ms, heartbeat_s=heartbeat_s)
        self._holds = Holds(self.database.rows, self._released)
        self.jobs = PostgresJobs(
            self.database,
            self._feed,
            self._folder,
            holds=self._holds,
            lines=self._dispatch.lines,
            clock_ms=clock_ms,
        )
        self.job_lists = PostgresJobLists(self.database)
        self.queue = self._dispatch.lanes_of(self.jobs)
        self.duties = self._dispatch.duties
        self.signals = self._dispatch.signals
        self.servers = self._dispatch.servers
        self.attempts = PostgresAttempts(self.database, self._folder)
        self.backlog = PostgresBacklog(self.database, self._folder)
        self.outbox = PostgresOutbox(self.database)
        self.held_jobs = PostgresHeldJobs(self.database, self._holds, data_dir)
        self.charges = PostgresCharges(self.database)
        self.doubts = PostgresDoubts(self.database, self._feed)
        self.activities = PostgresActivities(self.database)
        self.uptime_notes = PostgresUptimeNotes(self.database)
        self.link_secrets = PostgresLinkSecrets(self.database)
        self.retention = PostgresRetention(self.database)
        self.keys = PostgresKeys(self.database, data_dir)
        self.owners = PostgresOwners(self.database)

    async def open(
        self, listeners: Sequence[Listener] = (), own_listeners: Sequence[Listener] = ()
    ) -> None:
        await self._folder.startup()
        try:
            await self.database.open()
            await self.database.read(migrations.check)
            await self.database.know_life()
            found = await self.database.row(_STORE_ID)
            self._store_id = "" if found is None else str(found[0])
            await self._hints.startup()
            told = (self._holds.changed, self.queue.offer, *listeners)
            await self._feed.startup(told, own_listeners)
            await self._holds.startup()
            await self._dispatch.startup()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._dispatch.rest()
        await self._holds.shutdown()
        await self._feed.shutdown()
        await self._hints.shutdown()
        await self.database.close()
        self._folder.shutdown()

    def _released(self, job_id: str) -> None:
        """It was put off until somebody would: its lane looks at it now."""
        self.queue.hasten(job_id)

    @property
    def store_id(self) -> str:
        if not self._store_id:
            raise ShuttingDown("the job store is not open")
        return self._store_id

    async def agree(self, settings: Mapping[str, str]) -> None:
        await self.servers.agree(
            EqualSetting(name, value, f"{name} is") for name, value in settings.items()
        )

    def check(self) -> None:
        """A database that is away says so itself, to each call."""
