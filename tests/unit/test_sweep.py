"""The sweep: it takes what nobody needs, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scripted import PNG, House, a_job, opened
from unstill.backend.embedded import EmbeddedBackend
from unstill.errors import StorageFailed
from unstill.job import Job, State, clock_ms
from unstill.sweep import LOST_AFTER_S, ROWS_KEPT_MS, Sweep


async def keep(house: House, *, is_hidden: bool, state: State, age_ms: int = 0) -> str:
    """A job with a row and a file."""
    job = a_job(is_hidden=is_hidden, state=state, created_ms=clock_ms() - age_ms)
    await house.backend.add(job)
    await house.files.keep(job.id, "first-frame", PNG)
    return job.id


def make_older(folder: Path, by_s: float) -> None:
    changed_at_s = folder.stat().st_mtime - by_s
    os.utime(folder, (changed_at_s, changed_at_s))


@pytest.mark.parametrize("state", list(State))
async def test_the_files_of_a_job_that_is_there_stay(tmp_path: Path, state: State) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await keep(house, is_hidden=False, state=state, age_ms=2 * ROWS_KEPT_MS)
        make_older(house.folder(job_id), 2 * LOST_AFTER_S)
        await house.sweep.sweep()

        assert house.names(job_id) == {"first-frame"}
        assert (await house.job(job_id)).state is state


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
async def test_the_files_of_a_deleted_job_go_and_its_row_stays(
    tmp_path: Path, state: State
) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await keep(house, is_hidden=True, state=state)
        await house.sweep.sweep()

        assert not house.folder(job_id).exists()
        assert (await house.job(job_id)).is_hidden


async def test_a_deleted_job_that_is_still_saved_keeps_its_files(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await keep(house, is_hidden=True, state=State.SAVING, age_ms=2 * ROWS_KEPT_MS)
        await house.sweep.sweep()

        assert house.names(job_id) == {"first-frame"}
        assert (await house.job(job_id)).state is State.SAVING


async def test_the_row_of_a_long_deleted_job_goes_with_its_files(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await keep(
            house, is_hidden=True, state=State.SUCCEEDED, age_ms=ROWS_KEPT_MS + 1000
        )
        await house.sweep.sweep()

        assert await house.backend.find(job_id) is None
        assert not house.folder(job_id).exists()


@pytest.mark.parametrize(("age_s", "is_kept"), [(0, True), (2 * LOST_AFTER_S, False)])
async def test_a_folder_without_a_row_goes_when_it_is_old(
    tmp_path: Path, age_s: float, *, is_kept: bool
) -> None:
    async with opened(tmp_path, serves=False) as house:
        await house.files.keep("lost-job", "first-frame", PNG)
        make_older(house.folder("lost-job"), age_s)
        await house.sweep.sweep()

        assert house.folder("lost-job").exists() is is_kept


async def test_files_that_cannot_be_removed_hold_up_no_others(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        ids = [
            await keep(house, is_hidden=True, state=State.FAILED, age_ms=ROWS_KEPT_MS + 1000)
            for _ in range(2)
        ]
        stuck, other = ids
        (house.folder(stuck) / "first-frame").unlink()
        house.folder(stuck).rmdir()
        house.folder(stuck).write_text("a file where a folder should be")
        with capture_logs() as logs:
            await house.sweep.sweep()

        assert not house.folder(other).exists()
        assert await house.backend.find(other) is None
        assert (await house.job(stuck)).is_hidden  # so that the next round tries again
        assert [(log["event"], log["job_id"]) for log in logs] == [("files_not_removed", stuck)]


class FailingBackend(EmbeddedBackend):
    """A store that cannot be read the first time."""

    rounds = 0

    async def hidden(self) -> Sequence[Job]:
        self.rounds += 1
        if self.rounds == 1:
            raise StorageFailed("the disk does not answer")
        return []


async def test_a_round_that_failed_is_said_and_is_not_the_last(tmp_path: Path) -> None:
    async with opened(tmp_path / "house", serves=False) as house:
        backend = FailingBackend(tmp_path / "failing")
        sweep = Sweep(backend=backend, files=house.files, uploads=house.uploads, clock_ms=clock_ms)
        with capture_logs() as logs:
            rounds = asyncio.create_task(sweep.run())
            await asyncio.sleep(0.05)
        is_running = not rounds.done()
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)
        await backend.close()

        assert is_running
        assert [log["event"] for log in logs] == ["sweep_failed"]
