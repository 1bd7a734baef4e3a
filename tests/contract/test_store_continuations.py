"""What every job store makes of a reply that came after its job's end: a job that goes on."""

from __future__ import annotations

import asyncio

import pytest

from support.books import ANN, LEASE, NEXT, TICKET, VIDEO, a_booked_job, answered_late, lost_in
from support.open_stores import Make, opened
from support.reserves import YUAN, a_reserve
from unstill.domain.access_errors import (
    NotItsTicket,
    ResolvedOtherwise,
    TicketElsewhere,
    TicketKnown,
    TicketOfDeleted,
)
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.continuation import JobLinks, NextJob
from unstill.domain.errors import CallerError, TicketTaken
from unstill.domain.job import (
    IN_DOUBT,
    Failure,
    Job,
    Result,
    State,
    Usage,
    accepted,
    arrived,
    failed,
    hidden,
    intended,
    made_ready,
    sent_back,
    succeeded,
)
from unstill.domain.money import SECOND_NS, Bill, BudgetUse, day_of
from unstill.domain.request import Size
from unstill.domain.resolution import CallCosts, DoubtWord, Resolved
from unstill.store.ports.retention import Kept
from unstill.store.ports.store import Store

NOW_MS = a_booked_job("lost", ANN).created_ms + 30
BILL = Bill(5 * SECOND_NS, "ali", "turbo", YUAN)


async def say(
    store: Store,
    job_id: str = "lost",
    *,
    is_charged: bool = True,
    ticket: str | None = None,
    next_id: str = NEXT.id,
) -> Resolved:
    return await store.doubts.resolve(
        job_id,
        DoubtWord(is_charged, ticket),
        costs=CallCosts(lambda *_: YUAN, "EUR"),
        next_job=NextJob(next_id, NEXT.within_ms),
        now_ms=NOW_MS,
    )


async def a_lost_job(store: Store, job_id: str = "lost", *, has_money: bool = True) -> Job:
    job = a_booked_job(job_id, ANN, key_id="k1", webhook_url="https://there.example/hook")
    await store.jobs.add(job, reserve=a_reserve(job) if has_money else None)
    await lost_in(store, job)
    return job


async def found(store: Store, job_id: str) -> Job:
    job = await store.jobs.find(job_id)
    assert job is not None
    return job


async def brought_home(store: Store, job_id: str) -> None:
    for change in (
        arrived(Result("https://there.example/video")),
        succeeded(VIDEO, Usage(5), NOW_MS + 9, bill=BILL),
    ):
        assert await store.jobs.change(job_id, change, attempt=1) is not None


async def kinds(store: Store, job_id: str) -> list[tuple[str, int, int]]:
    return [(each.kind, each.n, each.amount) for each in await store.charges.of(job_id)]


async def tickets(store: Store) -> list[tuple[str, str]]:
    return [(each.job_id, each.ticket) async for some in store.backlog.tickets() for each in some]


async def test_a_reply_after_the_end_is_in_the_ledger_and_leaves_the_end(store: Store) -> None:
    await a_lost_job(store)
    before = await found(store, "lost")
    await answered_late(store, "lost")
    gave_up = failed(
        Failure(IN_DOUBT, "again"), 1, closes=Settlement(1, Outcome.UNKNOWN, 99, code=IN_DOUBT)
    )
    assert await store.jobs.change("lost", gave_up, attempt=1) is None
    await answered_late(store, "lost", "another")
    [call] = await store.attempts.of("lost")
    [told] = await store.doubts.open(5)

    assert (call.outcome, call.ticket, call.code) == (Outcome.ACCEPTED, TICKET, "")
    assert told.call == call
    assert await found(store, "lost") == before
    assert await tickets(store) == []


@pytest.mark.parametrize("has_money", [True, False])
async def test_of_a_billed_call_with_a_ticket_a_job_of_the_same_owner_goes_on(
    store: Store,
    heard: list[str],
    has_money: bool,  # noqa: FBT001
) -> None:
    await a_lost_job(store, has_money=has_money)
    await answered_late(store, "lost")
    before = await found(store, "lost")
    told = len(heard)
    resolved = await say(store)
    job = await found(store, "next")
    [call] = await store.attempts.of("next")

    assert resolved.continuation is not None
    assert resolved.continuation.continued_by == "next"
    assert resolved.cost is None
    assert heard[told:] == ["next"]
    assert (job.state, job.engine, job.ticket, job.upstream_model) == (
        State.RUNNING,
        "ali",
        TICKET,
        "turbo",
    )
    for name in ("owner", "key_id", "model", "request", "dialect", "words", "webhook_url", "size"):
        assert getattr(job, name) == getattr(before, name)
    assert (job.created_ms, job.attempt, job.failure) == (NOW_MS, 1, None)
    assert job.deadline_ms >= NEXT.within_ms
    assert (call.n, call.outcome, call.ticket) == (1, Outcome.ACCEPTED, TICKET)
    assert (call.engine, call.account, call.upstream_model) == ("ali", "account", "turbo")
    assert await tickets(store) == [("next", TICKET)]
    assert await store.doubts.open(5) == []
    assert await found(store, "lost") == before
    assert await store.doubts.links_of("lost") == JobLinks(None, "next")
    assert await store.doubts.links_of("next") == JobLinks("lost", None)
    newest = await store.job_lists.page(ANN, limit=5)
    assert {each.id for each in newest.jobs} == {"lost", "next"}


