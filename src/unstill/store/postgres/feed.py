"""The feed: what any server has committed, told to the listeners of this one.

A server's own commits are told at once. For those of others it asks for the rows whose last writer
its last look could not see: transactions become visible in another order than they began, and by
their numbers alone one that took long would be missed. A notification only says that a look is
worth while. What a look brings may be older than what was told since: each row counts its changes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from unstill.domain.errors import OwnError
from unstill.domain.job import Job
from unstill.domain.log_fields import job_fields
from unstill.store import job_rows
from unstill.store.postgres.database import Database
from unstill.store.postgres.hints import Hints

LOOK_EVERY_S = 1.0
AFTER_TROUBLE_S = 1.0
MOST_AT_ONCE = 1_000  # rows in one read
REMEMBERED = 20_000  # ended jobs whose last change is known: a late look may bring an older one

# In one statement, so that both are of one moment.
_CHANGED = (
    "SELECT pg_current_snapshot()::text, id, revision FROM (VALUES (1)) AS one (row) "
    "LEFT JOIN jobs ON xact >= pg_snapshot_xmin($1::text::pg_snapshot) "
    "AND NOT pg_visible_in_snapshot(xact, $1::text::pg_snapshot)"
)
_NOW = "SELECT pg_current_snapshot()::text AS now"
_THESE = f"SELECT {job_rows.NAMES}, revision FROM jobs WHERE id = ANY($1::text[])"  # noqa: S608  - field names

log = structlog.get_logger()

Tell = Callable[[Job], None]


class Feed:
    """Between `startup` and `shutdown` it looks; what is told of its own commits needs neither."""

    def __init__(self, database: Database, hints: Hints) -> None:
        self._database = database
        self._hints = hints
        self._listeners: Sequence[Tell] = ()
        self._own_listeners: Sequence[Tell] = ()
        self._revisions: dict[str, int] = {}  # unfinished jobs, as they were told last
        self._ended: OrderedDict[str, int] = OrderedDict()  # the same of those that ended
        self._snapshot = ""
        self._looking: asyncio.Task[None] | None = None

    async def startup(self, listeners: Sequence[Tell], own_listeners: Sequence[Tell] = ()) -> None:
        """What is committed from here on is told. Raises StorageFailed.

        own_listeners: told of this server's own commits alone, each once.
        """
        self._listeners, self._own_listeners = listeners, own_listeners
        found = await self._database.row(_NOW)
        self._snapshot = "" if found is None else str(found["now"])
        self._looking = asyncio.create_task(self._look_again())

    async def shutdown(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    def committed(self, job: Job, revision: int) -> None:
        """This server has committed that change: told here now, and elsewhere soon."""
        self._told(job, revision)
        # A look may have been faster, and have told the others already.
        _tell(self._own_listeners, job)
        self._hints.tell_of_change()

    async def look(self) -> None:
        """Tell of what others have committed. Raises StorageFailed."""
        found = await self._database.rows(_CHANGED, self._snapshot)
        snapshot = str(found[0][0])
        news = [job_id for _, job_id, revision in found if self._is_news(job_id, revision)]
        for first in range(0, len(news), MOST_AT_ONCE):
            chunk = news[first : first + MOST_AT_ONCE]
            for *row, revision in await self._database.rows(_THESE, chunk):
                self._told(job_rows.job_of(tuple(row)), revision)
        self._snapshot = snapshot

    async def _look_again(self) -> None:
        is_in_trouble = False
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._hints.change_elsewhere()
            try:
                await self.look()
                is_in_trouble = False
            except OwnError as error:
                if not is_in_trouble:
                    is_in_trouble = True
                    log.warning("changes_not_read", why=error.message)
                await asyncio.sleep(AFTER_TROUBLE_S)
            except Exception:
                log.exception("changes_not_told")
                await asyncio.sleep(AFTER_TROUBLE_S)

    def _is_news(self, job_id: str | None, revision: int) -> bool:
        if job_id is None:
            return False
        known = self._revisions.get(job_id) or self._ended.get(job_id, 0)
        return revision > known

    def _told(self, job: Job, revision: int) -> None:
        if not self._is_news(job.id, revision):
            return
        if job.state.is_final:
            self._revisions.pop(job.id, None)
            self._ended[job.id] = revision
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
        else:
            self._revisions[job.id] = revision
        _tell(self._listeners, job)


def _tell(listeners: Sequence[Tell], job: Job) -> None:
    for listener in listeners:
        try:
            listener(job)
        except Exception:  # the other listeners, and who waits for the write, need not suffer
            log.exception("listener_failed", **job_fields(job), state=job.state)
