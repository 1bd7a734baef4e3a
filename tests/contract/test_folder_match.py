"""A data folder serves only the store that it had, not a lost, emptied, older or foreign one.

Each way of losing it is done to folders whose files are days old, and nothing of them goes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from support.jobs import a_job
from support.scripted_fetches import PNG
from support.scripted_house import opened
from support.scripted_media import VIDEO
from unstill.domain.errors import DataFolderBusy, OperatorError, StoreRefused
from unstill.domain.job import State
from unstill.store.embedded.folder_match import FoundStore, find_store
from unstill.store.embedded.generation import FILE as GENERATION
from unstill.store.embedded.generation import noted_in
from unstill.store.embedded.recovery import recover
from unstill.store.embedded.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DAYS_S = 30 * 24 * 3600
DATABASE = "unstill.sqlite3"
BESIDE = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")


async def fill(folder: Path, count: int = 2) -> list[str]:
    """A life of the server that makes some videos; their ids."""
    folder.mkdir(exist_ok=True)
    async with opened(folder, serves=False) as house:
        ids = []
        for _ in range(count):
            job = a_job(state=State.SUCCEEDED)
            await house.files.keep(job.id, "first-frame", PNG)
            await house.store.jobs.add(job)
            await house.files.keep(job.id, "video-1.mp4", VIDEO)
            ids.append(job.id)
    return ids


def grow_old(folder: Path) -> None:
    for path in (folder / "jobs").rglob("*"):
        moment = path.lstat().st_mtime - DAYS_S
        os.utime(path, (moment, moment), follow_symlinks=False)


def videos(folder: Path) -> int:
    return len(list(folder.glob("jobs/*/*/video-1.mp4")))


def copy_database(folder: Path, to: Path) -> None:
    to.mkdir()
    for name in BESIDE:
        if (folder / name).exists():
            shutil.copy2(folder / name, to / name)


def put_back(copy: Path, folder: Path) -> None:
    for name in BESIDE:
        (folder / name).unlink(missing_ok=True)
        if (copy / name).exists():
            shutil.copy2(copy / name, folder / name)


@asynccontextmanager
async def swept(folder: Path) -> AsyncIterator[EmbeddedStore]:
    """The folder's store after a start and two rounds of the sweep."""
    async with opened(folder, serves=False) as house:
        for _ in range(2):
            await house.sweep.sweep()
        yield house.store


async def knows(folder: Path, ids: list[str]) -> list[bool]:
    async with swept(folder) as store:
        return [await store.jobs.find(job_id) is not None for job_id in ids]


# --- what is refused ---------------------------------------------------------------------------


def remove(folder: Path) -> None:
    (folder / DATABASE).unlink()


def empty(folder: Path) -> None:
    (folder / DATABASE).write_bytes(b"")


def make_new(folder: Path) -> None:
    """As a schema without a row would be, of whatever version."""
    remove(folder)
    apsw.Connection(str(folder / DATABASE)).execute("CREATE TABLE jobs (id TEXT)").close()


