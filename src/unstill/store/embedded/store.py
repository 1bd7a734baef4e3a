"""The embedded job store: one SQLite file, and lanes in memory.

One process holds the folder. A job is read by its id on the event loop (a few microseconds),
everything else in a thread: callers' lists in one, what the server itself asks in another. One
thread writes with group commit and `synchronous=FULL`: what was answered survives a power cut. APSW
brings a SQLite of its own: before 3.51.3 two connections that write and checkpoint a WAL together
may corrupt it (sqlite.org/wal.html#walresetbug).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from secrets import token_hex

import structlog

from unstill.domain.commit_counts import CommitCounts
from unstill.domain.errors import BadSetting
from unstill.domain.job import Job, lane_of
from unstill.domain.log_fields import job_fields
from unstill.store.embedded.activities import EmbeddedActivities
from unstill.store.embedded.attempts import EmbeddedAttempts
from unstill.store.embedded.backlog import EmbeddedBacklog
from unstill.store.embedded.charges import EmbeddedCharges
from unstill.store.embedded.doubts import EmbeddedDoubts
from unstill.store.embedded.handle import Handle
from unstill.store.embedded.held_jobs import EmbeddedHeldJobs
from unstill.store.embedded.job_lists import EmbeddedJobLists
from unstill.store.embedded.jobs import EmbeddedJobs
from unstill.store.embedded.keys import EmbeddedKeys
from unstill.store.embedded.link_secrets import EmbeddedLinkSecrets
from unstill.store.embedded.open_store import open_store
from unstill.store.embedded.outbox import EmbeddedOutbox
from unstill.store.embedded.owners import EmbeddedOwners
from unstill.store.embedded.retention import EmbeddedRetention
from unstill.store.embedded.uptime_notes import EmbeddedUptimeNotes
from unstill.store.folder_lock import FolderLock
from unstill.store.lanes import Lanes
from unstill.store.local_duties import LocalDuties, LocalSignals
from unstill.store.ports.queue import Listener
from unstill.store.ports.store import Store
from unstill.system.clock import clock_ms as system_clock_ms

LOCK_WAIT_S = 5.0  # for a predecessor that is shutting down

log = structlog.get_logger()


def embedded_store(data_dir: Path, clock_ms: Callable[[], int]) -> Store:
    """The store of a product that is told of no other."""
    return EmbeddedStore(data_dir, clock_ms=clock_ms)


class EmbeddedStore:
    """A `Store` in the folder `data_dir`: its nouns, over one set of connections.

    vfs: the name of the SQLite VFS that the file is opened with, None for SQLite's own.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        lock_wait_s: float = LOCK_WAIT_S,
        vfs: str | None = None,
        clock_ms: Callable[[], int] = system_clock_ms,
    ) -> None:
        self.server_id = token_hex(8)
        self._data_dir = data_dir
        self._lock = FolderLock(data_dir)
        self._lock_wait_s = lock_wait_s
        self._vfs = vfs
        self._told: Sequence[Listener] = ()  # they hear of each commit, in this order
        self.handle = Handle()
        self.jobs = EmbeddedJobs(self.handle, clock_ms)
        self.job_lists = EmbeddedJobLists(self.handle)
        self.attempts = EmbeddedAttempts(self.handle)
        self.outbox = EmbeddedOutbox(self.handle)
        self.commits = CommitCounts()
        self.queue = Lanes(self.jobs.look, clock_ms)
        self.backlog = EmbeddedBacklog(self.handle)
        self.held_jobs = EmbeddedHeldJobs(self.handle, data_dir)
        self.uptime_notes = EmbeddedUptimeNotes(self.handle)
        self.retention = EmbeddedRetention(self.handle)
        self.keys = EmbeddedKeys(self.handle, data_dir)
        self.owners = EmbeddedOwners(self.handle)
        self.charges = EmbeddedCharges(self.handle)
        self.doubts = EmbeddedDoubts(self.handle)
        self.activities = EmbeddedActivities(self.handle)
        self.duties = LocalDuties()
        self.signals = LocalSignals()
        self.link_secrets = EmbeddedLinkSecrets(self.handle, data_dir)

    async def open(
        self, listeners: Sequence[Listener] = (), own_listeners: Sequence[Listener] = ()
    ) -> None:
        await self._take_folder()
        try:
            opened = self.handle.parts = await open_store(
                self._data_dir,
                self._vfs,
                tell=self._tell,
                released=self._wake,
                added=self._take_up,
                commits=self.commits,
            )
            self._told = (opened.holds.changed, self.queue.offer, *listeners, *own_listeners)
            await opened.startup()
            await self._place_unfinished()
        except BaseException:
            await self.close()
            self._lock.release()
            raise

    async def close(self) -> None:
        await self.duties.rest()
        await self.queue.rest(0)
        opened, self.handle.parts = self.handle.parts, None
        if opened is not None:
            await opened.close()
            self._lock.release()

    @property
    def store_id(self) -> str:
        return self.handle.opened.generation.store

    async def agree(self, settings: Mapping[str, str]) -> None:
        """No other server can be up beside this one."""

    def check(self) -> None:
        self.handle.opened.presence.check()

    def _wake(self, job_id: str) -> None:
        """A job was released: its lane looks at it again."""
        job = self.jobs.look(job_id)
        if job is not None:
            self.queue.offer(job)

    def _take_up(self, job_id: str) -> None:
        """Another process has added a job: who is told of commits is told of it."""
        job = self.jobs.look(job_id)
        if job is not None and not job.state.is_final:
            self._tell(job)

    async def _place_unfinished(self) -> None:
        async for places in self.backlog.unfinished():
            for place in places:
                lane = lane_of(place.state, place.engine, place.due_ms)
                if lane is not None:
                    self.queue.wait(place.job_id, place.owner, lane, place.due_ms)

    async def _take_folder(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            await self._lock.take(self._lock_wait_s)
        except OSError as error:
            raise BadSetting("server.data_dir", f"{error.filename}: {error.strerror}") from error

    def _tell(self, job: Job) -> None:
        for listener in self._told:
            try:
                listener(job)
            except Exception:  # the other listeners, and who waits for the write, need not suffer
                log.exception("listener_failed", **job_fields(job), state=job.state)
