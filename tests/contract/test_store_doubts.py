"""What every job store tells of calls in doubt, and makes of an operator's word."""

from __future__ import annotations

import asyncio

import pytest

from support.books import ANN, BOB, LEASE, NEXT, a_booked_job, lost_in
from support.open_stores import Make, opened
from support.reserves import YUAN, a_reserve
from unstill.domain.access_errors import NotInDoubt, ResolvedOtherwise
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.continuation import NextJob
from unstill.domain.errors import NoSuchJob
from unstill.domain.job import (
    Failure,
    Job,
    State,
    accepted,
    cancelled,
    failed,
    hidden,
    intended,
    made_ready,
)
from unstill.domain.money import SECOND_NS, Bill, BudgetUse, CostRate, day_of
from unstill.domain.request import Size, VideoRequest
from unstill.domain.resolution import CallCosts, DoubtWord, Resolution, Resolved
from unstill.store.ports.doubts import CallInDoubt
from unstill.store.ports.retention import Kept
from unstill.store.ports.store import Store


def cost_of(engine: str, upstream_model: str, request: VideoRequest) -> CostRate | None:
    assert (engine, upstream_model, request.duration_s) == ("ali", "turbo", 5)
    return YUAN


async def say(
    store: Store,
    job_id: str,
    *,
    is_charged: bool = True,
    ticket: str | None = None,
    at_ms: int = 77,
    next_id: str = NEXT.id,
) -> Resolved:
    return await store.doubts.resolve(
        job_id,
        DoubtWord(is_charged, ticket),
        costs=CallCosts(cost_of, "EUR"),
        next_job=NextJob(next_id, NEXT.within_ms),
        now_ms=at_ms,
    )


async def lost(store: Store, job: Job, *, has_money: bool = True) -> Job:
    await store.jobs.add(job, reserve=a_reserve(job) if has_money else None)
    await lost_in(store, job)
    return job


async def kinds(store: Store, job: Job) -> list[tuple[str, int, int]]:
    return [(each.kind, each.n, each.amount) for each in await store.charges.of(job.id)]


async def test_calls_in_doubt_are_told_oldest_first_until_a_word_is_said(store: Store) -> None:
    for owner, job_id in ((ANN, "b"), (BOB, "a"), (ANN, "c")):
        await lost(store, a_booked_job(job_id, owner, key_id=f"key-of-{job_id}"))
    other = a_booked_job("other", ANN)
    await store.jobs.add(other)
    await store.jobs.change(other.id, cancelled(9, is_hidden=False))
    await store.jobs.change("c", hidden(State.FAILED))
    told = await store.doubts.open(5)
    before = [[each.call.job_id for each in await store.doubts.open(n)] for n in (1, 2, 3)]
    counted = await store.doubts.counted()
    await say(store, "a")
    after = [each.call.job_id for each in await store.doubts.open(5)]
    left = await store.doubts.counted()
    for job_id in ("b", "c"):
        await say(store, job_id)

    [call] = await store.attempts.of("a")
    assert told[0] == CallInDoubt(BOB, "key-of-a", a_booked_job("a", BOB).model, call)
    assert before == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert after == ["b", "c"]
    assert (sum(counted.values()), sum(left.values())) == (3, 2)
    assert set(counted) == {a_booked_job("a", BOB).engine}
    assert await store.doubts.open(5) == []
    assert sum((await store.doubts.counted()).values()) == 0


async def test_a_word_ends_the_reserve_and_settles_what_was_billed(store: Store) -> None:
    billed, free = [await lost(store, a_booked_job(each, ANN)) for each in ("billed", "free")]
    day = day_of(billed.created_ms)
    before = await store.charges.used(ANN, day)
    first = await say(store, "billed")
    second = await say(store, "free", is_charged=False)

    assert before == BudgetUse(900_000, 900_000)
    assert first == Resolved(Resolution("billed", 1, True, 77), True, 450_000, 375_000, "EUR")
    assert second == Resolved(Resolution("free", 1, False, 77), True, 450_000, None, "EUR")
    assert await kinds(store, billed) == [
        ("reserve", 0, 450_000),
        ("release", 0, 0),
        ("cost", 1, 375_000),
    ]
    assert await kinds(store, free) == [("reserve", 0, 450_000), ("release", 0, 0)]
    assert await store.charges.used(ANN, day) == BudgetUse()
    assert await store.doubts.said_of("free") == second.resolution


