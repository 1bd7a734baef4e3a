"""Owners take turns: the rota, and slots that are handed out by it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.waits import until
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import MOST_WEIGHT, RoundRobin, Slots


def test_who_has_had_a_turn_is_behind_all_who_wait() -> None:
    rota = RoundRobin()
    for owner in ("ann", "bob", "cid"):
        rota.join(Owner(owner))
    rota.took(Owner("ann"))
    rota.join(Owner("bob"))  # it waits already, and keeps its place
    rota.leave(Owner("cid"))
    rota.took(Owner("nobody"))

    assert list(rota) == ["bob", "ann"]


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_nobody_has_a_second_turn_before_everybody_who_waits_has_had_one(jobs: list[int]) -> None:
    rota, left = RoundRobin(), {f"owner-{number}": count for number, count in enumerate(jobs)}
    for owner in left:
        rota.join(Owner(owner))
    turns = list[str]()
    while rota:
        owner = next(iter(rota))
        turns.append(owner)
        rota.took(owner)
        left[owner] -= 1
        if not left[owner]:
            rota.leave(owner)

    for number in range(max(jobs)):
        those = {owner for owner, count in zip(left, jobs, strict=True) if count > number}
        assert set(turns[: len(those)]) == those
        del turns[: len(those)]


@given(st.lists(st.integers(1, MOST_WEIGHT), min_size=1, max_size=5))
def test_in_each_round_an_owner_has_as_many_turns_as_it_weighs(weights: list[int]) -> None:
    weight_of = {Owner(f"owner-{number}"): weight for number, weight in enumerate(weights)}
    rota = RoundRobin(weight_of.__getitem__)
    for owner in weight_of:
        rota.join(owner)
    for _ in range(2):
        turns = Counter[Owner]()
        for _ in range(sum(weights)):
            owner = next(iter(rota))
            turns[owner] += 1
            rota.took(owner)

        assert turns == weight_of


@given(
    st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["join", "turn", "leave"])),
        max_size=40,
    ),
    st.lists(st.integers(1, 5), min_size=4, max_size=4),
    st.lists(st.integers(0, 6), min_size=4, max_size=4),
)
def test_the_turns_that_are_told_ahead_are_those_that_come(
    past: list[tuple[str, str]], weights: list[int], jobs: list[int]
) -> None:
    weight_of = dict(zip(map(Owner, "abcd"), weights, strict=True))
    rota = RoundRobin(weight_of.__getitem__)
    for name, what in past:
        owner = Owner(name)
        if what == "turn" and rota.first is not None:
            rota.took(rota.first)
        elif what == "join":
            rota.join(owner)
        else:
            rota.leave(owner)
    left = {owner: jobs["abcd".index(owner)] + 1 for owner in rota}
    told = {
        (owner, number): rota.ahead(owner, number, left.__getitem__)
        for owner, count in left.items()
        for number in range(count)
    }
    came, had = dict[tuple[Owner, int], int](), Counter[Owner]()
    while (owner_next := rota.first) is not None:
        came[owner_next, had[owner_next]] = len(came)
        had[owner_next] += 1
        rota.took(owner_next)
        if had[owner_next] == left[owner_next]:
            rota.leave(owner_next)

    assert told == came


def test_who_leaves_and_comes_again_gains_no_turn_by_it() -> None:
    rota = RoundRobin(lambda owner: 10 if owner == "ann" else 1)
    rota.join(Owner("ann"))
    turns = list[str]()
    for _ in range(44):
        rota.join(Owner("bob"))  # one job at a time, sent as soon as the one before has begun
        owner = next(iter(rota))
        turns.append(owner)
        rota.took(owner)
        if owner == "bob":
            rota.leave(owner)

    assert turns.count("bob") == 4


async def test_slots_are_handed_out_by_weight() -> None:
    slots, served = Slots(1, weight_of=lambda owner: 2 if owner == "ann" else 1), list[str]()

    async def call(owner: str) -> None:
        async with slots.taken(Owner(owner)):
            served.append(owner[0])
            await asyncio.sleep(0)

    await asyncio.gather(*(call(owner) for owner in ["ann"] * 8 + ["bob"] * 8))

    assert "".join(served[1:10]) == "abaabaaba"


async def test_an_owner_with_many_calls_holds_up_nobody_elses_first() -> None:
    slots, served, gate = Slots(1), list[str](), asyncio.Event()

    async def call(owner: str) -> None:
        async with slots.taken(Owner(owner)):
            served.append(owner)
            await gate.wait()

    calls = [asyncio.create_task(call("ann")) for _ in range(100)]
    await until(lambda: served == ["ann"])
    calls += [asyncio.create_task(call(owner)) for owner in ("bob", "bob", "cid")]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*calls)

    assert served[:7] == ["ann", "ann", "bob", "cid", "ann", "bob", "ann"]
    assert len(served) == 103


async def test_no_more_slots_are_held_than_there_are_and_none_is_lost() -> None:
    slots, held, most = Slots(3), [0], [0]

    async def call(number: int) -> None:
        async with slots.taken(Owner(f"owner-{number % 4}")):
            held[0] += 1
            most[0] = max(most[0], held[0])
            await asyncio.sleep(0)
            held[0] -= 1

    for _ in range(2):
        await asyncio.gather(*(call(number) for number in range(40)))

    assert most == [3]


async def test_a_call_that_is_cancelled_while_it_waits_or_is_served_leaves_its_slot() -> None:
    slots, served = Slots(1), list[str]()

    async def call(owner: str) -> None:
        async with slots.taken(Owner(owner)):
            served.append(owner)
            await asyncio.sleep(60)

    holder, waiter, handed = (asyncio.create_task(call(owner)) for owner in ("ann", "bob", "cid"))
    await until(lambda: served == ["ann"])
    waiter.cancel()
    holder.cancel()
    with suppress(asyncio.CancelledError):
        await holder
    handed.cancel()  # in the same moment as it is handed the slot
    await asyncio.gather(waiter, handed, return_exceptions=True)

    async with asyncio.timeout(30), slots.taken(Owner("dan")):
        served.append("dan")
    assert served[-1] == "dan"


@pytest.mark.parametrize(("count", "most"), [(1, 1), (2, 1), (3, 2), (8, 4)])
async def test_slots_that_keep_room_have_one_for_whoever_comes(count: int, most: int) -> None:
    slots, held, gate = Slots(count, keeps_room=True), list[str](), asyncio.Event()

    async def call(owner: str) -> None:
        async with slots.taken(Owner(owner)):
            held.append(owner)
            await gate.wait()

    calls = [asyncio.create_task(call("ann")) for _ in range(20)]
    await until(lambda: len(held) == most)
    calls.append(asyncio.create_task(call("bob")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    of_bob = held.count("bob")
    gate.set()
    await asyncio.gather(*calls)

    assert held[:most] == ["ann"] * most
    assert of_bob == (count > 1)
    assert len(held) == 21