LOSSES: dict[str, tuple[Callable[[Path], None], str]] = {
    "removed": (remove, "is missing"),
    "emptied": (empty, "is empty"),
    "made anew": (make_new, "is from before the upgrade"),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("knows_its_store", [True, False], ids=["0.2", "0.1.0"])
async def test_a_lost_store_is_refused_and_no_file_goes(
    tmp_path: Path, loss: str, *, knows_its_store: bool
) -> None:
    lose, words = LOSSES[loss]
    await fill(tmp_path)
    grow_old(tmp_path)
    lose(tmp_path)
    if not knows_its_store:
        (tmp_path / GENERATION).unlink()
        words = words if loss != "made anew" else "knows nothing of 2 videos"
    before = (tmp_path / DATABASE).read_bytes() if (tmp_path / DATABASE).exists() else None

    for _ in range(2):
        with pytest.raises(StoreRefused, match=words) as refused:
            await EmbeddedStore(tmp_path, lock_wait_s=0).open()
    after = (tmp_path / DATABASE).read_bytes() if (tmp_path / DATABASE).exists() else None

    assert f"unstill recover --data-dir {tmp_path}" in refused.value.message
    assert videos(tmp_path) == 2
    assert after == before


async def test_a_lost_store_is_refused_though_no_job_had_a_folder_yet(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        await house.submit()  # its picture is still to be fetched
    remove(tmp_path)

    with pytest.raises(StoreRefused, match="is missing"):
        await EmbeddedStore(tmp_path).open()


async def test_an_older_copy_of_the_store_is_refused(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    await fill(folder)
    copy_database(folder, copy)
    await fill(folder)
    grow_old(folder)
    put_back(copy, folder)

    with pytest.raises(StoreRefused, match="is an older copy"):
        await EmbeddedStore(folder).open()
    assert videos(folder) == 4


async def test_a_copy_from_the_same_life_is_older_once_a_second_has_passed(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    folder.mkdir()
    async with opened(folder, serves=False) as house:
        await house.submit()
        copy_database(folder, copy)
        generation = house.store.handle.opened.generation
        generation._due_at -= 1.0
        await house.submit()
        # As a kill would leave it: without the generation of the end.
        left = (folder / GENERATION).read_text("ascii")
    put_back(copy, folder)
    (folder / GENERATION).write_text(left, "ascii")

    with pytest.raises(StoreRefused, match="is an older copy"):
        await EmbeddedStore(folder).open()


async def test_an_older_copy_beside_the_newer_wal_is_refused_before_they_are_joined(
    tmp_path: Path,
) -> None:
    folder, copy, kept = tmp_path / "data", tmp_path / "copy", tmp_path / "kept"
    await fill(folder)
    shutil.copytree(folder, copy)
    await fill(folder)
    async with opened(folder, serves=False) as house:
        await house.submit()
        shutil.copytree(folder, kept)  # as a kill would leave it
    shutil.copy2(copy / DATABASE, kept / DATABASE)
    wal = (kept / f"{DATABASE}-wal").read_bytes()

    with pytest.raises(StoreRefused, match="is an older copy"):
        await EmbeddedStore(kept).open()
    assert wal
    assert (kept / f"{DATABASE}-wal").read_bytes() == wal
    assert (kept / DATABASE).read_bytes() == (copy / DATABASE).read_bytes()


async def test_the_store_of_another_folder_is_refused(tmp_path: Path) -> None:
    folder, other = tmp_path / "data", tmp_path / "other"
    await fill(folder)
    await fill(other)
    put_back(other, folder)

    with pytest.raises(StoreRefused, match="belongs to another data folder"):
        await EmbeddedStore(folder).open()
    assert videos(folder) == 2


async def test_an_older_copy_with_its_own_note_is_known_by_videos_that_it_does_not_know(
    tmp_path: Path,
) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    await fill(folder)
    copy_database(folder, copy)
    shutil.copy2(folder / GENERATION, copy / GENERATION)
    await fill(folder)
    put_back(copy, folder)
    shutil.copy2(copy / GENERATION, folder / GENERATION)

    with pytest.raises(StoreRefused, match="knows nothing of 2 videos"):
        await EmbeddedStore(folder).open()
    assert videos(folder) == 4


# --- what is not -------------------------------------------------------------------------------


async def test_the_newest_copy_is_as_good_as_the_store_itself(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    ids = await fill(folder)
    copy_database(folder, copy)
    grow_old(folder)
    remove(folder)
    put_back(copy, folder)

    assert await knows(folder, ids) == [True, True]
    assert videos(folder) == 2


async def test_a_whole_folder_may_be_moved_and_put_back(tmp_path: Path) -> None:
    ids = await fill(tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "backup")
    later = await fill(tmp_path / "data")
    (tmp_path / "data").rename(tmp_path / "moved")

    assert await knows(tmp_path / "moved", ids + later) == [True] * 4
    assert await knows(tmp_path / "backup", ids + later) == [True, True, False, False]


async def test_a_server_that_was_killed_goes_on(tmp_path: Path) -> None:
    folder, killed = tmp_path / "data", tmp_path / "killed"
    folder.mkdir()
    async with opened(folder, serves=False) as house:
        job_id = await house.submit()
        shutil.copytree(folder, killed)

    assert await knows(killed, [job_id]) == [True]


async def test_a_note_that_a_power_cut_has_left_behind_the_store_harms_nothing(
    tmp_path: Path,
) -> None:
    ids = await fill(tmp_path)
    before = (tmp_path / GENERATION).read_bytes()
    ids += await fill(tmp_path)
    (tmp_path / GENERATION).write_bytes(before)

    assert await knows(tmp_path, ids) == [True] * 4
    noted = noted_in(tmp_path)
    assert noted is not None


@pytest.mark.parametrize("text", [None, "", "half a no", "a b c\n"])
async def test_a_note_that_is_lost_or_broken_is_made_anew(tmp_path: Path, text: str | None) -> None:
    ids = await fill(tmp_path)
    (tmp_path / GENERATION).unlink()
    if text is not None:
        (tmp_path / GENERATION).write_text(text)

    assert await knows(tmp_path, ids) == [True, True]
    assert noted_in(tmp_path) is not None


async def test_a_first_start_that_was_killed_begins_afresh(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()

    assert await knows(tmp_path, ["any"]) == [False]


# --- the way out -------------------------------------------------------------------------------


async def test_a_lost_store_is_made_anew_when_asked_for_and_every_video_stays(
    tmp_path: Path,
) -> None:
    ids = await fill(tmp_path)
    grow_old(tmp_path)
    remove(tmp_path)
    recovered = await recover(tmp_path, local_engines={"camera"})
    new = await fill(tmp_path, 1)

    assert recovered.jobs == 0
    assert await knows(tmp_path, ids + new) == [False, False, True]
    assert videos(tmp_path) == 3


async def test_an_older_copy_goes_on_when_asked_for_and_every_video_stays(tmp_path: Path) -> None:
    folder, copy = tmp_path / "data", tmp_path / "copy"
    ids = await fill(folder)
    copy_database(folder, copy)
    ids += await fill(folder)
    grow_old(folder)
    put_back(copy, folder)
    recovered = await recover(folder, local_engines={"camera"})

    assert recovered.jobs == 2
    assert await knows(folder, ids) == [True, True, False, False]
    assert videos(folder) == 4


async def test_what_a_lost_store_had_begun_is_not_swept_by_the_next_one(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        job_id = await house.submit(PNG)  # answered, and its first step is still to come
    grow_old(tmp_path)
    remove(tmp_path)
    await recover(tmp_path, local_engines={"camera"})

    assert await knows(tmp_path, [job_id]) == [False]
    assert len(list(tmp_path.glob(f"jobs/*/{job_id}/first-frame"))) == 1


async def test_a_newer_wal_is_moved_aside_when_an_older_copy_goes_on(tmp_path: Path) -> None:
    folder, copy, killed = tmp_path / "data", tmp_path / "copy", tmp_path / "killed"
    ids = await fill(folder)
    shutil.copytree(folder, copy)
    await fill(folder)
    async with opened(folder, serves=False) as house:
        await house.submit()
        shutil.copytree(folder, killed)
    shutil.copy2(copy / DATABASE, killed / DATABASE)
    recovered = await recover(killed, local_engines={"camera"})

    assert {path.name for path in recovered.aside} >= {f"{DATABASE}-wal"}
    assert all(path.exists() for path in recovered.aside)
    assert await knows(killed, ids) == [True, True]


async def test_a_store_that_a_server_holds_is_not_recovered(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False):
        with pytest.raises(DataFolderBusy):
            await recover(tmp_path, local_engines={"camera"})


async def test_a_folder_that_is_not_there_is_not_recovered(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="No such file"):
        await recover(tmp_path / "data", local_engines={"camera"})


async def test_what_is_no_database_is_not_recovered_but_named(tmp_path: Path) -> None:
    await fill(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"my shopping list " * 100)

    with pytest.raises(OperatorError, match=r"unstill\.sqlite3 cannot be read: .* move it out"):
        await recover(tmp_path, local_engines={"camera"})


# --- before a start ----------------------------------------------------------------------------


async def test_what_a_start_would_refuse_can_be_asked_before(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert find_store(folder) is None
    await fill(folder)
    well = find_store(folder)
    copied = shutil.copytree(folder, tmp_path / "copied")
    (copied / "jobs" / "xy" / "unknown-xy").mkdir(parents=True)
    remove(folder)

    assert well == FoundStore(jobs=2, unknown=0)
    assert find_store(copied) == FoundStore(jobs=2, unknown=1)
    with pytest.raises(StoreRefused):
        find_store(folder)
    assert not (folder / DATABASE).exists()


async def test_a_store_that_is_served_can_be_looked_at(tmp_path: Path) -> None:
    async with opened(tmp_path, serves=False) as house:
        await house.submit(PNG)

        assert find_store(tmp_path) == FoundStore(jobs=1, unknown=0)
