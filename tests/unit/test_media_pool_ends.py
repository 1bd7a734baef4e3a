"""The pool of child programs: deaths, cancels, and the end of the pool itself."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from support.child_pools import (
    UNIT_TESTS,
    Words,
    children,
    died_idle,
    is_alive,
    is_running,
    open_files,
    process_id,
    sleeping,
)
from support.time_limits import quickest_s
from support.waits import PATIENCE_S, until
from unstill.domain.errors import (
    EngineDied,
    ShuttingDown,
)
from unstill.media.pool import Pool

# --- answers ------------------------------------------------------------------------------------


async def test_lines_of_many_megabytes_pass_both_ways() -> None:
    long = Words(text="帧" * 3_000_000)

    async with children() as pool:
        echoed = await pool.run("echo", long, Words)
        swollen = await pool.run("swell", Words(number=8_000_000), str)

    assert echoed == long
    assert len(swollen) == 8_000_000


# --- deaths -------------------------------------------------------------------------------------


async def test_a_crash_is_told_with_its_last_words_and_the_child_is_replaced() -> None:
    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(EngineDied, match=r"media_children crash \(exit status 70\)") as death:
            await pool.run("crash", Words(text="by nothing"), int)

        assert "ZeroDivisionError: by nothing" in death.value.last_words
        assert await process_id(pool) != before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_a_killed_child_is_told_with_the_signal(number: signal.Signals) -> None:
    async with children() as pool:
        with pytest.raises(EngineDied, match=f"killed by signal {number}"):
            await pool.run("die", Words(number=number), int)

        assert await pool.run("echo", Words(number=1), Words) == Words(number=1)


async def test_a_crash_inside_a_decoder_says_where() -> None:
    async with children() as pool:
        with pytest.raises(EngineDied) as death:
            await pool.run("die", Words(number=signal.SIGSEGV), int)

    assert "Segmentation fault" in death.value.last_words
    assert "in die" in death.value.last_words


async def test_a_child_that_died_idle_costs_no_task() -> None:
    async with children() as pool:
        before = await process_id(pool)
        os.kill(before, signal.SIGKILL)
        await died_idle(pool)

        assert await process_id(pool) != before


async def test_a_child_killed_in_the_moment_it_is_asked_is_a_death_or_a_replacement() -> None:
    async with children() as pool:
        for wait_ms in (0, 0.5, 1, 1.5, 2, 2.5, 3, 4):
            os.kill(await process_id(pool), signal.SIGKILL)
            await asyncio.sleep(wait_ms / 1000)
            try:
                assert await process_id(pool) > 0
            except EngineDied as death:
                assert "killed by signal 9" in str(death)  # noqa: PT017  - either end is right


async def test_last_words_are_those_of_the_task_that_died() -> None:
    async with children() as pool:
        await pool.run("chat", Words(text="an earlier warning"), int)
        with pytest.raises(EngineDied) as death:
            await pool.run("die", Words(number=signal.SIGKILL), int)

    assert death.value.last_words == ""


@pytest.mark.parametrize("tenths_of_ms", [1, 2, 4, 8, 16])
async def test_a_last_word_said_while_dying_counts_and_nothing_hangs(tenths_of_ms: int) -> None:
    async with children() as pool:
        await pool.run("echo", Words(), Words)
        try:
            answer: object = await pool.run(
                "finish_and_die", Words(number=tenths_of_ms), int, timeout_s=PATIENCE_S
            )
        except EngineDied as death:
            answer = str(death)

    assert answer == 1 or "killed by signal 14" in str(answer)


async def test_what_a_dead_child_left_behind_is_killed_and_holds_nothing_up(
    tmp_path: Path,
) -> None:
    note = tmp_path / "left"

    async with children() as pool:
        with pytest.raises(EngineDied, match="exit status 3"):
            await pool.run("leave_a_process", Words(text=str(note)), int, timeout_s=PATIENCE_S)
        left = int(note.read_text())
        await until(lambda: not is_running(left))


async def test_a_child_past_its_time_is_ended_and_replaced() -> None:
    async with children() as pool, asyncio.timeout(PATIENCE_S):
        before = await process_id(pool)
        with pytest.raises(EngineDied, match=r"rest \(stopped after 0\.2 s\)"):
            await pool.run("rest", Words(number=60), type(None), timeout_s=0.2)

        assert await process_id(pool) != before


@pytest.mark.parametrize(("task", "what"), [("lie", "malformed"), ("swell", "Expected `int`")])
async def test_a_child_that_speaks_nonsense_is_ended(task: str, what: str) -> None:
    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(EngineDied, match=f"spoke nonsense.*{what}"):
            await pool.run(task, Words(number=3), int)

        assert not is_alive(before)


async def test_a_task_past_its_address_space_ends_only_its_child() -> None:
    async with children() as pool:
        with pytest.raises(EngineDied) as death:
            await pool.run("allocate", Words(number=2 * 1024**3), int)

        assert "MemoryError" in death.value.last_words
        assert await pool.run("allocate", Words(number=1024), int) == 1024


async def test_a_program_that_does_not_start_says_why() -> None:
    pool = Pool("unstill.no_such_program", size=1)

    with pytest.raises(EngineDied, match="No module named"):
        await pool.run("echo", Words(), Words)
    await pool.close()


# --- turns and cancelling -----------------------------------------------------------------------


async def test_at_most_so_many_children_are_at_work_and_the_others_wait_in_order() -> None:
    done: list[int] = []

    async with children(size=2) as pool:

        async def one(number: int) -> int:
            pid = await process_id(pool)
            done.append(number)
            return pid

        async with sleeping(pool):
            ids = await asyncio.gather(*(one(number) for number in range(6)))

    assert len(set(ids)) == 1
    assert done == list(range(6))


async def cancel_took_s(pool: Pool, task: str) -> float:
    async with sleeping(pool, task) as (asleep, pid):
        began = time.monotonic()
        asleep.cancel()
        await asyncio.wait([asleep])
        took_s = time.monotonic() - began

        assert asleep.cancelled()
        await until(lambda: not is_alive(pid))
        return took_s


@pytest.mark.parametrize("task", ["note_and_sleep", "sleep_deaf"])
async def test_cancelling_ends_the_child_within_a_second(task: str) -> None:
    async with children() as pool:
        assert await quickest_s(lambda: cancel_took_s(pool, task), below_s=1) < 1


async def test_cancelling_one_task_disturbs_no_other() -> None:
    async with children(size=2) as pool, sleeping(pool) as (_, kept):
        async with sleeping(pool) as (cancelled, _):
            cancelled.cancel()
            await asyncio.wait([cancelled])

        assert await pool.run("echo", Words(number=1), Words) == Words(number=1)
        assert is_alive(kept)


async def test_a_task_cancelled_in_the_queue_never_starts() -> None:
    async with children() as pool, sleeping(pool) as (_, pid):
        waiting = asyncio.create_task(process_id(pool))
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.wait([waiting])

        assert waiting.cancelled()
        assert is_alive(pid)


async def test_a_second_cancel_does_not_let_the_child_live() -> None:
    async with children() as pool, sleeping(pool, "sleep_deaf") as (asleep, pid):
        asleep.cancel()
        await asyncio.sleep(0.05)
        asleep.cancel()
        await asyncio.wait([asleep])

        await until(lambda: not is_alive(pid))


async def test_a_report_that_raises_ends_the_child_and_is_not_swallowed() -> None:
    def fail(fraction: float) -> None:
        raise ZeroDivisionError(fraction)

    async with children() as pool:
        before = await process_id(pool)
        with pytest.raises(ZeroDivisionError):
            await pool.run("count", Words(number=3), int, report=fail)

        assert await process_id(pool) != before


# --- the end ------------------------------------------------------------------------------------


async def test_closing_ends_all_children_and_leaves_nothing_open() -> None:
    async with children() as pool:
        await process_id(pool)  # a loop's first child opens what the loop then keeps
    open_before = open_files()

    async with children(size=2) as pool, sleeping(pool) as (asleep, busy):
        idle = await process_id(pool)
        await pool.close()

        with pytest.raises(ShuttingDown):
            await asleep
        assert not is_alive(busy)
        assert not is_alive(idle)
    assert open_files() == open_before


async def test_a_closed_pool_refuses() -> None:
    async with children() as pool:
        await pool.close()

        with pytest.raises(ShuttingDown):
            await pool.run("echo", Words(), Words)


async def test_ctrl_c_in_the_terminal_does_not_reach_a_child() -> None:
    async with children() as pool:
        pid = await process_id(pool)
        os.kill(pid, signal.SIGINT)

        assert os.getsid(pid) == pid
        assert await process_id(pool) == pid


SERVER = """
import asyncio, sys
sys.path.append("..")
from support.child_pools import children, sleeping

async def main():
    async with children() as pool, sleeping(pool) as (_, pid):
        print(pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def test_children_die_with_a_server_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=UNIT_TESTS, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        server.kill()

    asyncio.run(until(lambda: not is_running(pid)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [
        test_lines_of_many_megabytes_pass_both_ways,
        test_a_crash_is_told_with_its_last_words_and_the_child_is_replaced,
        test_a_child_killed_in_the_moment_it_is_asked_is_a_death_or_a_replacement,
        test_a_child_past_its_time_is_ended_and_replaced,
        test_cancelling_one_task_disturbs_no_other,
        test_a_second_cancel_does_not_let_the_child_live,
        test_closing_ends_all_children_and_leaves_nothing_open,
    ],
)
def test_the_same_holds_on_the_loop_that_the_server_runs(
    truth: Callable[[], Awaitable[None]],
) -> None:
    async def hold() -> None:
        await truth()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(hold())
