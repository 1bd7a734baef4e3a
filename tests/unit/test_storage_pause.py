"""A storage that does not do its part: told once a minute, and left alone the longer it lasts."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from support.skipping_loop import loop_ms
from unstill.domain.backoff import STORAGE, doubling
from unstill.domain.errors import OwnError, ShuttingDown, StorageFailed, StorageFull
from unstill.system.storage_pause import Shortage


def test_a_full_disk_is_two_lines_in_a_minute_however_many_jobs_meet_it() -> None:
    now_ms = 5_000
    shortage = Shortage("engine_cannot_store", lambda: now_ms)
    with capture_logs() as logged:
        for _ in range(61):
            for number in range(20):
                shortage.note("no room", about={"job_id": f"job-{number}"})
            now_ms += 1_000
        shortage.over()
        shortage.over()

    assert [(entry["event"], entry["times"]) for entry in logged] == [
        ("engine_cannot_store", 1),
        ("engine_cannot_store", 20 * 60 + 1),
        ("stored_again", 20 * 61),
    ]
    assert logged[-1]["for_s"] == 61


def test_the_pause_grows_as_long_as_the_trouble_lasts_and_begins_anew() -> None:
    now_ms, pauses_ms = [0], list[int]()
    shortage = Shortage("engine_cannot_store", lambda: now_ms[0])
    for moment_ms in (0, 500, 5_000, 30_000, 3_600_000):
        now_ms[0] = moment_ms
        pauses_ms.append(shortage.note("no room", about={"job_id": "job"}))
    shortage.over()

    assert pauses_ms == [
        STORAGE.first_ms,
        STORAGE.first_ms,
        5_000,
        STORAGE.longest_ms,
        STORAGE.longest_ms,
    ]
    assert shortage.note("no room", about={"job_id": "job"}) == STORAGE.first_ms


@pytest.mark.skips_pauses
async def test_what_has_to_be_stored_is_written_until_it_is() -> None:
    shortage = Shortage("step_not_stored", loop_ms, pauses=doubling(1_000, 2_000))
    troubles: list[OwnError] = [StorageFull("no room"), StorageFailed("read-only")] * 3
    tried_ms: list[int] = []

    async def write() -> str:
        tried_ms.append(loop_ms())
        await asyncio.sleep(0)
        if troubles:
            raise troubles.pop(0)
        return "stored"

    with capture_logs() as logged:
        written = await shortage.until_stored(write, about={"job_id": "job"})
    pauses_s = [round((b - a) / 1000) for a, b in pairwise(tried_ms)]

    assert written == "stored"
    assert pauses_s == [1, 1, 2, 2, 2, 2]
    assert [entry["event"] for entry in logged] == ["step_not_stored", "stored_again"]


async def test_a_store_that_is_closed_is_not_written_to_again() -> None:
    async def write() -> None:
        raise ShuttingDown("the job store is closed")

    with pytest.raises(ShuttingDown):
        await Shortage("step_not_stored", lambda: 0).until_stored(write, about={"job_id": "job"})
