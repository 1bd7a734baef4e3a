"""Duties that one server of all does at a time: an entry each, that never ends.

Whoever takes the entry counts the duty's epoch on. A server that nothing was heard of loses the
entry, and one that was only paused finds another epoch than its own before it does anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import Context

import structlog

from unstill.domain.backoff import DUTY, Backoff
from unstill.domain.errors import OwnError, ShuttingDown
from unstill.store.ports.duties import Duty
from unstill.store.ports.signals import Signals
from unstill.store.postgres.database import Database, WriteUnit
from unstill.store.postgres.entries import Entries, Entry, NewEntry

LOOK_EVERY_S = 2.0
AFTER_TROUBLE_S = 1.0
LEFT = "duties"  # the topic: somebody has left some

_BEGIN = (
    "INSERT INTO duties (name, epoch, server) VALUES ($1, 1, $2) "
    "ON CONFLICT (name) DO UPDATE SET epoch = duties.epoch + 1, server = EXCLUDED.server "
    "RETURNING epoch"
)
_EPOCH = "SELECT epoch FROM duties WHERE name = $1"

log = structlog.get_logger()


class DutyTerm:
    """A server's term in a duty, by its number."""

    def __init__(self, database: Database, name: str, epoch: int) -> None:
        self._database = database
        self._name = name
        self._epoch = epoch

    async def goes_on(self) -> bool:
        found = await self._database.row(_EPOCH, self._name)
        return found is not None and int(found[0]) == self._epoch


class _Held:
    """A duty in hand."""

    def __init__(self, entry: Entry, task: asyncio.Task[None]) -> None:
        self.entry = entry
        self.task = task


class PostgresDuties:
    """Between `startup` and `shutdown` it takes those that it is to perform, and nobody has."""

    is_alone = False

    def __init__(
        self,
        database: Database,
        entries: Entries,
        signals: Signals,
        *,
        server: str,
        pauses: Backoff = DUTY,
    ) -> None:
        """server: this one's id, for operators to read."""
        self._database = database
        self._entries = entries
        self._signals = signals
        self._server = server
        self._pauses = pauses
        self._duties: dict[str, Duty] = {}
        self._held: dict[str, _Held] = {}
        self._woken = asyncio.Event()
        self._taking: asyncio.Task[None] | None = None
        self._is_open = False
        signals.hear(LEFT, self._somebody_left)

    def perform(self, name: str, duty: Duty) -> None:
        self._duties[name] = duty
        self._begin()

    def startup(self) -> None:
        self._is_open = True
        self._begin()

    def _begin(self) -> None:
        self._woken.set()
        if self._is_open and self._duties and self._taking is None:
            taking = self._take_again_and_again()
            self._taking = asyncio.create_task(taking, context=Context())

    async def rest(self) -> None:
        self._duties = {}
        self._woken.set()
        taking, self._taking = self._taking, None
        if taking is not None:
            await asyncio.gather(taking, return_exceptions=True)
        held, self._held = self._held, {}
        for each in held.values():
            each.task.cancel()
        await asyncio.gather(*(each.task for each in held.values()), return_exceptions=True)
        await asyncio.gather(*(self._entries.put_off(each.entry, 0) for each in held.values()))
        if held:
            self._signals.tell(LEFT, "")

    async def shutdown(self) -> None:
        self._is_open = False
        await self.rest()

    def lost(self, entries: Sequence[Entry]) -> None:
        """Other servers have these by now."""
        numbers = {entry.id for entry in entries}
        for name, each in tuple(self._held.items()):
            if each.entry.id in numbers:
                log.warning("duty_lost", duty=name)
                each.task.cancel()
                del self._held[name]

    def _somebody_left(self, _: str) -> None:
        self._woken.set()

    # --- taking --------------------------------------------------------------------------------

    async def _take_again_and_again(self) -> None:
        is_in_trouble = False
        while self._duties:
            self._woken.clear()
            try:
                await self._take()
                is_in_trouble = False
            except ShuttingDown:
                return
            except Exception as error:  # noqa: BLE001  - whatever it is, others may be taken later
                if not is_in_trouble or not isinstance(error, OwnError):
                    is_in_trouble = True
                    log.warning("duties_not_read", why=str(error))
                await asyncio.sleep(AFTER_TROUBLE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._woken.wait()

    async def _take(self) -> None:
        """Take what nobody has. Raises OwnError."""
        wanted = [name for name in self._duties if name not in self._held]
        if not wanted:
            return
        entrypoints = {f"duty:{name}": 1 for name in wanted}
        taken = await self._entries.take(len(wanted), entrypoints)
        for entry in taken:
            name = entry.entrypoint.removeprefix("duty:")
            duty = self._duties.get(name)
            try:
                epoch = await self._epoch_of(name)
            except BaseException:
                await self._entries.put_off(entry, 0)
                raise
            if duty is None:  # it came to rest meanwhile
                await self._entries.put_off(entry, 0)
                continue
            term = DutyTerm(self._database, name, epoch)
            task = asyncio.create_task(self._perform(name, duty, term), context=Context())
            self._held[name] = _Held(entry, task)
        if not taken:
            await self._put(wanted)

    async def _put(self, names: Sequence[str]) -> None:
        """See that each has an entry."""

        async def put(unit: WriteUnit) -> None:
            await self._entries.put(
                unit, [NewEntry(f"duty:{name}", f"duty:{name}") for name in names]
            )

        await self._database.write(put)

    async def _epoch_of(self, name: str) -> int:
        async def begin(unit: WriteUnit) -> int:
            [(epoch,)] = await unit.rows(_BEGIN, name, self._server)
            return int(epoch)

        return await self._database.write(begin)

    async def _perform(self, name: str, duty: Duty, term: DutyTerm) -> None:
        """Again and again, until the term is over."""
        loop = asyncio.get_running_loop()
        ends = 0  # in a row
        while True:
            begun_s = loop.time()
            try:
                if not await term.goes_on():
                    break
                await duty(term)
            except OwnError as error:
                log.warning("duty_paused", duty=name, why=error.message)
            except Exception:  # a fault of ours ends one try of it
                log.exception("duty_failed", duty=name)
            has_lasted = loop.time() - begun_s > self._pauses.longest_ms / 1000
            ends = 1 if has_lasted else ends + 1
            await asyncio.sleep(self._pauses.after_ms(ends) / 1000)
        held = self._held.pop(name, None)
        if held is not None:
            self._entries.forget(held.entry)
