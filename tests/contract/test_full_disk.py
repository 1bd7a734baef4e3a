"""A disk that is full: what makes room still works, and so does a start; on a small real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.read_files import bytes_of
from support.scripted_fetches import PNG
from support.scripted_house import House, opened
from support.scripted_media import VIDEO
from support.small_disks import fill, small_disk
from unstill.domain.errors import OperatorError, StorageFull
from unstill.domain.job import State
from unstill.domain.owner import Owner
from unstill.files.free_space import LOOK_EVERY_S, Room
from unstill.store.embedded.disk_reserve import FILE, SIZE_BYTES, Reserve
from unstill.store.embedded.store import EmbeddedStore

DISK_MB = 64


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of its own."""
    with small_disk(tmp_path / "disk", size_mb=DISK_MB) as folder:
        yield folder


async def finished(house: House) -> str:
    job_id = await house.submit(PNG)
    assert (await house.until(job_id)).state is State.SUCCEEDED
    return job_id


async def submit_until_refused(house: House) -> None:
    for _ in range(10_000):
        await house.submit(PNG)


async def test_a_job_can_be_deleted_on_a_full_disk_and_its_room_is_there(disk: Path) -> None:
    async with opened(disk / "data") as house:
        job_id = await finished(house)
        # So large that the rows of a delete have to be written somewhere.
        house.files.path(job_id, "video-1.mp4").write_bytes(bytes(20 * 2**20))
        await house.store.handle.opened.upkeep.look()
        had_reserve = (disk / "data" / FILE).stat().st_size
        fill(disk)
        with pytest.raises(StorageFull):
            await submit_until_refused(house)  # what room the -wal still has is used up
        await house.service.delete(job_id, Owner("team-a"))
        freed = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
        await house.store.handle.opened.upkeep.look()
        again = (disk / "data" / FILE).exists()
        new = await house.submit(PNG)
        await house.until(new)

    assert had_reserve == SIZE_BYTES
    assert freed > 20 * 2**20
    assert again


async def test_a_server_starts_on_a_full_disk_and_its_videos_are_there(disk: Path) -> None:
    async with opened(disk / "data") as house:
        job_id = await finished(house)
        await house.store.handle.opened.upkeep.look()
    fill(disk)
    async with opened(disk / "data") as house:
        job = await house.service.find(job_id, Owner("team-a"))
        file = await house.downloads.file(job, "video", lambda job: job.state)
        video = await bytes_of(file)
        await house.service.delete(job_id, Owner("team-a"))

    assert video == VIDEO
    assert not (disk / "data" / FILE).exists()


async def test_without_a_reserve_a_start_says_that_the_disk_is_full(disk: Path) -> None:
    async with opened(disk / "data") as house:
        await finished(house)
    (disk / "data" / FILE).unlink(missing_ok=True)
    fill(disk)

    with pytest.raises(OperatorError, match="its disk is full"):
        await EmbeddedStore(disk / "data").open()


def test_a_reserve_is_made_only_where_as_much_stays_free(disk: Path) -> None:
    reserve = Reserve(disk)
    filler = fill(disk)
    with_none = reserve.make()
    os.truncate(filler, filler.stat().st_size - 2 * SIZE_BYTES - 2**20)
    made = reserve.make()
    reserve.give_up_for_start()
    kept = (disk / FILE).exists()
    fill(disk)
    reserve.give_up_for_start()

    assert (with_none, made, kept) == (False, True, True)
    assert not (disk / FILE).exists()
    assert not reserve.give_up()


# --- the least that stays free -------------------------------------------------------------------


def test_new_work_is_refused_below_the_least_that_stays_free(disk: Path) -> None:
    now_s = 0.0
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
    room = Room(disk, least_bytes=free - 2**20, clock_s=lambda: now_s)
    room.check()
    (disk / "file").write_bytes(bytes(2 * 2**20))
    room.check()  # it was looked a moment ago
    now_s = LOOK_EVERY_S
    with pytest.raises(StorageFull, match="too little room"):
        room.check()
    (disk / "file").unlink()
    now_s = 2 * LOOK_EVERY_S
    room.check()


def test_exactly_the_least_is_enough(disk: Path) -> None:
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize
    Room(disk, least_bytes=free).check()
    with pytest.raises(StorageFull):
        Room(disk, least_bytes=free + 1).check()


def test_a_folder_that_is_not_there_is_not_called_full(tmp_path: Path) -> None:
    Room(tmp_path / "away", least_bytes=2**60).check()
