"""The servers that are up: each says so now and then, by the database's clock.

What must be alike at all of them is compared when one starts: an upstream's account has one limit
for the fleet, and by two numbers of it more calls would be under way than it allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import structlog

from unstill.domain.errors import OperatorError, OwnError, ShuttingDown
from unstill.store.postgres.database import Database, WriteUnit

BEAT_S = 10.0
GONE_AFTER_S = 30.0
FORGOTTEN_AFTER = "1 day"  # its jobs were judged long ago

_ALONE = "SELECT pg_advisory_xact_lock(7308620123)"
_BEAT = (
    "INSERT INTO servers (id, up_until) VALUES ($1, now() + make_interval(secs => $2)) "
    "ON CONFLICT (id) DO UPDATE SET up_until = EXCLUDED.up_until"
)
_LEAVE = "UPDATE servers SET up_until = now() - interval '1 second' WHERE id = $1"
_FORGET = (
    f"WITH gone AS (DELETE FROM servers WHERE up_until < now() - interval '{FORGOTTEN_AFTER}' "  # noqa: S608  - a constant
    "RETURNING id) DELETE FROM equal_settings WHERE server IN (SELECT id FROM gone)"
)
_OTHERS = (
    "SELECT topic, value FROM equal_settings JOIN servers ON servers.id = equal_settings.server "
    "WHERE servers.id != $1 AND up_until >= now()"
)
_SAY = (
    "INSERT INTO equal_settings (server, topic, value) VALUES ($1, $2, $3) "
    "ON CONFLICT (server, topic) DO UPDATE SET value = EXCLUDED.value"
)

log = structlog.get_logger()


class EqualSetting(msgspec.Struct, frozen=True):
    """What all servers on one database need to have alike."""

    topic: str  # by which they compare it
    value: str
    subject: str  # whose value it is, for an operator: "the slots of x are"

    def differs_from(self, other: str) -> str:
        return (
            f"{self.subject} {self.value} here and {other} at a server that is up: all servers on "
            "one database need the same, so stop that one first, or settle this one alike"
        )


class Servers:
    """This server among the others, between `startup` and `shutdown`."""

    def __init__(
        self, database: Database, server: str, *, gone_after_s: float = GONE_AFTER_S
    ) -> None:
        self._database = database
        self._server = server
        self._gone_after_s = gone_after_s
        self._beating: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        """Raises StorageFailed."""
        await self._beat()
        self._beating = asyncio.create_task(self._beat_again())

    async def shutdown(self) -> None:
        """Say that it is gone: nobody need wait for that."""
        beating, self._beating = self._beating, None
        if beating is None:
            return
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        try:
            await self._database.execute(_LEAVE, self._server)
        except OwnError as error:
            log.info("server_not_left", why=error.message)

    async def agree(self, settings: Iterable[EqualSetting]) -> None:
        """Note what must be alike at all servers that are up.

        Raises OperatorError where one of them has it otherwise, StorageFailed.
        """
        own = {each.topic: each for each in settings}
        if not own:
            return

        async def agree(unit: WriteUnit) -> None:
            await unit.run(_ALONE)  # servers that start together wait for each other
            for topic, value in await unit.rows(_OTHERS, self._server):
                if topic in own and own[topic].value != value:
                    raise OperatorError(own[topic].differs_from(str(value)))
            for each in own.values():
                await unit.run(_SAY, self._server, each.topic, each.value)

        await self._database.write(agree)

    async def _beat(self) -> None:
        async def beat(unit: WriteUnit) -> None:
            await unit.run(_BEAT, self._server, self._gone_after_s)
            await unit.run(_FORGET)

        await self._database.write(beat)

    async def _beat_again(self) -> None:
        is_in_trouble = False
        while True:
            await asyncio.sleep(self._gone_after_s * BEAT_S / GONE_AFTER_S)
            try:
                await self._beat()
                is_in_trouble = False
            except ShuttingDown:
                return
            except OwnError as error:
                if not is_in_trouble:
                    is_in_trouble = True
                    log.warning("server_not_noted", why=error.message)
