"""How keys that another process makes, revokes and replaces come into force, and uses are noted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from support.api_keys import NOW_MS, a_key, adding
from support.memory_ports import Memory, MemoryKeys, MemoryOwners
from support.skipping_loop import loop_ms
from unstill.domain.errors import BadKey, StorageFailed
from unstill.domain.limits import Limits, Party
from unstill.domain.owner import EVERYONE, Owner
from unstill.server.api_keys import Keys
from unstill.server.operator_watch import CUT_OFF_AFTER_S, USED_EVERY_MS, OperatorWatch
from unstill.service.key_rules import revoked, rotated
from unstill.service.owner_limits import OwnerLimits

pytestmark = pytest.mark.skips_pauses

WITHIN_S = 2.0  # whatever is done to a key holds by then
BY_KEY = {"authorization": "unstill_key_1"}


class House:
    """Rows that others change, the keys in memory, and what was said to be lost."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.rows = Troubled(lambda: self.memory)
        self.owners = TroubledOwners(lambda: self.memory)
        self.keys = Keys({})
        self.limits = OwnerLimits()
        self.lost: list[frozenset[str]] = []

    @property
    def now_ms(self) -> int:
        return NOW_MS + loop_ms()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[OperatorWatch]:
        watch = OperatorWatch(
            self.rows,
            self.owners,
            keys=self.keys,
            limits=self.limits,
            lost=self.lost.append,
            wall_ms=lambda: self.now_ms,
            clock_s=asyncio.get_running_loop().time,
        )
        await watch.startup()
        yield watch
        await watch.shutdown()

    def is_let_in(self) -> bool:
        try:
            self.keys.caller(BY_KEY)
        except BadKey:
            return False
        return True


class TroubledOwners(MemoryOwners):
    trouble: Exception | None = None

    async def limits(self) -> Mapping[Owner, Limits]:
        if self.trouble is not None:
            raise self.trouble
        return await super().limits()


