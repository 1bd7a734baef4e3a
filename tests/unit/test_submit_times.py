"""Who may call, and when: one submitter among others, slots, the breaker, a server that stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from structlog.testing import capture_logs

from support.scripted_upstream import ACCOUNT, ScriptedRemote, hang, ready
from support.upstream_steps import BUSY, START_MS, Desk
from support.waits import until
from unstill.domain.attempts import Outcome
from unstill.domain.job import State, cancel_requested, cancelled

# --- other hands -------------------------------------------------------------------------------


async def test_two_steps_of_one_job_make_one_call(desk: Desk) -> None:
    await desk.add("job")
    job = await desk.job()
    await asyncio.gather(*(desk.submitter.submit(job) for _ in range(5)))

    assert desk.first.submitted == ["job"]
    assert (await desk.job()).state is State.RUNNING


async def test_a_job_cancelled_just_before_the_call_is_not_sent(desk: Desk) -> None:
    await desk.add("job")
    desk.store.overtaken[State.SUBMITTING] = cancelled(START_MS, is_hidden=False)
    job = await desk.step()

    assert job.state is State.CANCELLED
    assert desk.first.submitted == []
    assert await desk.store.attempts.of("job") == []


async def test_a_job_whose_cancel_was_wished_during_a_call_in_vain_is_cancelled(
    desk: Desk,
) -> None:
    desk.first.submissions.append(BUSY)
    desk.store.overtaken[State.READY] = cancel_requested(State.SUBMITTING)
    await desk.add("job")
    job = await desk.step()

    assert (job.state, job.is_hidden) == (State.CANCELLED, True)
    assert desk.second.submitted == []


async def test_a_job_whose_cancel_is_wished_is_not_sent(desk: Desk) -> None:
    await desk.add("job", wants_cancel=True)
    job = await desk.step()

    assert job.state is State.CANCELLED
    assert desk.first.submitted == []


async def test_a_wish_during_a_call_that_is_accepted_is_left_to_the_watch(desk: Desk) -> None:
    desk.store.overtaken[State.RUNNING] = cancel_requested(State.SUBMITTING)
    await desk.add("job")
    job = await desk.step()

    assert (job.state, job.wants_cancel, job.ticket) == (State.RUNNING, True, "task-job-1")


# --- slots -------------------------------------------------------------------------------------


async def test_no_more_attempts_of_an_account_are_open_than_it_has_slots(desk: Desk) -> None:
    account = msgspec.structs.replace(ACCOUNT, slots=3)
    names = ("bailian", "bailian2")
    engines = {name: ScriptedRemote(name, account) for name in names}
    submitter = desk.opened(engines)
    for engine in engines.values():
        engine.gate.clear()
    jobs = [ready(f"{name}-{number}", name) for name in names for number in range(5)]
    for job in jobs:
        await desk.store.jobs.add(job)
    steps = [asyncio.create_task(submitter.submit(job)) for job in jobs]
    await until(lambda: sum(engine.under_way for engine in engines.values()) == 3)
    await asyncio.sleep(0.05)
    open_jobs = await desk.store.backlog.interrupted(server="another", now_ms=desk.now_ms)
    for engine in engines.values():
        engine.gate.set()
    await asyncio.gather(*steps)

    assert len(open_jobs) == 3
    assert sum(len(engine.submitted) for engine in engines.values()) == 10


async def test_a_slot_is_given_back_only_after_the_ticket_is_stored(desk: Desk) -> None:
    account = msgspec.structs.replace(ACCOUNT, slots=1)
    engine = ScriptedRemote("bailian", account)
    submitter = desk.opened({"bailian": engine})
    desk.store.is_refused = lambda change: change.to is State.RUNNING
    await desk.add("1", "2")
    with capture_logs():
        steps = [asyncio.create_task(submitter.submit(await desk.job(each))) for each in "12"]
        await until(lambda: desk.store.refused >= 3)
        called = list(engine.submitted)
        desk.store.is_refused = lambda _: False
        await asyncio.gather(*steps)

    assert called == ["1"]
    assert engine.submitted == ["1", "2"]


# --- the end of a server -----------------------------------------------------------------------


async def test_a_server_that_stops_waits_for_a_call_and_stores_its_ticket(desk: Desk) -> None:
    desk.first.gate.clear()
    await desk.add("job")
    step = asyncio.create_task(desk.step())
    await until(lambda: desk.first.under_way == 1)
    step.cancel()
    stop = asyncio.create_task(desk.submitter.stop(5))
    await asyncio.sleep(0.02)
    is_waiting = not stop.done()
    desk.first.gate.set()
    await stop

    assert is_waiting
    assert ((await desk.job()).state, (await desk.job()).ticket) == (State.RUNNING, "task-job-1")


async def test_a_server_that_stops_begins_no_call(desk: Desk) -> None:
    account = msgspec.structs.replace(ACCOUNT, slots=1)
    engine = ScriptedRemote("bailian", account)
    submitter = desk.opened({"bailian": engine})
    engine.gate.clear()
    await desk.add("1", "2")
    steps = [asyncio.create_task(submitter.submit(await desk.job(each))) for each in "12"]
    await until(lambda: engine.under_way == 1)
    stop = asyncio.create_task(submitter.stop(5))
    await asyncio.sleep(0.02)
    engine.gate.set()
    await asyncio.gather(stop, *steps)

    assert engine.submitted == ["1"]
    assert (await desk.job("2")).state is State.READY


async def test_a_call_that_takes_too_long_for_a_stop_is_left_open_in_the_ledger(
    desk: Desk,
) -> None:
    desk.first.submissions.append(hang)
    await desk.add("job")
    step = asyncio.create_task(desk.step())
    await until(lambda: desk.first.under_way == 1)
    with capture_logs():
        await desk.submitter.stop(0.01)
    with suppress(asyncio.CancelledError):
        await step

    assert (await desk.job()).state is State.SUBMITTING
    assert (await desk.last()).outcome is Outcome.OPEN
