"""Who waits for what: owners take turns in every lane, and the forecast tells their places so."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from support.jobs import a_job
from support.skipping_loop import loop_ms
from support.waits import until
from unstill.domain.backoff import Backoff
from unstill.domain.job import Job, State, lane_of
from unstill.domain.limits import Party
from unstill.domain.owner import Owner
from unstill.domain.owner_turns import WeightOf, equal_weight
from unstill.progress.queue import Forecast
from unstill.store.lanes import Lanes
from unstill.store.ports.queue import Lane

STATES = (State.QUEUED, State.READY, State.SAVING)  # each waits for another lane
pytestmark = pytest.mark.skips_pauses
NEXT = {State.QUEUED: State.READY, State.READY: State.SAVING, State.SAVING: State.SUCCEEDED}


class Table:
    """Rows in a dict, the lanes that work on them, and who was served in which order."""

    def __init__(
        self, clock_ms: Callable[[], int] = loop_ms, weight_of: WeightOf = equal_weight
    ) -> None:
        self.rows: dict[str, Job] = {}
        self.lanes = Lanes(self.rows.get, clock_ms, pauses=Backoff((20,)))
        self.lanes.weigh(weight_of)
        self.begun: list[str] = []
        self.gate = asyncio.Event()

    def add(self, job_id: str, owner: str, *, state: State, due_ms: int = 0) -> Job:
        job = a_job(id=job_id, owner=owner, engine="camera", state=state, due_ms=due_ms)
        self.rows[job_id] = job
        self.lanes.offer(job)
        return job

    def serve(self, *states: State, slots: int = 1, keeps_room: bool = False) -> None:
        names = [lane_of(state, "camera", 0) or "" for state in states]
        self.lanes.serve([Lane(name, slots, self.step, keeps_room) for name in names])

    async def step(self, job: Job) -> None:
        self.begun.append(job.id)
        await self.gate.wait()
        self.rows[job.id] = msgspec.structs.replace(job, state=NEXT[job.state])
        self.lanes.offer(self.rows[job.id])


@pytest.mark.parametrize("state", STATES)
async def test_an_owners_first_job_is_the_next_but_one_behind_a_thousand_of_another(
    state: State,
) -> None:
    table = Table()
    table.serve(state)
    for number in range(1_000):
        table.add(f"a-{number:04}", "ann", state=state)
    await until(lambda: table.begun == ["a-0000"])
    table.add("b-0", "bob", state=state)
    table.add("b-1", "bob", state=state)
    table.gate.set()
    await until(lambda: len(table.begun) > 6)
    await table.lanes.rest(1)

    assert table.begun[:6] == ["a-0000", "a-0001", "b-0", "a-0002", "b-1", "a-0003"]


@pytest.mark.parametrize("state", STATES)
async def test_a_heavy_owner_has_its_turns_and_holds_up_nobodys_first(state: State) -> None:
    table = Table(weight_of=lambda owner: 3 if owner == "ann" else 1)
    table.serve(state)
    for number in range(1_000):
        table.add(f"a-{number:04}", "ann", state=state)
    await until(lambda: table.begun == ["a-0000"])
    for number in range(10):
        table.add(f"b-{number:04}", "bob", state=state)
    table.gate.set()
    await until(lambda: len(table.begun) > 30)
    await table.lanes.rest(1)

    assert table.begun[1:3] == ["a-0001", "b-0000"]
    assert "".join(job_id[0] for job_id in table.begun[3:23]) == "aaab" * 5


class Door:
    """A turnstile: so many of ann's jobs may be begun at once, and all of anybody else's."""

    def __init__(self, table: Table, most: int, **room: int) -> None:
        """`room`: how many more jobs may be begun whose ids begin so."""
        self.most = most
        self.room = room
        self.begun = set[str]()
        table.lanes.hold_by(self)

    def may_begin(self, owner: Owner) -> bool:
        return owner != "ann" or len(self.begun) < self.most

    def holder_of(self, job_id: str) -> Party | None:
        holder = Party(Owner("ann"), job_id[:1])
        return holder if job_id[:1] in self.room and not self.room_of(holder) else None

    def room_of(self, holder: Party) -> int:
        return self.room[holder.key_id]

    def begin(self, owner: Owner, job_id: str) -> None:
        if job_id[:1] in self.room:
            self.room[job_id[:1]] -= 1
        if owner == "ann":
            self.begun.add(job_id)

    def end(self, owner: Owner, job_id: str) -> None:
        del owner, job_id  # what was begun goes on


async def test_jobs_of_an_owner_that_may_begin_no_more_wait_and_hold_up_nobody() -> None:
    table = Table()
    door = Door(table, most=2)
    table.gate.set()
    for number in range(5):
        table.add(f"a-{number}", "ann", state=State.READY)
        table.add(f"b-{number}", "bob", state=State.READY)
    table.lanes.serve([Lane("engine:camera", 1, table.step, begins_jobs=True)])
    await until(lambda: len(table.begun) == 7)
    await asyncio.sleep(0.05)
    held = sorted(table.begun)
    door.begun.discard("a-0")
    table.lanes.look_again()
    await until(lambda: len(table.begun) == 8)
    await asyncio.sleep(0.05)

    assert held == ["a-0", "a-1", *(f"b-{number}" for number in range(5))]
    assert table.begun[-1] == "a-2"
    assert len(table.begun) == 8


async def test_jobs_that_a_limit_of_their_own_holds_hold_up_none_of_their_owners_others() -> None:
    table = Table()
    door = Door(table, most=100, k=1)
    table.gate.set()
    for number in range(6):
        table.add(f"k-{number}", "ann", state=State.READY)
        table.add(f"o-{number}", "ann", state=State.READY)
    table.lanes.serve([Lane("engine:camera", 2, table.step, begins_jobs=True)])
    await until(lambda: len(table.begun) == 7)
    await asyncio.sleep(0.05)
    held = sorted(table.begun)
    cancelled = msgspec.structs.replace(table.rows["k-2"], state=State.CANCELLED)
    table.rows["k-2"] = cancelled
    table.lanes.offer(cancelled)
    door.room["k"] = 2
    table.lanes.look_again()
    await until(lambda: len(table.begun) == 9)
    await asyncio.sleep(0.05)
    then = table.begun[7:]
    door.room["k"] = 50
    table.lanes.look_again()
    await until(lambda: len(table.begun) == 11)

    assert held == ["k-0", *(f"o-{number}" for number in range(6))]
    assert then == ["k-1", "k-3"]
    assert table.begun[9:] == ["k-4", "k-5"]


async def test_an_owners_older_job_is_before_its_younger_ones_after_a_pause() -> None:
    table = Table()
    table.add("a-0", "ann", state=State.QUEUED, due_ms=loop_ms() + 20)
    for number in (1, 2, 3):
        table.add(f"a-{number}", "ann", state=State.QUEUED)
        table.add(f"b-{number}", "bob", state=State.QUEUED)
    table.serve(State.QUEUED)
    await asyncio.sleep(0.03)
    table.gate.set()
    await until(lambda: len(table.begun) == 7)

    assert table.begun == ["a-1", "b-1", "a-0", "b-2", "a-2", "b-3", "a-3"]


async def test_what_a_cancel_takes_out_of_a_line_costs_its_owner_no_turn() -> None:
    table = Table()
    for number in range(3):
        table.add(f"a-{number}", "ann", state=State.QUEUED)
        table.add(f"b-{number}", "bob", state=State.QUEUED)
    for job_id in ("a-0", "a-1", "b-2"):
        cancelled = msgspec.structs.replace(table.rows[job_id], state=State.CANCELLED)
        table.rows[job_id] = cancelled
        table.lanes.offer(cancelled)
    table.gate.set()
    table.serve(State.QUEUED)
    await until(lambda: len(table.begun) == 3)

    assert table.begun == ["a-2", "b-0", "b-1"]


@pytest.mark.parametrize(("slots", "owners", "each"), [(64, 1, 32), (64, 3, 16), (2, 1, 1)])
async def test_a_lane_that_keeps_room_has_a_slot_for_whoever_comes(
    slots: int, owners: int, each: int
) -> None:
    table = Table()
    table.serve(State.QUEUED, slots=slots, keeps_room=True)
    for number in range(slots):
        for owner in range(owners):
            table.add(f"{owner}-{number:03}", f"owner-{owner}", state=State.QUEUED)
    await until(lambda: len(table.begun) >= owners * each)
    table.add("late", "somebody", state=State.QUEUED)
    await until(lambda: "late" in table.begun)
    counts = [
        sum(job_id.startswith(f"{owner}-") for job_id in table.begun) for owner in range(owners)
    ]
    table.gate.set()
    await until(lambda: len(table.begun) == slots * owners + 1)  # none is forgotten

    assert counts == [each] * owners


async def test_an_owner_has_no_more_steps_in_a_lane_than_are_set_for_one() -> None:
    table = Table()
    name = lane_of(State.QUEUED, "camera", 0) or ""
    table.lanes.serve([Lane(name, 64, table.step, keeps_room=True, most_of_one=3)])
    for number in range(9):
        for owner in ("ann", "bob"):
            table.add(f"{owner}-{number}", owner, state=State.QUEUED)
    await until(lambda: len(table.begun) >= 6)
    await asyncio.sleep(0.05)
    begun = sorted(table.begun)
    table.gate.set()
    await until(lambda: len(table.begun) == 18)

    assert begun == [f"{owner}-{number}" for owner in ("ann", "bob") for number in range(3)]


async def test_a_lane_of_this_machine_lets_no_slot_stand_empty() -> None:
    table = Table()
    table.serve(State.READY, slots=4)
    for number in range(8):
        table.add(f"a-{number}", "ann", state=State.READY)
    await until(lambda: len(table.begun) == 4)
    table.gate.set()
    await table.lanes.rest(1)

    assert table.begun == ["a-0", "a-1", "a-2", "a-3"]


@settings(max_examples=40, deadline=None, phases=(Phase.reuse, Phase.generate))
@given(
    first=st.lists(st.sampled_from(["ann", "bob", "cid", "dan"]), min_size=1, max_size=12),
    then=st.lists(st.sampled_from(["ann", "bob", "cid", "eve"]), max_size=12),
    begun=st.integers(0, 4),
    weights=st.fixed_dictionaries(
        {owner: st.sampled_from([1, 1, 2, 3, 7, 100]) for owner in ("ann", "bob", "cid", "dan")}
    ),
)
def test_the_places_that_are_told_are_those_in_which_the_lane_serves(
    first: list[str], then: list[str], begun: int, weights: dict[str, int]
) -> None:
    asyncio.run(_told_as_served(first, then, begun, lambda owner: weights.get(owner, 1)))


async def _told_as_served(
    first: list[str], then: list[str], begun: int, weight_of: WeightOf
) -> None:
    table, forecast = Table(weight_of=weight_of), Forecast({"camera": 1}, weight_of)
    permits = asyncio.Semaphore(begun)

    async def render(job: Job) -> None:
        now = table.rows[job.id] = msgspec.structs.replace(job, state=State.RUNNING)
        table.lanes.offer(now)
        forecast.changed(now)
        table.begun.append(job.id)
        await permits.acquire()

    for number, owner in enumerate(first):
        forecast.changed(table.add(f"{number:02}-{owner}", owner, state=State.READY))
    table.lanes.serve([Lane("engine:camera", 1, render)])
    await until(lambda: len(table.begun) == min(begun + 1, len(first)))
    for number, owner in enumerate(then, len(first)):
        forecast.changed(table.add(f"{number:02}-{owner}", owner, state=State.READY))
        await asyncio.sleep(0)  # one that finds the slot free begins
    waiting = [job for job in table.rows.values() if job.state is State.READY]
    told = {job.id: forecast.place(job, 0)[0] for job in waiting}
    served_before = len(table.begun)
    for _ in range(len(waiting) + 1):
        permits.release()
    await until(lambda: len(table.begun) == len(table.rows))

    assert table.begun[served_before:] == sorted(told, key=told.__getitem__)
    assert sorted(told.values()) == list(range(len(waiting)))


def test_what_waits_takes_little_memory_each() -> None:
    table = Table(lambda: 0)
    ids = [f"0196f0f0-0000-7000-8000-{number:012}" for number in range(20_000)]
    tracemalloc.start()
    for number, job_id in enumerate(ids):
        table.lanes.wait(job_id, Owner(f"owner-{number % 50}"), "frames", 0)
    bytes_each = tracemalloc.get_traced_memory()[0] / len(ids)
    tracemalloc.stop()

    assert bytes_each < 200


@pytest.mark.parametrize(("is_in_turn", "tried"), [(True, {"a", "b", "c"}), (False, {"a", "b"})])
async def test_where_steps_mostly_fail_each_job_gets_its_turn_not_the_oldest_alone(
    tried: set[str], *, is_in_turn: bool
) -> None:
    rows: dict[str, Job] = {}
    lanes = Lanes(rows.get, loop_ms)
    begun: list[str] = []

    async def fail(job: Job) -> None:
        begun.append(job.id)
        await asyncio.sleep(0.01)  # the one before it is due again meanwhile
        rows[job.id] = msgspec.structs.replace(job, due_ms=loop_ms() + 5)
        lanes.offer(rows[job.id])

    for job_id in ("a", "b", "c"):
        rows[job_id] = a_job(id=job_id, engine="camera", state=State.SAVING, due_ms=1)
    lanes.serve([Lane("again:camera", 1, fail, is_in_turn=is_in_turn)])
    for job in list(rows.values()):
        lanes.offer(job)
    await until(lambda: len(begun) == 9)
    await lanes.rest(1)

    assert set(begun[3:9]) == tried
