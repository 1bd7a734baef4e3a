"""What is busy is left alone by all jobs, for a pause."""

from __future__ import annotations

import asyncio

import msgspec

from support.scripted_upstream import ACCOUNT, ScriptedRemote
from support.upstream_requests import request
from support.upstream_steps import BUSY, START_MS, Desk
from support.waits import until
from unstill.domain.backoff import MODEL
from unstill.domain.job import State
from unstill.steps.cooldown import PROBE_WAIT_MS
from unstill.steps.failover import LONGEST_ADVICE_MS
from unstill.upstreams.port import Busy


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
    for pause_ms in (*MODEL.pauses_ms, MODEL.longest_ms, 0):
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
    _, put_off = await asyncio.gather(*steps)
    second = await desk.job("2")

    assert engine.submitted == ["1"]
    assert (second.state, second.attempt) == (State.READY, 0)
    assert put_off is not None
    assert put_off.until_ms >= START_MS + MODEL.first_ms


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

    assert START_MS + MODEL.first_ms <= after.due_ms < START_MS + MODEL.after_ms(2)


async def test_a_busy_upstream_that_takes_a_call_again_is_open_to_all(desk: Desk) -> None:
    desk.alone()
    desk.first.submissions.append(BUSY)
    names = [f"job-{number}" for number in range(8)]
    await desk.add("told", *names)
    await desk.step("told")
    desk.now_ms += MODEL.first_ms
    probe = await stepped(desk, names[0])
    rest = await stepped(desk, *names[1:])

    assert (probe, rest) == (1, 7)


async def test_jobs_that_wait_in_line_are_not_written_again_and_again(desk: Desk) -> None:
    desk.alone()
    desk.first.submission = BUSY
    names = [f"job-{number}" for number in range(20)]
    await desk.add("told", *names)
    await desk.step("told")
    desk.told.clear()
    for _ in range(3):
        await asyncio.gather(*(desk.step(name) for name in names))

    assert desk.told == []


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
    desk.now_ms += MODEL.first_ms
    desk.first.prepare_gate.clear()
    probe = asyncio.create_task(desk.step("probe"))
    await until(lambda: desk.first.preparing == 1)
    beside = await desk.step("next")
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    desk.first.prepare_gate.set()
    desk.now_ms = beside.due_ms
    after = await desk.step("next")

    assert (beside.state, beside.due_ms) == (State.READY, START_MS + MODEL.first_ms + PROBE_WAIT_MS)
    assert after.state is State.RUNNING
    assert desk.first.submitted == ["told", "next"]
