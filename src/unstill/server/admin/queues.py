"""Queues as operators see them: the lanes, who waits in each, and what no lane works on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from unstill.domain.job import State
from unstill.domain.job_ids import made_ms
from unstill.domain.owner import Owner
from unstill.store.ports.backlog import UnfinishedJobs
from unstill.store.ports.queue import LaneStep, LaneUse


class AdminLaneOwner(msgspec.Struct, frozen=True):
    """One owner's jobs in a lane. oldest_ms: when the first of them was made."""

    owner: str
    waiting: int
    working: int
    oldest_ms: int | None


class AdminLane(msgspec.Struct, frozen=True):
    """The jobs that wait for one kind of step, and how many are in it; `oldest_ms` likewise."""

    lane: str
    slots: int
    working: int
    waiting: int
    oldest_ms: int | None
    owners: list[AdminLaneOwner]


class AdminUnderWay(msgspec.Struct, frozen=True):
    """One owner's jobs that an engine has and no lane works on, such as those at an upstream."""

    state: State
    engine: str
    owner: str
    count: int
    oldest_ms: int


class AdminQueues(msgspec.Struct, frozen=True):
    """Times are Unix milliseconds. A lane that nobody serves has 0 slots."""

    lanes: list[AdminLane]
    under_way: list[AdminUnderWay]


def queues_told(
    uses: Sequence[LaneUse], steps: Sequence[LaneStep], unfinished: Sequence[UnfinishedJobs]
) -> AdminQueues:
    slots = {use.name: use.slots for use in uses}
    names = dict.fromkeys([*slots, *(each.lane for each in unfinished if each.lane is not None)])
    return AdminQueues(
        [_lane(name, slots.get(name, 0), steps, unfinished) for name in names],
        [
            AdminUnderWay(each.state, each.engine, each.owner, each.count, made_ms(each.oldest))
            for each in unfinished
            if each.lane is None
        ],
    )


def _lane(
    name: str, slots: int, steps: Sequence[LaneStep], unfinished: Sequence[UnfinishedJobs]
) -> AdminLane:
    working = Counter(step.owner for step in steps if step.lane == name)
    # A step may have moved its job on already: then no row is here for it.
    begun = Counter(step.owner for step in steps if step.lane == name and step.is_in_lane)
    rows = {each.owner: each for each in unfinished if each.lane == name}
    owners = [
        _lane_owner(owner, rows.get(owner), working=working[owner], begun=begun[owner])
        for owner in sorted({*rows, *working})
    ]
    made = [each.oldest_ms for each in owners if each.oldest_ms is not None]
    return AdminLane(
        lane=name,
        slots=slots,
        working=working.total(),
        waiting=sum(each.waiting for each in owners),
        oldest_ms=min(made, default=None),
        owners=owners,
    )


def _lane_owner(
    owner: Owner, rows: UnfinishedJobs | None, *, working: int, begun: int
) -> AdminLaneOwner:
    if rows is None:
        return AdminLaneOwner(owner, 0, working, None)
    # The rows were counted a moment before the steps.
    return AdminLaneOwner(owner, max(0, rows.count - begun), working, made_ms(rows.oldest))
