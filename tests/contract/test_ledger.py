"""What every job store keeps to about calls that may cost, and about jobs at upstreams."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from support.jobs import OWNER, a_job
from support.leases import ENDED
from unstill.domain.attempts import Attempt, Outcome, Settlement
from unstill.domain.errors import StorageFailed, TicketTaken
from unstill.domain.job import (
    Change,
    Failure,
    Job,
    Result,
    State,
    accepted,
    apply,
    arrived,
    cancel_requested,
    cancelled,
    deferred,
    failed,
    hidden,
    intended,
    lost,
    put_back,
    sent_back,
    unprepared,
)
from unstill.steps.submit_outcome import found_open
from unstill.store.ports.backlog import TicketRow
from unstill.store.ports.store import Store

TICKET = Settlement(1, Outcome.ACCEPTED, 1_000, ticket="task-1")
BUSY = Settlement(1, Outcome.BUSY, 1_000, code="429", message="later", retry_after_ms=7_000)
REFUSED = Settlement(1, Outcome.REFUSED, 1_000, code="401", message="no", of_account=True)
UNKNOWN = Settlement(1, Outcome.UNKNOWN, 1_000, code="submit_unknown", message="the server died")


def ready(job_id: str = "job", **fields: Any) -> Job:
    return a_job(**{"id": job_id, "state": State.READY, "engine": "bailian"} | fields)


def an_attempt(job_id: str = "job", n: int = 1, **fields: Any) -> Attempt:
    attempt = Attempt(
        job_id=job_id,
        n=n,
        engine="bailian",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=100,
        submit_by_ms=60_100,
    )
    return msgspec.structs.replace(attempt, **fields)


async def submitting(store: Store, job_id: str = "job", **fields: Any) -> None:
    await store.jobs.add(ready(job_id, **fields))
    assert (
        await store.jobs.change(job_id, intended(an_attempt(job_id), ENDED), attempt=0) is not None
    )


# --- the call ----------------------------------------------------------------------------------


async def test_an_intent_is_written_together_with_the_move(store: Store) -> None:
    await store.jobs.add(ready())
    moved = await store.jobs.change("job", intended(an_attempt(), ENDED), attempt=0)

    assert moved is not None
    assert (moved.state, moved.attempt) == (State.SUBMITTING, 1)
    assert await store.attempts.of("job") == [an_attempt()]


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
async def test_a_job_that_is_not_ready_gets_no_attempt(store: Store, state: State) -> None:
    await store.jobs.add(ready(state=state))

    assert await store.jobs.change("job", intended(an_attempt(), ENDED), attempt=0) is None
    assert await store.attempts.of("job") == []


async def test_two_submitters_of_one_job_write_one_attempt(store: Store) -> None:
    await submitting(store)

    assert await store.jobs.change("job", intended(an_attempt(), ENDED), attempt=0) is None
    assert await store.attempts.of("job") == [an_attempt()]


async def test_an_attempt_that_is_there_stops_the_move_to_a_second_call(store: Store) -> None:
    await submitting(store)
    await store.jobs.change("job", sent_back("bailian", 0, BUSY), attempt=1)

    with pytest.raises(StorageFailed):
        await store.jobs.change("job", intended(an_attempt(n=1), ENDED), attempt=1)
    found = await store.jobs.find("job")
    assert found is not None
    assert found.state is State.READY


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (accepted("task-1", "wan2.7-i2v", TICKET), State.RUNNING),
        (sent_back("gpu1", 9_000, BUSY), State.READY),
        (failed(Failure("401", "no"), 1_000, closes=REFUSED), State.FAILED),
        (failed(Failure("submit_unknown", "lost"), 1_000, closes=UNKNOWN), State.FAILED),
    ],
    ids=["accepted", "busy", "refused", "unknown"],
)
async def test_what_a_call_came_to_is_written_together_with_the_move(
    store: Store, change: Change, state: State
) -> None:
    await submitting(store)
    moved = await store.jobs.change("job", change, attempt=1)

    assert moved is not None
    assert moved.state is state
    assert change.closes is not None
    expected = msgspec.structs.replace(an_attempt(), **msgspec.structs.asdict(change.closes))
    assert await store.attempts.of("job") == [expected]


async def test_an_accepted_job_carries_its_ticket(store: Store) -> None:
    await submitting(store)
    moved = await store.jobs.change("job", accepted("task-1", "wan2.7-i2v", TICKET), attempt=1)

    assert moved is not None
    assert (moved.ticket, moved.upstream_model, moved.started_ms) == ("task-1", "wan2.7-i2v", 1_000)
    assert moved == await store.jobs.find("job")


async def test_a_call_that_was_not_made_is_in_the_ledger_and_counted(store: Store) -> None:
    note = an_attempt(outcome=Outcome.UNPREPARED, code="upstream_error", settled_ms=100)
    await store.jobs.add(ready())
    moved = await store.jobs.change("job", unprepared(note, "gpu1", 5_000), attempt=0)

    assert moved is not None
    assert (moved.state, moved.attempt, moved.engine) == (State.READY, 1, "gpu1")
    assert await store.attempts.of("job") == [note]


async def test_a_job_that_waits_for_another_engine_is_on_its_lane(store: Store) -> None:
    await store.jobs.add(ready())
    moved = await store.jobs.change("job", deferred("gpu1", 5_000), attempt=0)

    assert moved is not None
    assert (moved.lane, moved.due_ms, moved.attempt) == ("engine:gpu1", 5_000, 0)


# --- late and lost -----------------------------------------------------------------------------


async def test_a_ticket_that_comes_late_is_noted_and_does_not_revive_the_job(
    store: Store,
) -> None:
    await submitting(store)
    job = await store.jobs.find("job")
    assert job is not None
    await store.jobs.change("job", found_open(job, 500))
    late = await store.jobs.change("job", accepted("task-1", "wan2.7-i2v", TICKET), attempt=1)

    assert late is None
    after = await store.jobs.find("job")
    assert after is not None
    assert (after.state, after.ticket) == (State.FAILED, None)
    assert [(each.outcome, each.ticket) for each in await store.attempts.of("job")] == [
        (Outcome.ACCEPTED, "task-1")
    ]


async def test_a_ticket_stays_when_somebody_gives_the_call_up_later(store: Store) -> None:
    await submitting(store)
    job = await store.jobs.find("job")
    assert job is not None
    await store.jobs.change("job", accepted("task-1", "wan2.7-i2v", TICKET), attempt=1)
    too_late = await store.jobs.change("job", found_open(job, 2_000))

    assert too_late is None
    assert [(each.outcome, each.ticket) for each in await store.attempts.of("job")] == [
        (Outcome.ACCEPTED, "task-1")
    ]


async def test_a_call_that_a_dead_server_made_ends_its_job_as_unknown(store: Store) -> None:
    await submitting(store)
    (found,) = await store.backlog.interrupted(server="another", now_ms=1)
    ended = await store.jobs.change("job", found_open(found.job, 500))

    assert ended is not None
    assert ended.failure is not None
    assert (ended.state, ended.failure.code) == (State.FAILED, "submit_unknown")
    assert (await store.attempts.of("job"))[0].outcome is Outcome.UNKNOWN
    assert await store.backlog.interrupted(server="another", now_ms=1) == []


async def test_only_what_was_under_way_here_is_interrupted(store: Store) -> None:
    for state in State:
        await store.jobs.add(ready(f"at home, {state}", state=state))
        await store.jobs.add(ready(f"away, {state}", state=state, ticket="task"))

    interrupted = await store.backlog.interrupted(server="another", now_ms=1)
    found = [each.job.id for each in interrupted]

    assert found == ["at home, running", "at home, submitting", "away, submitting"]


async def test_what_an_upstream_has_is_never_put_back_for_a_render(store: Store) -> None:
    await store.jobs.add(ready("away", state=State.RUNNING, ticket="task-1"))
    await store.jobs.add(ready("here", state=State.RUNNING))

    away = await store.jobs.change("away", put_back(5, died=False))
    here = await store.jobs.change("here", put_back(5, died=False))

    assert away is None
    assert here is not None
    assert here.state is State.READY


@pytest.mark.parametrize("ticket", [None, "task-1"])
def test_put_back_means_the_same_without_a_database(ticket: str | None) -> None:
    job = ready(state=State.RUNNING, ticket=ticket)

    after = apply(job, put_back(5, died=False))

    assert (after is None) == (ticket is not None)


async def test_a_job_that_its_upstream_lost_has_no_ticket_any_more(store: Store) -> None:
    await submitting(store)
    await store.jobs.change("job", accepted("task-1", "wan2.7-i2v", TICKET), attempt=1)
    moved = await store.jobs.change("job", lost(5_000), attempt=1)

    assert moved is not None
    assert (moved.state, moved.ticket, moved.upstream_model) == (State.READY, None, None)
    assert [row async for rows in store.backlog.tickets() for row in rows] == []


async def test_a_finished_video_at_an_upstream_is_kept_with_its_figures(store: Store) -> None:
    result = Result("https://upstream.example/v.mp4?sig=1", {"duration": 5, "fps": 29.97})
    await store.jobs.add(ready(state=State.RUNNING, ticket="task-1"))
    await store.jobs.change("job", arrived(result))
    found = await store.jobs.find("job")

    assert found is not None
    assert (found.state, found.result, found.ticket) == (State.SAVING, result, "task-1")


# --- wishes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [State.SUBMITTING, State.RUNNING])
@pytest.mark.parametrize("is_hidden", [True, False])
async def test_a_wish_is_noted_and_the_job_goes_on(
    store: Store, state: State, *, is_hidden: bool
) -> None:
    await store.jobs.add(ready(state=state))
    noted = await store.jobs.change("job", cancel_requested(state, is_hidden=is_hidden))

    assert noted is not None
    assert (noted.state, noted.wants_cancel, noted.is_hidden) == (state, True, is_hidden)


async def test_a_job_cancelled_before_its_call_gets_none(store: Store) -> None:
    await store.jobs.add(ready())
    await store.jobs.change("job", cancelled(5, is_hidden=False))

    assert await store.jobs.change("job", intended(an_attempt(), ENDED), attempt=0) is None


# --- lists -------------------------------------------------------------------------------------


async def test_tickets_are_those_of_jobs_that_run_at_an_upstream(store: Store) -> None:
    await store.jobs.add(ready("1", state=State.RUNNING))  # rendered here
    await store.jobs.add(ready("2", state=State.SAVING, ticket="task-2"))
    await store.jobs.add(
        ready(
            "3",
            state=State.RUNNING,
            attempt=4,
            ticket="task-3",
            upstream_model="wan2.6-i2v",
            started_ms=5,
            deadline_ms=6,
            wants_cancel=True,
            request_id="request-3",
        )
    )

    found = [row async for rows in store.backlog.tickets() for row in rows]

    row = TicketRow("3", 4, "bailian", "task-3", "wan2.6-i2v", 5, 6, True, OWNER, "request-3")
    assert found == [row]


async def test_more_tickets_than_one_read_gives_come_all_and_once(store: Store) -> None:
    for number in range(1_001):
        await store.jobs.add(ready(f"{number:04}", state=State.RUNNING, ticket=f"task-{number}"))

    chunks = [len(rows) async for rows in store.backlog.tickets()]

    assert sum(chunks) == 1_001
    assert len(chunks) > 1


async def test_recent_attempts_are_the_settled_ones_of_the_account_newest_first(
    store: Store,
) -> None:
    for number, settled_ms in enumerate([300, 100, 200]):
        await submitting(store, f"job-{number}")
        settlement = msgspec.structs.replace(BUSY, settled_ms=settled_ms)
        await store.jobs.change(f"job-{number}", sent_back("bailian", 0, settlement), attempt=1)
    await submitting(store, "open")
    await store.jobs.add(ready("other"))
    await store.jobs.change(
        "other", intended(an_attempt("other", account="another"), ENDED), attempt=0
    )
    await store.jobs.change("other", sent_back("bailian", 0, BUSY), attempt=1)

    recent = await store.attempts.recent("account", 2)

    assert [attempt.settled_ms for attempt in recent] == [300, 200]


async def test_the_ledger_goes_with_the_row_and_not_before(store: Store) -> None:
    await submitting(store)
    await store.jobs.change("job", hidden(State.SUBMITTING))
    await store.retention.forget("job")
    before = await store.attempts.of("job")
    await store.jobs.change("job", failed(Failure("401", "no"), 1_000, closes=REFUSED), attempt=1)
    await store.retention.forget("job")

    assert len(before) == 1
    assert await store.jobs.find("job") is None
    assert await store.attempts.of("job") == []


# --- tickets -----------------------------------------------------------------------------------


async def test_a_ticket_that_another_job_of_the_account_has_is_refused_and_nothing_is_written(
    store: Store,
) -> None:
    await submitting(store, "first")
    await submitting(store, "second")
    change = accepted("task-1", "wan2.7-i2v", TICKET)
    await store.jobs.change("first", change, attempt=1)

    with pytest.raises(TicketTaken, match="'task-1'"):
        await store.jobs.change("second", change, attempt=1)
    second = await store.jobs.find("second")
    assert second is not None
    assert (second.state, second.ticket) == (State.SUBMITTING, None)
    assert await store.attempts.of("second") == [an_attempt("second")]


async def test_two_equal_tickets_in_one_commit_are_not_both_taken(store: Store) -> None:
    ids = [f"job-{number}" for number in range(8)]
    for job_id in ids:
        await submitting(store, job_id)
    change = accepted("task-1", "wan2.7-i2v", TICKET)
    found = await asyncio.gather(
        *(store.jobs.change(job_id, change, attempt=1) for job_id in ids), return_exceptions=True
    )

    assert [isinstance(each, TicketTaken) for each in found].count(False) == 1


async def test_another_account_or_the_job_itself_may_have_the_same_ticket(store: Store) -> None:
    await submitting(store, "first")
    change = accepted("task-1", "wan2.7-i2v", TICKET)
    await store.jobs.change("first", change, attempt=1)
    await store.jobs.change("first", lost(0), attempt=1)
    await store.jobs.change("first", intended(an_attempt("first", n=2), ENDED), attempt=1)
    again = msgspec.structs.replace(TICKET, n=2)
    own = await store.jobs.change("first", accepted("task-1", "wan2.7-i2v", again), attempt=2)
    await store.jobs.add(ready("other"))
    elsewhere = an_attempt("other", account="another")
    await store.jobs.change("other", intended(elsewhere, ENDED), attempt=0)
    others = await store.jobs.change("other", change, attempt=1)

    assert own is not None
    assert others is not None
    assert own.ticket == others.ticket == "task-1"
