"""The pool of child programs: a cancelled task is stopped, and its child stays warm if it hears."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from structlog.testing import capture_logs

from support.child_pools import Words, children, is_alive, is_running, process_id, sleeping
from support.time_limits import quickest_s
from support.waits import PATIENCE_S, until
from unstill.domain.errors import EngineDied
from unstill.media.pool import Pool


async def cancelled(task: asyncio.Task[Any], *, times: int = 1) -> None:
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.05)
    await asyncio.wait([task])
    assert task.cancelled()


# --- heard, or not ------------------------------------------------------------------------------


async def test_a_child_that_hears_its_stop_stays_warm() -> None:
    async with children(stop_within_s=PATIENCE_S) as pool:
        async with sleeping(pool, "tick_for_ever") as (at_work, pid):
            await cancelled(at_work)

        assert [await process_id(pool) for _ in range(3)] == [pid] * 3


@pytest.mark.parametrize("task", ["note_and_sleep", "sleep_deaf"])
async def test_a_child_that_does_not_hear_its_stop_is_killed_and_replaced(task: str) -> None:
    async with children(stop_within_s=0.2) as pool, sleeping(pool, task) as (at_work, pid):
        with capture_logs() as logs:
            await cancelled(at_work)

        assert not is_running(pid)
        assert await process_id(pool) != pid
    [line] = [log for log in logs if log["event"] == "warm_child_lost"]
    assert line["why"] == "it did not leave its task within 0.2 s"


@pytest.mark.parametrize(("stop_within_s", "is_kept"), [(0.1, False), (PATIENCE_S, True)])
async def test_a_child_has_so_long_to_hear_and_no_longer(
    stop_within_s: float,
    is_kept: bool,  # noqa: FBT001
) -> None:
    async with (
        children(stop_within_s=stop_within_s) as pool,
        sleeping(pool, "tick_slowly") as (at_work, pid),
    ):
        await cancelled(at_work)

        assert (await process_id(pool) == pid) is is_kept


async def cancel_took_s(pool: Pool) -> float:
    async with sleeping(pool, "sleep_deaf") as (at_work, pid):
        began = time.monotonic()
        at_work.cancel()
        await asyncio.wait([at_work])
        took_s = time.monotonic() - began
        await until(lambda: not is_alive(pid))
        return took_s


async def test_a_child_that_is_deaf_to_all_is_gone_a_second_later() -> None:
    async with children(stop_within_s=0.2) as pool:
        assert await quickest_s(lambda: cancel_took_s(pool), below_s=1.2) < 1.2


@pytest.mark.parametrize("task", ["finish_when_stopped", "refuse_when_stopped"])
async def test_whatever_its_last_word_was_the_child_stays_warm(task: str) -> None:
    async with children(stop_within_s=PATIENCE_S) as pool, sleeping(pool, task) as (at_work, pid):
        await cancelled(at_work)

        assert await process_id(pool) == pid


async def test_a_child_that_crashes_over_its_stop_is_replaced() -> None:
    async with (
        children(stop_within_s=PATIENCE_S) as pool,
        sleeping(pool, "crash_when_stopped") as (at_work, pid),
    ):
        await cancelled(at_work)

        assert await process_id(pool) != pid


async def test_a_child_that_leaves_a_task_unasked_is_ended() -> None:
    async with children(stop_within_s=PATIENCE_S) as pool:
        before = await process_id(pool)
        with pytest.raises(EngineDied, match="left a task that nobody had stopped"):
            await pool.run("stop_by_itself", Words(), int)

        assert await process_id(pool) != before


# --- the stop and the next task -----------------------------------------------------------------


async def test_a_stop_that_comes_as_its_task_ends_hits_no_other() -> None:
    async with children(stop_within_s=PATIENCE_S) as pool:
        pid = await process_id(pool)
        for pause_ms in range(8, 24, 2):
            napping = asyncio.create_task(pool.run("nap", Words(number=15), int))
            await asyncio.sleep(pause_ms / 1000)
            napping.cancel()
            await asyncio.wait([napping])

            assert await pool.run("count", Words(number=50), int) == 50
        assert await process_id(pool) == pid


async def test_a_task_cancelled_before_a_child_has_it_costs_nothing() -> None:
    async with children(stop_within_s=PATIENCE_S) as pool:
        before = await process_id(pool)
        at_work = asyncio.create_task(pool.run("tick", Words(number=8), int))
        waiting = [asyncio.create_task(process_id(pool)) for _ in range(3)]
        await asyncio.sleep(0.1)
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)

        assert await at_work == 8
        assert await process_id(pool) == before


async def test_a_stopped_task_gives_its_child_to_who_waits() -> None:
    async with (
        children(stop_within_s=PATIENCE_S) as pool,
        sleeping(pool, "tick_for_ever") as (at_work, pid),
    ):
        waiting = asyncio.create_task(process_id(pool))
        await asyncio.sleep(0.05)
        await cancelled(at_work)

        assert await waiting == pid


# --- cancelled again, closed --------------------------------------------------------------------


async def test_a_second_cancel_loses_neither_the_child_nor_its_slot() -> None:
    async with (
        children(stop_within_s=PATIENCE_S) as pool,
        sleeping(pool, "tick_slowly") as (at_work, pid),
    ):
        await cancelled(at_work, times=3)

        assert await process_id(pool) == pid
    assert pool._empty == [0]


async def test_a_second_cancel_does_not_let_a_deaf_child_live() -> None:
    async with (
        children(stop_within_s=0.2) as pool,
        sleeping(pool, "sleep_deaf") as (at_work, pid),
    ):
        await cancelled(at_work, times=2)

        assert await process_id(pool) != pid
        assert not is_running(pid)
    assert pool._empty == [0]


async def test_a_pool_whose_tasks_were_stopped_in_every_way_has_all_of_its_slots() -> None:
    tasks: dict[str, type[Any]] = {"tick": int, "nap": int, "rest": type(None), "echo": Words}
    async with children(size=2, stop_within_s=0.3, DEVICE=str) as pool:
        for pause_s in (0, 0.01, 0.05, 0.2, 0.5):
            started = [
                asyncio.create_task(pool.run(task, Words(number=10), result))
                for task, result in tasks.items()
            ]
            for _ in range(2):
                await asyncio.sleep(pause_s)
                for each in started:
                    each.cancel()
            await asyncio.wait(started)
        devices = await asyncio.gather(*(pool.run("device", Words(), str) for _ in range(6)))

    assert set(devices) <= {"0", "1"}
    assert sorted(pool._empty) == [0, 1]


@pytest.mark.parametrize("task", ["note_and_sleep", "sleep_deaf"])
async def test_closing_waits_for_nobody_who_is_to_hear_a_stop(task: str) -> None:
    async with children(stop_within_s=PATIENCE_S) as pool, sleeping(pool, task) as (at_work, pid):
        at_work.cancel()
        await asyncio.sleep(0.05)
        began = time.monotonic()
        with capture_logs() as logs:
            await pool.close()

        assert time.monotonic() - began < PATIENCE_S / 2
        assert not is_running(pid)
        await asyncio.wait([at_work])
        assert at_work.cancelled()
        assert logs == []


async def test_a_stopped_child_that_is_killed_meanwhile_is_replaced() -> None:
    async with (
        children(stop_within_s=PATIENCE_S) as pool,
        sleeping(pool, "note_and_sleep") as (at_work, pid),
    ):
        at_work.cancel()
        await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        await asyncio.wait([at_work])

        assert at_work.cancelled()
        assert await process_id(pool) != pid


@pytest.mark.parametrize(
    "truth",
    [
        test_a_child_that_hears_its_stop_stays_warm,
        test_a_child_that_is_deaf_to_all_is_gone_a_second_later,
        test_a_stop_that_comes_as_its_task_ends_hits_no_other,
        test_a_second_cancel_loses_neither_the_child_nor_its_slot,
        test_a_second_cancel_does_not_let_a_deaf_child_live,
    ],
)
def test_the_same_holds_on_the_loop_that_the_server_runs(
    truth: Callable[[], Awaitable[None]],
) -> None:
    async def hold() -> None:
        await truth()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(hold())
