"""What is taken at one server counts at the others, once they are told; nothing counts twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.jobs import OWNER
from support.waits import until
from unit.test_allowances import Desk
from unstill.domain.access_errors import OverBytes, OverLimit
from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.owner import Owner
from unstill.service.allowances import Allowances
from unstill.service.fleet_counts import FleetCounts
from unstill.service.paces import MINUTE_S, Requests
from unstill.service.stored_bytes import StoredBytes
from unstill.store.local_duties import LocalSignals

PARTY, KEY = Party(OWNER), Party(OWNER, "k1")


class Messages(LocalSignals):
    """Those of servers in one process; what was told is known."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []

    def tell(self, topic: str, message: str) -> None:
        self.told.append((topic, message))
        super().tell(topic, message)


class Gateway:
    """One of several servers, by a clock that is set."""

    def __init__(self, signals: Messages, server: str, limits: dict[Party, Limits]) -> None:
        self.now_s = 1_000.0
        self.limits = limits
        fleet = FleetCounts(signals, server=server)
        self.requests = Requests(self.limits_of, monotonic_s=lambda: self.now_s, fleet=fleet)

    def limits_of(self, party: Party) -> Limits:
        return self.limits.get(party, UNLIMITED)

    def made(self, count: int, caller: Party = PARTY) -> int:
        """How many of so many calls were let in."""
        let_in = 0
        for _ in range(count):
            try:
                self.requests.count(caller)
            except OverLimit:
                continue
            let_in += 1
        return let_in


def gateways(limits: dict[Party, Limits]) -> tuple[Messages, Gateway, Gateway]:
    signals = Messages()
    return signals, Gateway(signals, "a", limits), Gateway(signals, "b", limits)


async def test_calls_at_one_server_count_at_the_other() -> None:
    signals, one, other = gateways({PARTY: Limits(requests_per_minute=10)})
    assert one.made(7) == 7
    await until(lambda: bool(signals.told))

    assert other.made(9) == 3
    await until(lambda: len(signals.told) == 2)
    assert one.made(1) == 0
    one.now_s += MINUTE_S
    assert one.made(11) == 10


async def test_many_calls_are_told_in_one_message() -> None:
    signals, one, _ = gateways({PARTY: Limits(requests_per_minute=1_000)})
    one.made(500)
    await until(lambda: bool(signals.told))

    assert signals.told == [("requests", '["a","team-a","",500]')]


async def test_a_key_with_a_limit_of_its_own_is_counted_beside_its_owner() -> None:
    limits = {PARTY: Limits(requests_per_minute=10), KEY: Limits(requests_per_minute=3)}
    signals, one, other = gateways(limits)
    assert one.made(2, KEY) == 2
    await until(lambda: len(signals.told) == 2)

    assert other.made(5, KEY) == 1
    assert other.made(9) == 7


async def test_of_callers_without_a_limit_nothing_is_told() -> None:
    signals, one, other = gateways({PARTY: Limits(requests_per_minute=10)})
    one.made(50, Party(Owner("free")))
    one.made(1)
    await until(lambda: bool(signals.told))

    assert len(signals.told) == 1
    assert other.made(50, Party(Owner("free"))) == 50


async def test_what_cannot_be_read_is_left_out_with_a_line() -> None:
    signals, one, _ = gateways({PARTY: Limits(requests_per_minute=10)})
    with capture_logs() as logs:
        signals.tell("requests", "[1]")

    assert [(line["event"], line["topic"]) for line in logs] == 2 * [("count_not_read", "requests")]
    assert one.made(10) == 10


def on_one_desk(desk: Desk, signals: Messages, server: str) -> Allowances:
    """What one server of several allows to the desk's owner."""
    fleet = FleetCounts(signals, server=server)
    return Allowances(
        lambda party: desk.limits.get(party, UNLIMITED),
        backlog=desk.house.store.backlog,
        stored=StoredBytes(
            owners=desk.house.store.owners,
            files=desk.house.files,
            uploads=desk.house.uploads,
            monotonic_s=lambda: desk.now_s,
            fleet=fleet,
        ),
        monotonic_s=lambda: desk.now_s,
        fleet=fleet,
    )


async def test_submits_count_elsewhere_once_they_are_stored(tmp_path: Path) -> None:
    desk, signals = Desk(tmp_path), Messages()
    desk.limits[PARTY] = Limits(submits_per_minute=2)
    one, other = on_one_desk(desk, signals, "a"), on_one_desk(desk, signals, "b")
    lost = await one.take(PARTY, "job-1", size_bytes=0)
    assert lost is not None
    one.settle(lost, is_stored=False)
    for job_id in ("job-2", "job-3"):
        taken = await one.take(PARTY, job_id, size_bytes=0)
        assert taken is not None
        one.settle(taken, is_stored=True)
    await until(lambda: bool(signals.told))

    assert signals.told == [("submits", '["a","team-a","",2]')]
    with pytest.raises(OverLimit, match="2"):
        await other.take(PARTY, "job-4", size_bytes=0)


async def test_uploads_at_one_server_take_room_at_the_other(tmp_path: Path) -> None:
    desk, signals = Desk(tmp_path), Messages()
    desk.limits[PARTY] = Limits(stored_bytes=100)
    one, other = on_one_desk(desk, signals, "a"), on_one_desk(desk, signals, "b")
    await desk.house.store.open()
    async with other.upload(OWNER, 10):
        pass
    async with one.upload(OWNER, 80):
        pass
    await until(lambda: len(signals.told) == 2)

    with pytest.raises(OverBytes):
        async with other.upload(OWNER, 20):
            pass
    await desk.house.store.close()