@pytest.mark.parametrize("has_money", [True, False])
async def test_the_first_word_stands_whatever_is_said_later(
    store: Store,
    has_money: bool,  # noqa: FBT001
) -> None:
    job = await lost(store, a_booked_job("lost", ANN), has_money=has_money)
    silent = await store.doubts.said_of("lost")
    first = await say(store, "lost")
    entries = await kinds(store, job)
    same = await say(store, "lost", at_ms=99)
    other = await say(store, "lost", is_charged=False, at_ms=99)

    assert silent is None
    assert same == other == Resolved(first.resolution, is_new=False)
    assert await kinds(store, job) == entries
    assert len(entries) == (3 if has_money else 0)
    same.check(is_charged=True)
    with pytest.raises(ResolvedOtherwise, match="lost is resolved: its call was billed, at 1970"):
        other.check(is_charged=False)


@pytest.mark.parametrize(("cost", "is_open"), [(YUAN, True), (None, False)])
async def test_what_an_upstream_that_costs_has_lost_is_in_doubt_too(
    store: Store,
    cost: CostRate | None,
    is_open: bool,  # noqa: FBT001
) -> None:
    job = a_booked_job("lost", ANN)
    await store.jobs.add(job, reserve=a_reserve(job))
    call = Attempt("lost", 1, "ali", "account", "turbo", intent_ms=1, submit_by_ms=2)
    taken = Settlement(1, Outcome.ACCEPTED, 9, ticket="task-1")
    bill = Bill(5 * SECOND_NS, "ali", "turbo", cost, is_known=False)
    for change in (
        made_ready(Size(1280, 720)),
        intended(call, LEASE),
        accepted("task-1", "turbo", taken),
        failed(Failure("upstream_lost", "it was restarted"), job.created_ms + 9, bill=bill),
    ):
        assert await store.jobs.change("lost", change) is not None
    told = [each.call.job_id for each in await store.doubts.open(5)]

    assert (told, sum((await store.doubts.counted()).values())) == (["lost"] * is_open, is_open)
    if is_open:
        assert (await say(store, "lost")).cost == 375_000
    else:
        with pytest.raises(NotInDoubt, match="lost is not in doubt: it is failed"):
            await say(store, "lost")
    assert await store.doubts.open(5) == []


async def test_of_many_words_at_once_one_is_the_first(store: Store) -> None:
    job = await lost(store, a_booked_job("lost", ANN))
    said = await asyncio.gather(*(say(store, "lost", is_charged=n % 2 == 0) for n in range(20)))

    assert sum(each.is_new for each in said) == 1
    assert len({each.resolution for each in said}) == 1
    assert [kind for kind, _, _ in await kinds(store, job)].count("release") == 1


async def test_of_what_is_known_or_nowhere_nothing_can_be_said(store: Store) -> None:
    job = a_booked_job("known", ANN)
    await store.jobs.add(job, reserve=a_reserve(job))
    with pytest.raises(NotInDoubt, match="known is not in doubt: it is queued"):
        await say(store, "known")
    await store.jobs.change("known", cancelled(9, is_hidden=False))
    with pytest.raises(NotInDoubt, match="known is not in doubt: it is cancelled"):
        await say(store, "known", is_charged=False)
    with pytest.raises(NoSuchJob):
        await say(store, "nowhere")

    assert await store.doubts.said_of("known") is None
    assert await kinds(store, job) == [("reserve", 0, 450_000), ("release", 0, 0)]


async def test_a_word_is_there_after_a_restart_and_outlives_its_job(make: Make) -> None:
    async with opened(make) as store:
        job = await lost(store, a_booked_job("lost", ANN))
        old = [each.id for each in await store.retention.ended(Kept.ROW, 2**50, now_ms=2**50)]
        await say(store, "lost")
    async with opened(make) as store:
        gone = [each.id for each in await store.retention.ended(Kept.ROW, 2**50, now_ms=2**50)]
        said = await store.doubts.said_of("lost")
        await store.retention.note_removed("lost", Kept.ROW, 9)
        again = await say(store, "lost")
        left = await store.jobs.find("lost")

    assert (old, gone, left) == ([], ["lost"], None)
    assert said == Resolution("lost", 1, True, 77)
    assert again == Resolved(said, is_new=False)
    assert job.id == "lost"
