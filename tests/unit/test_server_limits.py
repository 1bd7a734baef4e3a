"""What callers share, and what one address and one owner may have of it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from support.guarded_connection import a_crowd, connected
from unit.test_connection_limit import Caller
from unstill.domain.access_errors import OverLimit
from unstill.domain.errors import Overloaded
from unstill.domain.owner import EVERYONE, Owner
from unstill.progress.board import Board
from unstill.server.body import MIB, Bodies
from unstill.server.body_limits import LARGE_BYTES, Gate
from unstill.server.connection_limit import Crowd
from unstill.server.fair_shares import Shares
from unstill.server.long_poll import WaitLimits
from unstill.server.open_files import most_connections, most_downloads
from unstill.server.server_limits import USUAL, ServerLimits
from unstill.server.video_file import Openings
from unstill.settings.server import ServerSettings

ANN, BOB = Owner("ann"), Owner("bob")
HERE, THERE = "192.0.2.1", "192.0.2.2"


def test_without_a_setting_all_is_as_the_parts_themselves_have_it() -> None:
    assert ServerLimits.of(ServerSettings()) == USUAL


# --- connections -------------------------------------------------------------------------------


def crowd_of(**limits: int) -> Crowd:
    return Crowd(
        1000, ease=lambda _address, _most: None, clock_s=lambda: 0.0, limits=ServerLimits(**limits)
    )


def test_an_address_at_its_number_makes_room_by_its_longest_idle_connection() -> None:
    crowd = crowd_of(connections_per_address=2)
    longest, next_longest = Caller(crowd, HERE, (2, 1.0)), Caller(crowd, HERE, (2, 5.0))
    third, other = Caller(crowd, HERE), Caller(crowd, THERE)

    assert third.is_in
    assert other.is_in
    assert (longest.is_open, next_longest.is_open) == (False, True)
    assert crowd.count == 3


def test_an_address_all_of_whose_connections_are_in_use_gets_no_more() -> None:
    crowd = crowd_of(connections_per_address=2)
    served = [Caller(crowd, HERE) for _ in range(2)]

    assert not Caller(crowd, HERE).is_in
    assert Caller(crowd, THERE).is_in
    assert all(each.is_open for each in served)
    crowd.leave(served[0], HERE)
    assert Caller(crowd, HERE).is_in


def test_a_trusted_proxy_brings_as_many_connections_as_it_likes() -> None:
    crowd = crowd_of(connections_per_address=1)
    callers = [Caller.__new__(Caller) for _ in range(5)]

    assert all(crowd.enter(each, HERE, is_proxy=True) for each in callers)


def test_an_owners_connections_are_counted_over_all_addresses_once_each() -> None:
    crowd = crowd_of(connections_per_owner=2)
    callers = [Caller(crowd, f"192.0.2.{n}") for n in range(4)]

    assert [crowd.show(each, ANN) for each in callers[:3]] == [True, True, False]
    assert crowd.show(callers[0], ANN)
    assert crowd.show(callers[3], BOB)
    crowd.leave(callers[0], "192.0.2.0")
    assert crowd.show(callers[2], ANN)


def test_an_owner_at_its_number_makes_room_by_its_longest_idle_connection() -> None:
    crowd = crowd_of(connections_per_owner=2)
    idle, served = Caller(crowd, HERE, (2, 1.0)), Caller(crowd, THERE)
    others = Caller(crowd, HERE, (2, 0.0))
    crowd.show(idle, ANN)
    crowd.show(served, ANN)
    crowd.show(others, BOB)

    assert crowd.show(Caller(crowd, "192.0.2.3"), ANN)
    assert [each.is_open for each in (idle, served, others)] == [False, True, True]


def test_a_connection_that_shows_another_owners_key_counts_for_that_one() -> None:
    crowd = crowd_of(connections_per_owner=1)
    first, second = Caller(crowd, HERE), Caller(crowd, HERE)
    assert crowd.show(first, ANN)
    assert not crowd.show(second, ANN)

    assert crowd.show(first, BOB)
    assert crowd.show(second, ANN)


def test_no_more_connections_and_downloads_than_are_set_and_never_more_than_files_allow() -> None:
    most, most_sent = most_connections(), most_downloads()

    assert (most_connections(7), most_connections(10 * most)) == (7, most)
    assert most_downloads(0, 1) == 1
    assert most_downloads(0, 10 * most_sent) == most_sent
    assert most_downloads(9) == 3


async def test_a_connection_has_as_long_as_is_set() -> None:
    patience = ServerLimits(head_within_s=3.0, kept_alive_s=200.0)
    crowd = Crowd(10, ease=lambda _a, _m: None, clock_s=lambda: 0.0, limits=patience)

    async with connected(crowd=crowd) as line:
        await line.send(b"GET / HT")
        assert line.is_open_after(2.0)
        assert not line.is_open_after(4.0)
    async with connected(crowd=crowd) as line:
        await line.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        await line.hear()
        assert line.is_open_after(190.0)
        assert not line.is_open_after(210.0)
    async with connected(crowd=a_crowd()) as line:
        await line.send(b"GET / HT")
        assert line.is_open_after(4.0)


# --- calls that wait ---------------------------------------------------------------------------


def test_so_many_wait_at_an_address_and_for_an_owner_and_no_more() -> None:
    board, limits = Board(), WaitLimits(per_address=2, per_owner=3)
    with ExitStack() as waiting:
        for job_id in ("a", "b"):
            limits.check(board, HERE, ANN)
            waiting.enter_context(board.waiter(job_id, HERE, owner=ANN))
        with pytest.raises(OverLimit, match="limit waiting_per_address of your account"):
            limits.check(board, HERE, BOB)
        waiting.enter_context(board.waiter("c", THERE, owner=ANN))
        with pytest.raises(OverLimit, match="3 of 3 calls wait for a change"):
            limits.check(board, THERE, ANN)
        limits.check(board, THERE, BOB)

    limits.check(board, HERE, ANN)
    assert (board.waiting_at(HERE), board.waiting_of(ANN)) == (0, 0)


def test_without_numbers_and_without_keys_any_number_waits_for_an_owner() -> None:
    board = Board()
    with ExitStack() as waiting:
        for n in range(50):
            WaitLimits(per_address=0, per_owner=0).check(board, HERE, ANN)
            WaitLimits(per_address=0, per_owner=1).check(board, HERE, EVERYONE)
            waiting.enter_context(board.waiter(f"{n}", HERE, owner=EVERYONE))


# --- bodies ------------------------------------------------------------------------------------


def take(gate: Gate, mib: int) -> bool:
    try:
        gate.take(mib * MIB)
    except Overloaded:
        return False
    return True


def test_an_owner_and_an_address_have_each_their_own_number_of_open_bytes() -> None:
    limits = ServerLimits(open_bodies_mib_per_owner=8, open_bodies_mib_per_address=4)
    bodies = Bodies(limits=limits)
    with (
        bodies.gate("ann", is_owner=True) as first,
        bodies.gate("ann", is_owner=True) as second,
        bodies.gate(HERE) as stranger,
        bodies.gate("bob", is_owner=True) as other,
    ):
        assert take(first, 5)
        assert not take(second, 4)
        assert take(second, 3)
        assert take(stranger, 4)
        assert not take(stranger, 1)
        assert take(other, 8)
    with bodies.gate("ann", is_owner=True) as again:
        assert take(again, 8)


def test_a_form_that_is_let_in_has_its_owners_number() -> None:
    limits = ServerLimits(open_bodies_mib_per_owner=2, open_bodies_mib_per_address=1)
    bodies = Bodies(limits=limits)
    with bodies.gate(HERE, lambda _fields: ANN) as gate:
        gate.take(1000)
        gate.let_in(ANN, 20 * MIB)
        assert take(gate, 1)
        assert not take(gate, 1)


async def test_large_bodies_are_read_in_turns_of_owners_as_many_as_are_set() -> None:
    bodies = Bodies(limits=ServerLimits(large_bodies=1))
    turns: list[str] = []

    async def send(caller: str) -> None:
        with bodies.gate(caller, is_owner=True) as gate:
            gate.take(LARGE_BYTES + 1)
            await gate.turn()
            turns.append(caller)
            await asyncio.sleep(0)

    await asyncio.gather(*map(send, ["ann"] * 6 + ["bob"]))

    assert turns[:3] in (["ann", "bob", "ann"], ["ann", "ann", "bob"])
    assert len(turns) == 7


# --- downloads ---------------------------------------------------------------------------------


def test_an_owners_downloads_are_counted_over_addresses_and_leave_some_to_others() -> None:
    openings = Openings(8)
    with ExitStack() as going_on:
        for n in range(4):
            going_on.enter_context(openings.one(address=f"192.0.2.{n}", job_id=f"{n}", owner=ANN))

        with pytest.raises(Overloaded, match="of its owner's videos"):
            going_on.enter_context(openings.one(address="192.0.2.9", job_id="9", owner=ANN))
        going_on.enter_context(openings.one(address="192.0.2.9", job_id="9", owner=BOB))


def test_downloads_have_numbers_for_an_address_and_for_an_owner() -> None:
    openings = Openings(100, per_address=2, per_owner=3)
    with ExitStack() as going_on:
        for n in range(2):
            going_on.enter_context(openings.one(address=HERE, job_id=f"{n}", owner=ANN))
        with pytest.raises(Overloaded, match="from your address"):
            going_on.enter_context(openings.one(address=HERE, job_id="2", owner=BOB))
        going_on.enter_context(openings.one(address=THERE, job_id="2", owner=ANN))
        with pytest.raises(Overloaded, match="of its owner's videos"):
            going_on.enter_context(openings.one(address=THERE, job_id="3", owner=ANN))
        going_on.enter_context(openings.one(address=THERE, job_id="3", owner=BOB))


def test_a_share_has_a_number_beside_what_is_left() -> None:
    shares = Shares(100)

    assert shares.take("a", 10, most_each=10)
    assert not shares.take("a", 1, most_each=10)
    assert shares.take("a", 40)
    assert not shares.take("a", 1, most_each=1000)
