"""Deadlines count the time in which a server was up: neither nights off nor jumps of the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.jobs import a_job
from support.scripted_store import SlowStore
from support.waits import until
from unstill.domain.errors import StorageFull
from unstill.domain.job import FINAL, Job, State
from unstill.steps.uptime import Uptime
from unstill.store.embedded.beside import opened_beside
from unstill.store.embedded.downtime import last_up_ms

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Clocks:
    """The wall's, and the one that a sleeping machine stops."""

    def __init__(self, wall_ms: int = START_MS) -> None:
        self.wall_ms = wall_ms
        self.up_s = 0.0

    def go_on(self, for_ms: int) -> None:
        self.wall_ms += for_ms
        self.up_s += for_ms / 1000


@asynccontextmanager
async def life(
    data_dir: Path, clocks: Clocks, *, beat_s: float = 60.0
) -> AsyncIterator[tuple[SlowStore, Uptime]]:
    """One life of a server; it ends as by a kill."""
    store = SlowStore(data_dir)
    await store.open()
    uptime = Uptime(
        store.uptime_notes,
        server=store.server_id,
        clock_ms=lambda: clocks.wall_ms,
        monotonic_s=lambda: clocks.up_s,
        beat_s=beat_s,
    )
    await uptime.startup()
    try:
        yield store, uptime
    finally:
        await uptime.shutdown()
        await store.close()


def running(job_id: str, *, deadline_ms: int, **fields: object) -> Job:
    return a_job(
        **{"id": job_id, "state": State.RUNNING, "deadline_ms": deadline_ms, "ticket": "t"} | fields
    )


async def left_ms(store: SlowStore, uptime: Uptime, job_id: str = "job") -> int:
    """Until its deadline."""
    job = await store.jobs.find(job_id)
    assert job is not None
    return job.deadline_ms - uptime.now_ms()


async def test_the_clock_of_deadlines_goes_on_by_itself(tmp_path: Path) -> None:
    clocks = Clocks()
    async with life(tmp_path, clocks) as (_, uptime):
        begun_ms = uptime.now_ms()
        clocks.go_on(5_000)
        clocks.wall_ms += 25 * HOUR_MS  # set, or the machine slept

        assert (begun_ms, uptime.now_ms()) == (START_MS, START_MS + 5_000)


@pytest.mark.parametrize("away_ms", [-HOUR_MS, 2 * 60_000, 3 * DAY_MS, 400 * DAY_MS])
async def test_time_without_a_server_is_not_counted(tmp_path: Path, away_ms: int) -> None:
    clocks = Clocks()
    async with life(tmp_path, clocks) as (store, uptime):
        await store.jobs.add(running("job", deadline_ms=uptime.now_ms() + DAY_MS))
        clocks.go_on(HOUR_MS)
        before_ms = await left_ms(store, uptime)
    clocks.wall_ms += away_ms
    async with life(tmp_path, clocks) as (store, uptime):
        assert await left_ms(store, uptime) == before_ms == 23 * HOUR_MS


async def test_after_a_jump_of_the_clock_the_next_start_gives_no_less_time(tmp_path: Path) -> None:
    clocks = Clocks()
    async with life(tmp_path, clocks) as (store, uptime):
        await store.jobs.add(running("before", deadline_ms=uptime.now_ms() + DAY_MS))
        clocks.wall_ms += 25 * HOUR_MS
        await store.jobs.add(running("after", deadline_ms=uptime.now_ms() + DAY_MS))
        clocks.go_on(HOUR_MS)
    async with life(tmp_path, clocks) as (store, uptime):
        assert await left_ms(store, uptime, "before") == 23 * HOUR_MS
        assert await left_ms(store, uptime, "after") == 23 * HOUR_MS


async def test_a_kill_costs_no_more_time_than_since_the_last_beat(tmp_path: Path) -> None:
    clocks = Clocks()
    async with life(tmp_path, clocks, beat_s=0.01) as (store, uptime):
        await store.jobs.add(running("job", deadline_ms=uptime.now_ms() + DAY_MS))
        clocks.go_on(HOUR_MS)
        async with asyncio.timeout(30):
            while True:
                await asyncio.sleep(0.02)
                # As a killed server leaves it: what a second store reads is what was committed.
                if seen_ms(tmp_path) == uptime.now_ms():
                    break


def seen_ms(data_dir: Path) -> int:
    with opened_beside(data_dir, having="up") as connection:
        assert connection is not None
        return last_up_ms(connection)


async def test_a_restart_at_once_rewrites_no_rows(tmp_path: Path) -> None:
    clocks = Clocks()
    async with life(tmp_path, clocks) as (store, uptime):
        await store.jobs.add(running("job", deadline_ms=uptime.now_ms() + DAY_MS))
        clocks.go_on(1)
    clocks.wall_ms += 59_000
    with capture_logs() as logs:
        async with life(tmp_path, clocks) as (store, uptime):
            job = await store.jobs.find("job")

    assert job is not None
    assert job.deadline_ms == START_MS + DAY_MS
    assert logs == []


async def test_jobs_that_have_ended_or_have_no_deadline_are_left_as_they_are(
    tmp_path: Path,
) -> None:
    clocks = Clocks()
    async with life(tmp_path, clocks) as (store, _):
        for state in FINAL:
            await store.jobs.add(running(state, deadline_ms=7, state=state))
        await store.jobs.add(running("without", deadline_ms=0))
        clocks.go_on(1)
    clocks.wall_ms += DAY_MS
    async with life(tmp_path, clocks) as (store, _):
        found = [await store.jobs.find(job_id) for job_id in (*sorted(FINAL), "without")]

    assert [job.deadline_ms for job in found if job] == [7, 7, 7, 0]


async def test_a_full_disk_stops_no_beat(tmp_path: Path) -> None:
    clocks = Clocks()
    with capture_logs() as logs:
        async with life(tmp_path, clocks, beat_s=0.01) as (store, _):
            store.up_troubles = [StorageFull("full")] * 2
            await until(lambda: not store.up_troubles)

    assert [each["event"] for each in logs] == ["uptime_not_noted"] * 2