async def test_of_both_jobs_the_price_is_charged_once_and_so_is_the_cost(store: Store) -> None:
    job = await a_lost_job(store)
    await answered_late(store, "lost")
    await say(store)
    day = day_of(job.created_ms)
    moved = await store.charges.used(ANN, day)
    going_on = await kinds(store, "next")
    await brought_home(store, "next")
    delivery = await store.outbox.of("next")

    assert moved == BudgetUse(450_000, 450_000)
    assert going_on == [("reserve", 0, 450_000)]
    assert await kinds(store, "lost") == [("reserve", 0, 450_000), ("release", 0, 0)]
    assert await kinds(store, "next") == [
        ("reserve", 0, 450_000),
        ("settle", 0, 450_000),
        ("cost", 1, 375_000),
    ]
    assert await store.charges.used(ANN, day) == BudgetUse(450_000, 450_000)
    assert delivery is not None
    assert delivery.type == "video.completed"


async def test_of_many_words_at_once_one_makes_a_job_and_all_name_it(store: Store) -> None:
    await a_lost_job(store)
    await answered_late(store, "lost")
    said = await asyncio.gather(*(say(store, next_id=f"next-{n}") for n in range(20)))
    again = await say(store, next_id="later", ticket=TICKET)
    names = {each.continuation.continued_by for each in (*said, again) if each.continuation}
    jobs = (await store.job_lists.page(ANN, limit=30)).jobs

    assert sum(each.is_new for each in said) == 1
    assert len(names) == 1
    assert {each.id for each in jobs} == {"lost", *names}
    with pytest.raises(NotItsTicket, match=f"knows the call of lost as '{TICKET}'"):
        await say(store, ticket="another")


async def test_a_ticket_that_the_operator_found_is_gone_on_from(store: Store) -> None:
    await a_lost_job(store)
    resolved = await say(store, ticket="by-hand")
    [own] = await store.attempts.of("lost")
    await answered_late(store, "lost", "by-hand")  # by right
    [told] = await store.attempts.of("lost")

    assert resolved.continuation is not None
    assert resolved.continuation.ticket == "by-hand"
    assert await tickets(store) == [("next", "by-hand")]
    assert (own.outcome, own.ticket) == (Outcome.UNKNOWN, None)
    assert (told.outcome, told.ticket) == (Outcome.ACCEPTED, "by-hand")


async def test_a_ticket_that_is_not_the_calls_own_is_refused_and_says_nothing(
    store: Store,
) -> None:
    for job_id in ("lost", "other", "known"):
        await a_lost_job(store, job_id)
    await answered_late(store, "other", "of-other")
    await answered_late(store, "known", "of-known")
    refused: list[tuple[type[CallerError], str, str, bool]] = [
        (TicketElsewhere, "lost", "of-other", True),
        (NotItsTicket, "known", "of-other", True),
        (NotItsTicket, "known", "of-other", False),
        (NotItsTicket, "lost", "of-other", False),
    ]
    for error, job_id, ticket, is_charged in refused:
        with pytest.raises(error):
            await say(store, job_id, ticket=ticket, is_charged=is_charged)

    assert [each.call.job_id for each in await store.doubts.open(5)] == ["known", "lost", "other"]
    assert await tickets(store) == []
    await say(store, "other")
    with pytest.raises(TicketElsewhere, match="'of-other' is that of the job"):
        await say(store, "lost", ticket="of-other", next_id="next-2")


async def test_what_an_upstream_has_taken_is_free_only_by_its_ticket(store: Store) -> None:
    await a_lost_job(store)
    await answered_late(store, "lost")
    with pytest.raises(TicketKnown, match="name that ticket too"):
        await say(store, is_charged=False)
    silent = await store.doubts.said_of("lost")
    resolved = await say(store, is_charged=False, ticket=TICKET)

    assert silent is None
    assert (resolved.continuation, resolved.released) == (None, 450_000)
    assert await kinds(store, "lost") == [("reserve", 0, 450_000), ("release", 0, 0)]
    assert await tickets(store) == []
    with pytest.raises(ResolvedOtherwise):
        (await say(store)).check(is_charged=True)