class Troubled(MemoryKeys):
    """Rows that cannot be read while `trouble` is set; it counts the writes of last uses."""

    trouble: Exception | None = None
    silence: asyncio.Event | None = None  # then nothing is answered before it is set
    lost = False  # there were others before
    written = 0

    async def had_any(self) -> bool:
        return self.lost or await super().had_any()

    async def changes(self) -> int:
        if self.silence is not None:
            await self.silence.wait()
        if self.trouble is not None:
            raise self.trouble
        return await super().changes()

    async def note_used(self, used_ms: Mapping[str, int]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.written += 1
        await super().note_used(used_ms)


async def test_the_rows_of_before_are_known_at_the_start() -> None:
    house = House()
    await house.rows.change(adding(a_key(revoked_ms=NOW_MS)))

    async with house.watched():
        assert not house.keys.is_keyless
        assert not house.is_let_in()


async def test_where_the_rows_of_before_are_lost_nobody_is_let_in_until_there_is_a_new_key() -> (
    None
):
    house = House()
    house.rows.lost = True
    with capture_logs() as lines:
        async with house.watched():
            for headers in ({}, BY_KEY):
                with pytest.raises(BadKey):
                    house.keys.caller(headers)
            await house.rows.change(adding(a_key()))
            await asyncio.sleep(WITHIN_S)
            assert house.is_let_in()

    assert house.lost == [{""}]  # names and origins are free at once, as with keys
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["keys_lost"]


async def test_a_new_key_is_good_and_the_first_one_ends_what_came_without() -> None:
    house = House()
    async with house.watched():
        assert house.keys.caller({}).owner == EVERYONE
        await house.rows.change(adding(a_key()))
        await asyncio.sleep(WITHIN_S)

        assert house.is_let_in()
        with pytest.raises(BadKey):
            house.keys.caller({})
    assert house.lost == [{""}]


async def test_what_this_server_changes_itself_holds_at_once() -> None:
    house = House()
    async with house.watched() as watch:
        await house.rows.change(adding(a_key()))
        await watch.look()
        assert house.is_let_in()
        await house.rows.change(revoked("key_1", NOW_MS))
        await asyncio.gather(watch.look(), watch.look())
        assert not house.is_let_in()


async def test_a_revoked_or_replaced_key_is_good_no_more_and_is_told_of_as_lost() -> None:
    for change in ("revoke", "rotate"):
        house = House()
        await house.rows.change(adding(a_key()))
        async with house.watched():
            assert house.is_let_in()
            if change == "revoke":
                await house.rows.change(revoked("key_1", NOW_MS))
            else:
                await house.rows.change(rotated("key_1", "ab" * 32, NOW_MS))
            await asyncio.sleep(WITHIN_S)

            assert not house.is_let_in()
        assert house.lost[-1] == {"key_1"}


async def test_a_key_expires_without_anybody_changing_a_row() -> None:
    house = House()
    await house.rows.change(adding(a_key(expires_ms=NOW_MS + 30_000)))
    async with house.watched():
        await asyncio.sleep(29.9)
        assert house.is_let_in()
        await asyncio.sleep(0.1 + WITHIN_S)
        assert not house.is_let_in()
    assert house.lost[-1] == {"key_1"}


@pytest.mark.parametrize("trouble", [StorageFailed("the disk is away"), ValueError("odd row")])
async def test_trouble_with_the_rows_is_told_and_outlived(trouble: Exception) -> None:
    house = House()
    await house.rows.change(adding(a_key()))
    async with house.watched():
        with capture_logs() as logs:
            house.rows.trouble = trouble
            await asyncio.sleep(10)
            assert house.is_let_in()
        house.rows.trouble = None
        await house.rows.change(revoked("key_1", NOW_MS))
        await asyncio.sleep(WITHIN_S)

        assert not house.is_let_in()
    told = [line for line in logs if line.get("about") == "not_read"]
    assert told
    if isinstance(trouble, StorageFailed):
        assert len(told) == 1


async def test_a_last_use_is_stored_soon_then_once_a_minute_and_at_the_end() -> None:
    house = House()
    await house.rows.change(adding(a_key()))
    async with house.watched():
        begun_ms = house.now_ms
        for _ in range(40):  # twenty seconds
            assert house.is_let_in()
            await asyncio.sleep(0.5)
        assert house.rows.written == 1
        [key] = await house.rows.all()
        assert key.used_ms is not None
        assert key.used_ms - begun_ms <= WITHIN_S * 1000

        await asyncio.sleep(USED_EVERY_MS / 1000)
        assert house.rows.written == 2
        assert house.is_let_in()
        used_ms = house.now_ms
    [key] = await house.rows.all()
    assert key.used_ms is not None
    assert key.used_ms >= used_ms


async def test_a_use_that_cannot_be_stored_is_stored_later() -> None:
    house = House()
    await house.rows.change(adding(a_key()))
    async with house.watched():
        house.rows.trouble = StorageFailed("the disk is full")
        assert house.is_let_in()
        await asyncio.sleep(WITHIN_S)
        house.rows.trouble = None
        await asyncio.sleep(WITHIN_S)

        [key] = await house.rows.all()
        assert key.used_ms is not None


async def test_what_is_not_used_is_not_written() -> None:
    house = House()
    await house.rows.change(adding(a_key()))
    async with house.watched():
        await asyncio.sleep(300)
    assert house.rows.written == 0


# --- limits --------------------------------------------------------------------------------------


async def test_limits_of_an_owner_or_a_key_hold_within_two_seconds_and_are_told_once() -> None:
    house = House()
    told: list[int] = []
    house.limits.tell(lambda: told.append(house.now_ms))
    await house.owners.change(Owner("ann"), lambda _: Limits(queue=1))
    async with house.watched():
        at_start = house.limits.of(Party(Owner("ann")))
        await house.owners.change(Owner("ann"), lambda _: Limits(queue=2))
        await asyncio.sleep(WITHIN_S)
        later = house.limits.of(Party(Owner("ann")))
        await house.rows.change(adding(a_key(limits=Limits(in_flight=3))))
        await asyncio.sleep(WITHIN_S)
        of_key = house.limits.of(Party(a_key().owner, "key_1"))
        await house.rows.change(adding(a_key("key_2")))  # which has none
        await asyncio.sleep(WITHIN_S)

    assert (at_start, later, of_key) == (Limits(queue=1), Limits(queue=2), Limits(in_flight=3))
    assert len(told) == 3


async def test_limits_that_cannot_be_read_stay_as_they_were_and_keep_no_key_good() -> None:
    house = House()
    await house.owners.change(Owner("ann"), lambda _: Limits(queue=1))
    await house.rows.change(adding(a_key()))
    async with house.watched():
        house.owners.trouble = StorageFailed("the disk is away")
        await house.rows.change(revoked("key_1", house.now_ms))
        await asyncio.sleep(WITHIN_S)
        meanwhile = house.limits.of(Party(Owner("ann")))
        assert not house.is_let_in()
        house.owners.trouble = None
        await house.owners.change(Owner("ann"), lambda _: Limits(queue=2))
        await asyncio.sleep(WITHIN_S)

    assert meanwhile == Limits(queue=1)
    assert house.limits.of(Party(Owner("ann"))) == Limits(queue=2)


async def test_a_store_that_has_not_answered_for_some_seconds_is_away_until_it_does() -> None:
    house = House()
    async with house.watched() as watch:
        house.rows.trouble = StorageFailed("the database is away")
        await asyncio.sleep(CUT_OFF_AFTER_S - 1)
        watch.check()
        await asyncio.sleep(WITHIN_S)
        with pytest.raises(StorageFailed):
            watch.check()
        house.rows.trouble = None
        await asyncio.sleep(WITHIN_S)
        watch.check()


async def test_a_store_that_leaves_a_question_open_is_away_too() -> None:
    house = House()
    async with house.watched() as watch:
        house.rows.silence = asyncio.Event()
        await asyncio.sleep(CUT_OFF_AFTER_S + WITHIN_S)
        with pytest.raises(StorageFailed):
            watch.check()
