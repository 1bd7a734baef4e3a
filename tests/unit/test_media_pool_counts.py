"""The counts of a pool's children."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.child_pools import Words, children, died_idle, process_id, sleeping
from unstill.domain.errors import EngineDied


async def test_children_are_counted_as_they_start_and_while_they_are_there() -> None:
    async with children(size=2) as pool:
        before = (pool.started, pool.alive)
        await process_id(pool)
        await process_id(pool)
        warm = (pool.started, pool.alive)
    after = (pool.started, pool.alive, pool.died)

    assert (before, warm, after) == ((0, 0), (1, 1), (1, 0, 0))


async def test_a_child_that_dies_at_work_is_counted_and_one_that_is_stopped_is_not() -> None:
    async with children() as pool:
        with pytest.raises(EngineDied):
            await pool.run("crash", Words(text="by nothing"), int)
        died = pool.died
        async with sleeping(pool) as (asleep, _):
            asleep.cancel()
        await process_id(pool)

    assert (died, pool.died, pool.started) == (1, 1, 3)


async def test_a_child_that_dies_idle_is_not_alive_and_is_counted_once_it_is_missed() -> None:
    async with children() as pool:
        os.kill(await process_id(pool), signal.SIGKILL)
        await died_idle(pool)
        dead = (pool.alive, pool.died)
        await process_id(pool)

        assert dead == (0, 0)
        assert (pool.alive, pool.died, pool.started) == (1, 1, 2)


async def test_a_child_that_says_nothing_in_time_has_died(tmp_path: Path) -> None:
    async with children() as pool:
        with pytest.raises(EngineDied):
            await pool.run("note_and_sleep", Words(str(tmp_path / "note"), 60), int, timeout_s=0.3)

    assert (pool.died, pool.started) == (1, 1)
