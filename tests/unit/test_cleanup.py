"""The cleanup: it takes what nobody needs, and nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from support.jobs import a_job
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.waits import until
from unstill.cli.doctor import store_findings
from unstill.domain.errors import StorageFailed
from unstill.domain.job import State
from unstill.steps.cleanup import LOST_AFTER_S, LOST_AT_LEAST, ROWS_KEPT_MS, Sweep
from unstill.store.embedded.retention import EmbeddedRetention
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms


async def keep(house: House, *, is_hidden: bool, state: State, age_ms: int = 0) -> str:
    """A job with a row and a file."""
    job = a_job(is_hidden=is_hidden, state=state, created_ms=clock_ms() - age_ms)
    await house.store.jobs.add(job)
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

        assert await house.store.jobs.find(job_id) is None
        assert not house.folder(job_id).exists()


async def lose(house: House, *job_ids: str, begins: str, age_s: float = 2 * LOST_AFTER_S) -> None:
    """Folders without a row."""
    for job_id in job_ids:
        await house.files.keep(job_id, "first-frame", PNG, begins=begins)
        make_older(house.folder(job_id), age_s)


def aside(house: House) -> list[str]:
    return sorted(path.name for path in house.data_dir.glob("lost/*/*"))


async def test_a_folder_that_this_store_began_and_never_had_a_row_of_is_moved_aside(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, serves=False) as house:
        await lose(house, "old", begins=house.store.store_id)
        await lose(house, "young", begins=house.store.store_id, age_s=0)
        with capture_logs() as logs:
            await house.sweep.sweep()
        (folder,) = tmp_path.glob("lost/*/old")

        assert not house.folder("old").exists()
        assert house.folder("young").exists()
        assert (folder / "first-frame").read_bytes() == PNG
        assert [(log["event"], log["job_id"]) for log in logs] == [("folder_lost", "old")]


async def test_rounds_that_look_at_a_few_folders_each_come_to_all(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        sweep = Sweep(
            retention=house.store.retention,
            store_state=house.store,
            files=house.files,
            uploads=house.uploads,
            clock_ms=clock_ms,
            looked_at_in_a_round=2,
        )
        deleted = [await keep(house, is_hidden=True, state=State.FAILED) for _ in range(5)]
        for name in ("ghost-aa", "ghost-mm", "ghost-zz"):
            await lose(house, name, begins="another store", age_s=100 * 24 * 3600)
        with capture_logs() as logs:
            await sweep.sweep()
            after_one = [house.folder(each).exists() for each in deleted]
            for _ in range(7):
                await sweep.sweep()

        assert any(after_one)
        assert not any(house.folder(each).exists() for each in deleted)
        assert [(log["event"], log["count"]) for log in logs] == [("folders_without_job", 3)]


@pytest.mark.parametrize("begins", ["", "another store"])
async def test_a_folder_without_proof_stays_and_is_told_once(tmp_path: Path, begins: str) -> None:
    async with opened(tmp_path, serves=False) as house:
        await lose(house, "unknown", begins=begins, age_s=100 * 24 * 3600)
        with capture_logs() as logs:
            await house.sweep.sweep()
            await house.sweep.sweep()

        assert house.names("unknown") >= {"first-frame"}
        assert aside(house) == []
        assert [(log["event"], log["count"]) for log in logs] == [("folders_without_job", 1)]


async def test_one_round_takes_a_small_share_of_what_seems_lost(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        ids = [f"lost-{number}" for number in range(LOST_AT_LEAST + 5)]
        await lose(house, *ids, begins=house.store.store_id)
        with capture_logs() as logs:
            await house.sweep.sweep()
        first = len(aside(house))
        await house.sweep.sweep()

        assert first == LOST_AT_LEAST
        assert logs[-1] == {"event": "folders_left_for_later", "count": 5, "log_level": "warning"}
        assert aside(house) == sorted(ids)


@pytest.mark.parametrize(("days", "is_kept"), [(7, True), (8, False)])
async def test_what_was_set_aside_stays_for_seven_days(
    tmp_path: Path, days: int, *, is_kept: bool
) -> None:
    async with opened(tmp_path, serves=False) as house:
        await lose(house, "old", begins=house.store.store_id)
        await house.sweep.sweep()
        house.late_ms = days * 24 * 3600 * 1000
        await house.sweep.sweep()

        assert aside(house) == (["old"] if is_kept else [])


async def test_a_job_that_has_its_first_step_is_no_begun_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job_id = await house.submit(PNG)
        await house.until(job_id)

        assert await house.files.begun_by(job_id) is None


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
        assert await house.store.jobs.find(other) is None
        assert (await house.job(stuck)).is_hidden  # so that the next round tries again
        assert [(log["event"], log["job_id"]) for log in logs] == [("files_not_removed", stuck)]


class FailingRetention(EmbeddedRetention):
    """It cannot be read the first time."""

    rounds = 0

    async def long_deleted(self, before_ms: int, *, after: str = "") -> Sequence[str]:
        del before_ms, after
        self.rounds += 1
        if self.rounds == 1:
            raise StorageFailed("the disk does not answer")
        return []


async def test_a_round_that_failed_is_said_and_is_not_the_last(tmp_path: Path) -> None:
    async with opened(tmp_path / "house", serves=False) as house:
        store = EmbeddedStore(tmp_path / "failing")
        failing = FailingRetention(store.handle)
        sweep = Sweep(
            retention=failing,
            store_state=store,
            files=house.files,
            uploads=house.uploads,
            clock_ms=clock_ms,
        )
        with capture_logs() as logs:
            rounds = asyncio.create_task(sweep.run())
            await until(lambda: len(logs) > 0)
            await asyncio.sleep(0)
        is_running = not rounds.done()
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)
        await store.close()

        assert is_running
        assert [log["event"] for log in logs] == ["sweep_failed"]


async def test_doctor_tells_of_folders_that_the_store_does_not_know(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        await house.submit(PNG)
        (well,) = store_findings(tmp_path)
        await lose(house, "unknown", begins="")
        (found,) = store_findings(tmp_path)

    assert (well.is_well, well.detail) == (True, "jobs: 1")
    assert (found.is_well, found.is_needed) == (False, False)
    assert "that are of none: 1" in found.detail


def test_doctor_tells_of_a_store_that_a_start_would_refuse(tmp_path: Path) -> None:
    (tmp_path / "jobs" / "ab" / "job-ab").mkdir(parents=True)
    (found,) = store_findings(tmp_path)

    assert (found.is_well, found.is_needed) == (False, True)
    assert "is missing" in found.detail
