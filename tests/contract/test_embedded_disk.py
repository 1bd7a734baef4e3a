"""The embedded store on a disk that is full, broken or gone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from support.open_stores import a_row
from support.stored_files import ids_in
from unstill.domain.errors import StorageFailed, StorageFull
from unstill.domain.job import made_ready
from unstill.domain.request import Size
from unstill.store.embedded import wal_size as wal_module
from unstill.store.embedded.store import EmbeddedStore


async def test_nothing_is_stored_once_the_database_was_removed_and_all_is_well_once_it_is_back(
    tmp_path: Path,
) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    await store.jobs.add(a_row("1"))
    file, away = tmp_path / "unstill.sqlite3", tmp_path / "away"
    file.rename(away)
    with capture_logs() as logs:
        await store.handle.opened.upkeep.look()
    for write in (store.jobs.add(a_row("2")), store.jobs.change("1", made_ready(Size(640, 480)))):
        with pytest.raises(StorageFailed, match="removed or replaced"):
            await write
    with pytest.raises(StorageFailed, match="removed or replaced"):
        store.check()
    file.touch()
    with pytest.raises(StorageFailed, match="removed or replaced"):
        await store.jobs.add(a_row("2"))
    away.replace(file)
    store.check()
    await store.jobs.add(a_row("3"))
    await store.close()

    assert [log["event"] for log in logs] == ["store_gone"]
    assert await ids_in(tmp_path) == ["1", "3"]


async def test_a_close_waits_for_who_is_writing_beside_it_and_stops_nobody(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    beside = apsw.Connection(str(tmp_path / "unstill.sqlite3"))
    beside.execute("BEGIN IMMEDIATE")
    with capture_logs() as logs:
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0.1)  # it comes to the lock: sooner or later, all is well
        is_waiting = not closing.done()
        beside.execute("COMMIT")
        beside.close()
        await closing

    assert is_waiting
    assert logs == []


# Takes some 20 ms, and begins with a row of a job.
SLOW_READ = (
    "WITH RECURSIVE c (x) AS (SELECT (SELECT count(*) FROM jobs WHERE id = '0-0') "
    "UNION ALL SELECT x + 1 FROM c WHERE x < 150000) SELECT max(x) FROM c"
)


def read_without_a_pause(file: Path, is_over: threading.Event, begin: threading.Barrier) -> None:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    begin.wait()
    while not is_over.is_set():
        connection.execute(SLOW_READ).fetchall()
    connection.close()


@pytest.mark.slow
async def test_the_wal_stays_small_beside_reads_that_follow_each_other(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    file, wal = tmp_path / "unstill.sqlite3", tmp_path / "unstill.sqlite3-wal"
    is_over, begin = threading.Event(), threading.Barrier(3)
    readers = [
        threading.Thread(target=read_without_a_pause, args=(file, is_over, begin)) for _ in "ab"
    ]
    for reader in readers:
        reader.start()
    begin.wait()
    large = a_row("0")
    large = replace(large, request=replace(large.request, prompt="a cat " * 2_000))
    sizes: list[int] = []
    for round_ in range(120):
        jobs = (replace(large, id=f"{round_}-{each}") for each in range(50))
        await asyncio.gather(*(store.jobs.add(job) for job in jobs))
        sizes.append(wal.stat().st_size)
    is_over.set()
    for reader in readers:
        reader.join()
    await store.close()

    # 72 MB were written. A read may outlast the writer's wait on a machine that does much beside:
    # then it is made shorter by one of the commits that follow.
    assert max(sizes) < 3 * wal_module.LARGE_PAGES * 4096
    assert any(after < before for before, after in pairwise(sizes))


class Disk(apsw.VFS):
    """The machine's own file system, with a limit of what may still be written, and with faults."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "")
        self.room_bytes = 2**40
        self.is_broken = False

    def xOpen(  # noqa: N802  - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        return DiskFile(self, name, flags)


class DiskFile(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.is_broken:
            raise apsw.IOError("the disk is broken")
        if len(data) > self._disk.room_bytes:
            raise apsw.FullError("the disk is full")
        self._disk.room_bytes -= len(data)
        super().xWrite(data, offset)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk("limited")
    yield disk
    disk.unregister()


async def test_a_full_disk_is_told_and_the_store_goes_on_when_there_is_room(
    tmp_path: Path, disk: Disk
) -> None:
    store = EmbeddedStore(tmp_path, vfs="limited")
    await store.open()
    first, second, third = a_row("1"), a_row("2"), a_row("3")
    await store.jobs.add(first)

    disk.room_bytes = 1_000
    with pytest.raises(StorageFull):
        await store.jobs.add(second)
    with pytest.raises(StorageFull):
        await store.jobs.change(first.id, made_ready(Size(640, 480)))
    while_full = await store.jobs.find(first.id), await store.jobs.find(second.id)
    disk.room_bytes = 2**40
    await store.jobs.add(third)
    changed = await store.jobs.change(first.id, made_ready(Size(640, 480)))
    await store.close()

    assert while_full == (first, None)
    assert changed is not None
    assert await ids_in(tmp_path) == ["1", "3"]


async def test_a_broken_disk_is_told_and_the_store_goes_on_when_it_is_mended(
    tmp_path: Path, disk: Disk
) -> None:
    store = EmbeddedStore(tmp_path, vfs="limited")
    await store.open()
    lost, kept = a_row("lost"), a_row("kept")

    disk.is_broken = True
    with pytest.raises(StorageFailed):
        await store.jobs.add(lost)
    disk.is_broken = False
    await store.jobs.add(kept)
    await store.close()

    assert await ids_in(tmp_path) == ["kept"]
