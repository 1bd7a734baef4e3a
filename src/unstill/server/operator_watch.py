"""Keeps keys and limits in memory as operators set them, and the store told of keys' last uses.

Another process sets them (`unstill keys`, `unstill owners`): once a second a number is read that
tells whether one did, and they are read again where it is another one. No call waits for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import structlog

from unstill.domain.api_key import ApiKey, KeyState
from unstill.domain.errors import OwnError, StorageFailed
from unstill.server.api_keys import Keys
from unstill.service.owner_limits import OwnerLimits
from unstill.store.ports.keys import ApiKeys
from unstill.store.ports.owners import Owners

LOOK_EVERY_S = 1.0
CUT_OFF_AFTER_S = 5.0  # without an answer a server is not ready; one that is asked each second
USED_EVERY_MS = 60_000  # the last use of a key is stored at most as often

_NOT_READ, _NOT_STORED = "not_read", "uses_not_stored"

log = structlog.get_logger()


class OperatorWatch:
    """`lost` is told which keys are good no more; `wall_ms` is the time that expiries go by.

    keys, limits: what is kept in step.
    """

    def __init__(
        self,
        rows: ApiKeys,
        owners: Owners,
        *,
        keys: Keys,
        limits: OwnerLimits,
        lost: Callable[[frozenset[str]], None],
        wall_ms: Callable[[], int],
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self._clock_s = clock_s
        self._read_s = clock_s()  # when the store was last asked, and answered
        self._rows = rows
        self._owners = owners
        self.keys = keys
        self.limits = limits
        self._lost = lost
        self.wall_ms = wall_ms
        self._number: int | None = None
        self._read: Sequence[ApiKey] = ()
        self._expires_ms: int | None = None  # the next one
        self._unstored: dict[str, int] = {}  # last uses by key
        self._stored_ms: dict[str, int] = {}  # when that of a key was stored last
        self._watching: asyncio.Task[None] | None = None
        self._told: set[str] = set()
        self._reading = asyncio.Lock()

    async def startup(self) -> None:
        """Read all of it before the first call. Raises OwnError."""
        self.keys.had_any = await self._rows.had_any()
        await self.look()
        if self.keys.had_any and not self._read:
            log.warning("keys_lost", why="the folder had keys, and its store knows of none")
        self._watching = asyncio.create_task(self._watch())

    async def shutdown(self) -> None:
        """Store what is known of last uses; the store is open yet."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            await self._safely(_NOT_STORED, self._note_used(every_ms=0))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._safely(_NOT_READ, self.look())
            await self._safely(_NOT_STORED, self._note_used())

    async def look(self) -> None:
        """Go by what is set now. Raises OwnError."""
        async with self._reading:
            await self._look()

    def check(self) -> None:
        """Raises StorageFailed while the store does not answer."""
        if self._clock_s() - self._read_s > CUT_OFF_AFTER_S:
            raise StorageFailed("the job store does not answer")

    async def _look(self) -> None:
        number, now_ms = await self._rows.changes(), self.wall_ms()
        self._read_s = self._clock_s()
        if number != self._number:
            self._read = await self._rows.all()
            self._take(now_ms)
            self.limits.take(await self._owners.limits(), self._read)
            self._number = number
        elif self._expires_ms is not None and now_ms >= self._expires_ms:
            self._take(now_ms)

    def _take(self, now_ms: int) -> None:
        good = [key for key in self._read if key.state(now_ms) is KeyState.GOOD]
        ends = (key.expires_ms for key in good if key.expires_ms is not None)
        self._expires_ms = min(ends, default=None)
        lost = self.keys.take(self._read, now_ms)
        if self._read:
            log.info("keys_taken", good=len(good), of=len(self._read), lost=len(lost))
        if lost:
            self._lost(lost)

    async def _note_used(self, *, every_ms: int = USED_EVERY_MS) -> None:
        now_ms = self.wall_ms()
        self._unstored |= dict.fromkeys(self.keys.take_used(), now_ms)
        due = {
            key_id: used_ms
            for key_id, used_ms in self._unstored.items()
            if abs(now_ms - self._stored_ms.get(key_id, 0)) >= every_ms
        }
        if not due:
            return
        await self._rows.note_used(due)
        self._stored_ms |= dict.fromkeys(due, now_ms)
        self._unstored = {k: v for k, v in self._unstored.items() if k not in due}

    async def _safely(self, trouble: str, work: Awaitable[None]) -> None:
        """Nothing may end the watch: what was revoked later would stay good.

        trouble: a word for the log, once for as long as it lasts.
        """
        try:
            await work
        except OwnError as error:
            if trouble not in self._told:
                log.warning("operators_not_followed", about=trouble, why=error.message)
            self._told.add(trouble)
        except Exception:
            log.exception("operators_not_followed", about=trouble)
        else:
            self._told.discard(trouble)
