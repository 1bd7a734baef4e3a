"""An account that refuses every call is asked by one at a time."""

from __future__ import annotations

import asyncio

from support.upstream_requests import request
from support.upstream_steps import UNREACHED, Desk
from support.waits import until
from unstill.domain.job import State
from unstill.steps.cooldown import PROBE_WAIT_MS, WAITER_GAP_MS


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

    assert dues_ms == [dues_ms[0] + number * WAITER_GAP_MS for number in range(5)]
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