async def test_nobody_waits_for_the_video_of_a_deleted_job(store: Store) -> None:
    await a_lost_job(store)
    await answered_late(store, "lost")
    await store.jobs.change("lost", hidden(State.FAILED))
    with pytest.raises(TicketOfDeleted, match="lost is deleted"):
        await say(store, ticket=TICKET)
    resolved = await say(store)

    assert (resolved.continuation, resolved.cost) == (None, 375_000)
    assert await tickets(store) == []


async def test_a_reply_after_the_word_is_gone_on_from_without_money(store: Store) -> None:
    await a_lost_job(store)
    first = await say(store)
    await answered_late(store, "lost")
    second = await say(store, next_id="second")
    third = await say(store, next_id="third")
    await brought_home(store, "second")

    assert (first.is_new, first.cost, first.continuation) == (True, 375_000, None)
    assert second.continuation is not None
    assert (second.is_new, second.continuation.continued_by) == (False, "second")
    assert third.continuation == second.continuation
    assert await kinds(store, "second") == []
    assert [kind for kind, *_ in await kinds(store, "lost")] == ["reserve", "release", "cost"]


@pytest.mark.parametrize("ticket", [None, "task-1"])
async def test_what_was_taken_and_not_ended_is_gone_on_from_by_its_named_ticket(
    store: Store, ticket: str | None
) -> None:
    job = a_booked_job("late", ANN)
    await store.jobs.add(job, reserve=a_reserve(job))
    call = Attempt("late", 1, "ali", "account", "turbo", intent_ms=1, submit_by_ms=2)
    taken = Settlement(1, Outcome.ACCEPTED, 9, ticket="task-1")
    bill = Bill(5 * SECOND_NS, "ali", "turbo", YUAN, is_known=False)
    for change in (
        made_ready(Size(1280, 720)),
        intended(call, LEASE),
        accepted("task-1", "turbo", taken),
        failed(Failure("deadline_exceeded", "words"), job.created_ms + 9, bill=bill),
    ):
        assert await store.jobs.change("late", change) is not None
    with pytest.raises(NotItsTicket):
        await say(store, "late", ticket="another")
    resolved = await say(store, "late", ticket=ticket)

    assert (resolved.continuation is None, resolved.cost) == (
        (True, 375_000) if ticket is None else (False, None)
    )
    assert await tickets(store) == ([] if ticket is None else [("next", "task-1")])


async def test_a_ticket_that_goes_on_is_no_other_jobs(store: Store) -> None:
    await a_lost_job(store)
    await say(store, ticket=TICKET)
    other = a_booked_job("other", ANN)
    await store.jobs.add(other)
    call = Attempt("other", 1, "ali", "account", "turbo", intent_ms=1, submit_by_ms=2)
    for change in (made_ready(Size(1280, 720)), intended(call, LEASE)):
        await store.jobs.change("other", change)

    taken = Settlement(1, Outcome.ACCEPTED, 9, ticket=TICKET)
    with pytest.raises(TicketTaken):
        await store.jobs.change("other", accepted(TICKET, "turbo", taken))


async def test_a_refusal_after_the_end_is_told_and_its_money_is_resolved(store: Store) -> None:
    await a_lost_job(store)
    refused = Settlement(1, Outcome.BUSY, 99, code="busy", message="too many")
    assert await store.jobs.change("lost", sent_back("ali", 5, refused), attempt=1) is None
    [told] = await store.doubts.open(5)
    counted = await store.doubts.counted()
    resolved = await say(store, is_charged=False)

    assert (told.call.outcome, told.call.message) == (Outcome.BUSY, "too many")
    assert sum(counted.values()) == 1
    assert resolved.released == 450_000
    assert await store.doubts.open(5) == []


async def test_the_link_outlives_a_restart_and_both_jobs(make: Make) -> None:
    async with opened(make) as store:
        await a_lost_job(store)
        await answered_late(store, "lost")
        await say(store)
        await brought_home(store, "next")
    async with opened(make) as store:
        links = [await store.doubts.links_of(each) for each in ("lost", "next")]
        for job_id in ("lost", "next"):
            delivery = await store.outbox.of(job_id)
            if delivery is not None:
                await store.jobs.change(job_id, hidden((await found(store, job_id)).state))
                await store.retention.forget(job_id)
            else:
                await store.retention.note_removed(job_id, Kept.ROW, 9)
        gone = [await store.jobs.find(each) for each in ("lost", "next")]
        again = await say(store, next_id="later")

    assert links == [JobLinks(None, "next"), JobLinks("lost", None)]
    assert gone == [None, None]
    assert again.continuation is not None
    assert again.continuation.continued_by == "next"
