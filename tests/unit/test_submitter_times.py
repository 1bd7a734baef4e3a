"""Who may call, and when: one submitter among others, slots, the breaker, a server that stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from desks import START_MS, UNREACHED, Desk
from orders import request
from scripted import until
from unstill.engines.remote import (
    Busy,
)
from unstill.job import Job, State, cancelled, wished_away
from unstill.ledger import Outcome
from unstill.route import LONGEST_ADVICE_MS
from unstill.turns import LINE_GAP_MS, PAUSES_MS, PROBE_WAIT_MS
from upstreams import ACCOUNT, ScriptedRemote, hang, ready

BUSY = Busy("Throttling", "later")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    await desk.backend.open()
    yield desk
    await desk.submitter.stop(1)
    await desk.backend.close()


# --- other hands -------------------------------------------------------------------------------


async def test_two_steps_of_one_job_make_one_call(desk: Desk) -> None:
    await desk.add("job")
    job = await desk.job()
    await asyncio.gather(*(desk.submitter.submit(job) for _ in range(5)))

    assert desk.first.submitted == ["job"]
    assert (await desk.job()).state is State.RUNNING


async def test_a_job_cancelled_just_before_the_call_is_not_sent(desk: Desk) -> None:
    await desk.add("job")
    desk.backend.overtaken[State.SUBMITTING] = cancelled(START_MS, is_hidden=False)
    job = await desk.step()

    assert job.state is State.CANCELLED
    assert desk.first.submitted == []
    assert await desk.backend.attempts("job") == []


async def test_a_job_whose_cancel_was_wished_during_a_call_in_vain_is_cancelled(
    desk: Desk,
) -> None:
    desk.first.submissions.append(BUSY)
    desk.backend.overtaken[State.READY] = wished_away(State.SUBMITTING)
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
    desk.backend.overtaken[State.RUNNING] = wished_away(State.SUBMITTING)
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
        await desk.backend.add(job)
    steps = [asyncio.create_task(submitter.submit(job)) for job in jobs]
    await until(lambda: sum(engine.under_way for engine in engines.values()) == 3)
    await asyncio.sleep(0.05)
    open_jobs = await desk.backend.interrupted()
    for engine in engines.values():
        engine.gate.set()
    await asyncio.gather(*steps)

    assert len(open_jobs) == 3
    assert sum(len(engine.submitted) for engine in engines.values()) == 10


async def test_a_slot_is_given_back_only_after_the_ticket_is_stored(desk: Desk) -> None:
    account = msgspec.structs.replace(ACCOUNT, slots=1)
    engine = ScriptedRemote("bailian", account)
    submitter = desk.opened({"bailian": engine})
    desk.backend.is_refused = lambda change: change.to is State.RUNNING
    await desk.add("1", "2")
    with capture_logs():
        steps = [asyncio.create_task(submitter.submit(await desk.job(each))) for each in "12"]
        await until(lambda: desk.backend.refused >= 3)
        called = list(engine.submitted)
        desk.backend.is_refused = lambda _: False
        await asyncio.gather(*steps)

    assert called == ["1"]
    assert engine.submitted == ["1", "2"]


# --- the breaker -------------------------------------------------------------------------------


async def test_a_closed_account_is_passed_over_for_another_engine(desk: Desk) -> None:
    await desk.close_account()
    await desk.add("job")
    after = await desk.step()

    assert (after.engine, after.due_ms, after.attempt) == ("gpu1", desk.now_ms, 0)
    assert "job" not in desk.first.submitted


async def test_jobs_wait_for_a_closed_account_each_for_a_moment_of_its_own(desk: Desk) -> None:
    await desk.close_account()
    desk.alone()
    names = [f"job-{number}" for number in range(5)]
    await desk.add(*names)
    dues_ms = [(await desk.step(name)).due_ms for name in names]

    assert dues_ms == [dues_ms[0] + number * LINE_GAP_MS for number in range(5)]
    assert dues_ms[0] > desk.now_ms
    assert len(desk.first.submitted) == 3


async def test_one_call_finds_out_whether_a_closed_account_is_well_again(desk: Desk) -> None:
    await desk.close_account()
    desk.alone()
    names = [f"job-{number}" for number in range(10)]
    await desk.add(*names)
    desk.now_ms += 60_000
    desk.first.gate.clear()
    steps = [asyncio.create_task(desk.step(name)) for name in names]
    await until(lambda: sum(step.done() for step in steps) == 9 and desk.first.under_way == 1)
    waiting = [step.result() for step in steps if step.done()]
    called = desk.first.submitted[3:]
    desk.first.gate.set()
    await asyncio.gather(*steps)

    assert len(called) == 1
    assert {job.state for job in waiting} == {State.READY}
    assert min(job.due_ms for job in waiting) == desk.now_ms + PROBE_WAIT_MS


async def test_one_call_finds_out_about_a_closed_account_whatever_its_model(desk: Desk) -> None:
    await desk.close_account()
    desk.alone()
    models = [f"model-{number}" for number in range(4)]
    for model in models:
        desk.routes[model] = ("bailian",)
        desk.first.upstream_models[model] = model
        await desk.add(model, model=model, request=request(model))
    desk.now_ms += 60_000
    desk.first.gate.clear()
    steps = [asyncio.create_task(desk.step(model)) for model in models]
    await until(lambda: desk.first.under_way + sum(step.done() for step in steps) == 4)
    called = desk.first.under_way
    desk.first.gate.set()
    await asyncio.gather(*steps)

    assert called == 1


async def test_an_account_that_takes_a_call_again_is_open_to_all(desk: Desk) -> None:
    await desk.close_account()
    desk.alone()
    names = [f"job-{number}" for number in range(10)]
    await desk.add(*names)
    desk.now_ms += 60_000
    await desk.step(names[0])
    desk.first.gate.clear()
    steps = [asyncio.create_task(desk.step(name)) for name in names[1:]]
    await until(lambda: desk.first.under_way == 9)
    desk.first.gate.set()
    jobs = await asyncio.gather(*steps)

    assert {job.state for job in jobs} == {State.RUNNING}


async def test_an_account_that_refuses_the_probe_is_left_alone_for_longer(desk: Desk) -> None:
    await desk.close_account()
    desk.alone()
    await desk.add("1", "2")
    desk.first.submission = UNREACHED
    desk.now_ms += 60_000
    await desk.step("1")
    second = await desk.step("2")

    assert second.due_ms == desk.now_ms + 10_000
    assert "2" not in desk.first.submitted


async def test_a_job_does_not_wait_for_an_account_past_its_deadline(desk: Desk) -> None:
    await desk.close_account()
    desk.alone()
    await desk.add("job", deadline_ms=desk.now_ms + 1_000)
    after = await desk.step()

    assert after.due_ms == after.deadline_ms


# --- a busy upstream ---------------------------------------------------------------------------


async def stepped(desk: Desk, *names: str) -> int:
    """How many calls a step of each makes."""
    before = len(desk.first.submitted)
    await asyncio.gather(*(desk.step(name) for name in names))
    return len(desk.first.submitted) - before


async def test_hundreds_of_jobs_of_a_busy_upstream_make_one_call_for_each_pause(
    desk: Desk,
) -> None:
    desk.alone()
    desk.first.submission = BUSY
    names = [f"job-{number}" for number in range(200)]
    await desk.add(*names)
    calls = []
    for pause_ms in (*PAUSES_MS, PAUSES_MS[-1], 0):
        calls.append(await stepped(desk, *names))
        desk.now_ms += pause_ms

    assert calls[0] <= ACCOUNT.slots
    assert calls[1:] == [1] * 5


async def test_a_busy_upstream_is_left_alone_by_all_for_as_long_as_it_says(desk: Desk) -> None:
    desk.alone()
    desk.first.submissions.append(Busy("429", "later", retry_after_s=42))
    await desk.add("told", "other")
    await desk.step("told")
    other = await desk.step("other")
    desk.now_ms += 41_999
    too_soon = await stepped(desk, "other")
    desk.now_ms += 1
    then = await desk.step("other")

    assert (other.state, other.attempt) == (State.READY, 0)
    assert other.due_ms >= START_MS + 42_000
    assert too_soon == 0
    assert then.state is State.RUNNING


async def test_a_call_that_was_being_prepared_when_the_upstream_became_busy_is_not_made(
    desk: Desk,
) -> None:
    account = msgspec.structs.replace(ACCOUNT, slots=1)
    engine = ScriptedRemote("bailian", account)
    submitter = desk.opened({"bailian": engine})
    desk.alone()
    engine.gate.clear()
    engine.submissions.append(BUSY)
    await desk.add("1", "2")
    steps = [asyncio.create_task(submitter.submit(await desk.job(each))) for each in "12"]
    await until(lambda: engine.under_way == 1)
    engine.gate.set()
    await asyncio.gather(*steps)
    second = await desk.job("2")

    assert engine.submitted == ["1"]
    assert (second.state, second.attempt) == (State.READY, 0)
    assert second.due_ms >= START_MS + PAUSES_MS[0]


async def test_calls_that_are_told_busy_side_by_side_pause_once(desk: Desk) -> None:
    desk.alone()
    desk.first.submission = BUSY
    desk.first.gate.clear()
    names = [f"job-{number}" for number in range(5)]
    await desk.add(*names, "after")
    steps = [asyncio.create_task(desk.step(name)) for name in names]
    await until(lambda: desk.first.under_way == 5)
    desk.first.gate.set()
    await asyncio.gather(*steps)
    after = await desk.step("after")

    assert START_MS + PAUSES_MS[0] <= after.due_ms < START_MS + PAUSES_MS[1]


async def test_a_busy_upstream_that_takes_a_call_again_is_open_to_all(desk: Desk) -> None:
    desk.alone()
    desk.first.submissions.append(BUSY)
    names = [f"job-{number}" for number in range(8)]
    await desk.add("told", *names)
    await desk.step("told")
    desk.now_ms += PAUSES_MS[0]
    probe = await stepped(desk, names[0])
    rest = await stepped(desk, *names[1:])

    assert (probe, rest) == (1, 7)


async def test_jobs_that_wait_in_line_are_not_written_again_and_again(desk: Desk) -> None:
    desk.alone()
    desk.first.submission = BUSY
    names = [f"job-{number}" for number in range(20)]
    await desk.add("told", *names)
    await desk.step("told")
    told: list[Job] = []
    desk.backend.listen(told.append)
    for _ in range(3):
        await asyncio.gather(*(desk.step(name) for name in names))

    assert told == []


async def test_a_pause_of_minutes_is_stored_for_the_expected_end(desk: Desk) -> None:
    desk.alone()
    desk.first.submissions.append(Busy("429", "later", retry_after_s=300))
    await desk.add("told", "job")
    await desk.step("told")
    await desk.step("job")

    assert (await desk.job("job")).due_ms >= START_MS + 300_000


async def test_another_model_of_a_busy_account_goes_on(desk: Desk) -> None:
    desk.routes["other"] = ("bailian",)
    desk.first.upstream_models["other"] = "wan2.6-i2v"
    desk.alone()
    desk.first.submissions.append(BUSY)
    await desk.add("told")
    await desk.add("job", model="other", request=request("other"))
    await desk.step("told")
    job = await desk.step("job")

    assert job.state is State.RUNNING


async def test_a_busy_upstream_is_passed_over_for_another_engine(desk: Desk) -> None:
    desk.first.submissions.append(BUSY)
    await desk.add("told", "job")
    await desk.step("told")
    after = await desk.step("job")

    assert (after.engine, after.due_ms, after.attempt) == ("gpu1", START_MS, 0)


async def test_a_call_turned_away_by_a_busy_upstream_is_made_elsewhere_at_once(desk: Desk) -> None:
    account = msgspec.structs.replace(ACCOUNT, slots=1)
    desk.first.account = account
    submitter = desk.opened({"bailian": desk.first, "gpu1": desk.second})
    desk.first.gate.clear()
    desk.first.submissions.append(Busy("429", "later", retry_after_s=300))
    await desk.add("1", "2")
    steps = [asyncio.create_task(submitter.submit(await desk.job(each))) for each in "12"]
    await until(lambda: desk.first.under_way == 1)
    desk.first.gate.set()
    await asyncio.gather(*steps)
    second = await desk.job("2")

    assert desk.first.submitted == ["1"]
    assert (second.engine, second.due_ms, second.attempt) == ("gpu1", START_MS, 0)


async def test_a_job_that_was_told_to_wait_for_days_goes_on_with_the_others(desk: Desk) -> None:
    desk.alone()
    desk.first.submissions.append(Busy("429", "later", retry_after_s=999_999))
    await desk.add("told", deadline_ms=START_MS + 24 * 3_600_000)
    told = await desk.step("told")
    desk.now_ms = told.due_ms
    then = await desk.step("told")

    assert told.due_ms == START_MS + LONGEST_ADVICE_MS
    assert then.state is State.RUNNING


async def test_a_call_that_was_to_find_out_and_is_cancelled_leaves_that_to_the_next(
    desk: Desk,
) -> None:
    desk.alone()
    desk.first.submissions.append(BUSY)
    await desk.add("told", "probe", "next")
    await desk.step("told")
    desk.now_ms += PAUSES_MS[0]
    desk.first.prepare_gate.clear()
    probe = asyncio.create_task(desk.step("probe"))
    await until(lambda: desk.first.preparing == 1)
    beside = await desk.step("next")
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    desk.first.prepare_gate.set()
    desk.now_ms = beside.due_ms
    after = await desk.step("next")

    assert (beside.state, beside.due_ms) == (State.READY, START_MS + PAUSES_MS[0] + PROBE_WAIT_MS)
    assert after.state is State.RUNNING
    assert desk.first.submitted == ["told", "next"]


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
