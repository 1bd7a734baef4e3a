"""What keys with limits of their own may have: beside what their owner may, and as exactly."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.jobs import OWNER, a_job
from support.scripted_fetches import PNG
from support.waits import until
from unit.test_allowances import Desk, desk, desk_at
from unstill.domain.access_errors import OverBytes, OverLimit
from unstill.domain.job import Job, State
from unstill.domain.limits import UNLIMITED, Limits, Party
from unstill.domain.owner import Owner
from unstill.service.job_tallies import WAITING
from unstill.service.paces import MINUTE_S, Requests

__all__ = ["desk"]

ONE, TWO = "key_1", "key_2"


# --- jobs ------------------------------------------------------------------------------------


async def test_a_keys_limit_is_the_keys_alone_and_its_owners_holds_as_well(desk: Desk) -> None:
    desk.set(Limits(queue=5))
    desk.set(Limits(queue=2), ONE)

    assert await desk.outcomes(4, key_id=ONE) == ["OverLimit"] * 2 + ["taken"] * 2
    assert await desk.outcomes(4, key_id=TWO) == ["OverLimit"] + ["taken"] * 3
    assert await desk.outcomes(1, key_id=ONE) == ["OverLimit"]
    assert await desk.outcomes(1) == ["OverLimit"]


async def test_a_refusal_says_whose_limit_it_is(desk: Desk) -> None:
    desk.set(Limits(queue=0), ONE)
    with pytest.raises(OverLimit, match="limit queue of this API key") as of_key:
        await desk.submit(key_id=ONE)
    desk.set(Limits(queue=0))
    with pytest.raises(OverLimit, match="limit queue of your account"):
        await desk.submit(key_id=TWO)

    assert of_key.value.limit == "queue"


async def test_what_a_key_made_before_its_limit_and_before_a_restart_counts(
    tmp_path: Path,
) -> None:
    async with desk_at(tmp_path) as desk:
        for key_id in (ONE, ONE, TWO, ""):
            await desk.submit(key_id=key_id)
    async with desk_at(tmp_path) as desk:
        desk.set(Limits(queue=4), ONE)

        assert await desk.outcomes(4, key_id=ONE) == ["OverLimit"] * 2 + ["taken"] * 2


async def test_a_key_submits_as_often_as_it_may_and_another_is_not_held_up(desk: Desk) -> None:
    desk.set(Limits(submits_per_minute=2), ONE)
    first = await desk.outcomes(3, key_id=ONE)
    other = await desk.outcomes(3, key_id=TWO)
    desk.now_s += MINUTE_S

    assert first == ["OverLimit"] + ["taken"] * 2
    assert other == ["taken"] * 3
    assert await desk.outcomes(3, key_id=ONE) == ["OverLimit"] + ["taken"] * 2


async def test_a_call_that_its_owners_limit_refuses_uses_up_nothing_of_its_keys(
    desk: Desk,
) -> None:
    desk.set(Limits(queue=0))
    desk.set(Limits(submits_per_minute=1), ONE)
    await desk.outcomes(5, key_id=ONE)
    desk.set(UNLIMITED)

    assert await desk.outcomes(2, key_id=ONE) == ["OverLimit", "taken"]


async def test_the_bytes_of_a_key_are_those_of_the_jobs_that_it_made(desk: Desk) -> None:
    await desk.submit(PNG, key_id=TWO)
    desk.set(Limits(stored_bytes=2 * len(PNG)), ONE)
    async with desk.allowances.upload(OWNER, len(PNG)):
        pass
    assert await desk.outcomes(3, PNG, key_id=ONE) == ["OverBytes"] + ["taken"] * 2

    with pytest.raises(OverBytes, match="limit bytes of this API key"):
        await desk.submit(PNG, key_id=ONE)
    assert await desk.outcomes(1, PNG, key_id=TWO) == ["taken"]


async def test_of_many_jobs_of_a_key_no_more_are_begun_than_may_and_none_is_forgotten(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, slots=8)
    desk.house.store.queue.hold_by(desk.allowances)
    desk.allowances.tell(desk.house.store.queue.look_again)
    begun, most = dict[str, str](), dict.fromkeys((ONE, TWO), 0)

    def watch(job: Job) -> None:
        if job.state.is_final or job.state in WAITING:
            begun.pop(job.id, None)
        else:
            begun[job.id] = job.key_id
        for key_id in most:
            most[key_id] = max(most[key_id], list(begun.values()).count(key_id))

    await desk.house.store.open((*desk.house.listeners, watch, desk.allowances.changed))
    ids = [await desk.submit(key_id=key_id) for key_id in (ONE, TWO) * 8]
    desk.set(Limits(in_flight=2), ONE)
    await desk.house.runner.startup()
    ended = [await desk.house.until(job_id) for job_id in ids]
    await desk.house.stop()

    assert {job.state for job in ended} == {State.SUCCEEDED}
    assert most[ONE] == 2
    assert most[TWO] > 2


async def test_a_limit_that_is_taken_away_lets_the_jobs_go_that_it_held(tmp_path: Path) -> None:
    desk = Desk(tmp_path, slots=2)
    desk.house.store.queue.hold_by(desk.allowances)
    desk.allowances.tell(desk.house.store.queue.look_again)
    await desk.house.store.open((*desk.house.listeners, desk.allowances.changed))
    ids = [await desk.submit(key_id=ONE) for _ in range(3)]
    desk.set(Limits(in_flight=0), ONE)
    await desk.house.runner.startup()
    other = await desk.house.until(await desk.submit(key_id=TWO))
    states = {(await desk.house.job(job_id)).state for job_id in ids}
    desk.set(UNLIMITED, ONE)
    ended = [await desk.house.until(job_id) for job_id in ids]
    await desk.house.stop()

    assert other.state is State.SUCCEEDED
    assert states <= WAITING
    assert {job.state for job in ended} == {State.SUCCEEDED}


# --- calls -----------------------------------------------------------------------------------


class Calls:
    """Requests by a clock that is set."""

    def __init__(self, **limits: int) -> None:
        self.now_s = 500.0
        self.limits = {
            Party(OWNER, key): Limits(requests_per_minute=n) for key, n in limits.items()
        }
        self.requests = Requests(self.limits_of, monotonic_s=lambda: self.now_s)

    def limits_of(self, party: Party) -> Limits:
        return self.limits.get(party, UNLIMITED)

    def made(self, count: int, key_id: str = "", owner: Owner = OWNER) -> int:
        """How many of so many calls were let in."""
        let_in = 0
        for _ in range(count):
            try:
                self.requests.count(Party(owner, key_id))
            except OverLimit:
                continue
            let_in += 1
        return let_in


def test_in_no_minute_there_are_more_calls_than_are_let_in() -> None:
    calls = Calls()
    calls.limits[Party(OWNER)] = Limits(requests_per_minute=3)
    assert calls.made(1) == 1
    calls.now_s += 20
    assert calls.made(9) == 2
    with pytest.raises(OverLimit, match="3 of 3 requests in the last minute") as refused:
        calls.requests.count(Party(OWNER))
    wait_s = refused.value.retry_after_s
    calls.now_s += wait_s - 0.5
    early = calls.made(1)
    calls.now_s += 0.5

    assert wait_s == MINUTE_S - 20
    assert early == 0
    assert calls.made(3) == 1


def test_calls_of_a_key_count_for_its_owner_and_those_of_another_owner_for_nobody() -> None:
    calls = Calls(**{ONE: 2})
    calls.limits[Party(OWNER)] = Limits(requests_per_minute=3)

    assert calls.made(5, ONE) == 2
    assert calls.made(5, TWO) == 1
    assert calls.made(5, owner=Owner("bob")) == 5


def test_of_who_has_no_limit_nothing_is_kept_in_memory() -> None:
    calls = Calls()
    calls.made(100)

    assert not calls.requests._paces._moments


def test_of_keys_that_have_come_and_gone_nothing_is_kept_and_of_those_at_work_all() -> None:
    calls = Calls(**{f"key_{n}": 1 for n in range(2_000)})
    for n in range(1_000):
        calls.now_s += 1
        assert calls.made(2, f"key_{n}") == 1
    kept = len(calls.requests._paces._moments)
    at_once = [calls.made(2, f"key_{n}") for n in range(1_000, 2_000)]

    assert kept < 300
    assert at_once == [1] * 1_000
    assert not any(calls.made(1, f"key_{n}") for n in range(1_000, 2_000))


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_job_that_is_there_though_its_call_broke_off_is_held_by_its_keys_limit(
    desk: Desk, *, is_there: bool
) -> None:
    desk.set(Limits(in_flight=1), ONE)
    begun = await desk.submit(key_id=ONE)
    waiting = a_job(key_id=ONE)
    reservation = await desk.allowances.take(Party(OWNER, ONE), waiting.id, size_bytes=0)
    assert reservation is not None
    if is_there:
        desk.allowances.changed(waiting)
    desk.allowances.settle(reservation, is_stored=False)
    await desk.move(begun, State.READY, State.RUNNING)

    held_by = Party(OWNER, ONE) if is_there else None
    assert desk.allowances.holder_of(waiting.id) == held_by


async def test_a_keys_limit_that_cannot_be_read_yet_begins_nothing(desk: Desk) -> None:
    await desk.submit(key_id=ONE)
    desk.set(Limits(in_flight=1), ONE)
    before = desk.allowances.may_begin(OWNER), desk.allowances.may_begin(Owner("bob"))
    await until(lambda: desk.allowances.may_begin(OWNER))

    assert before == (False, True)
