"""What files on a disk of this machine hold to beyond the port."""

import asyncio
import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from support.read_files import held
from unstill.domain.errors import StorageFailed, StorageFull
from unstill.files.local import LocalFiles
from unstill.files.port import Stretch, storage_errors

JOB = "job_20261120_Zk"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_a_local_file_is_written_and_read_in_its_own_place(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    async with files.scratch(JOB, "video-1.part") as part:
        part.write_bytes(b"video")
    async with files.local(JOB, "video-1.part") as path:
        pass

    assert part == path == tmp_path / "jobs" / "Zk" / JOB / "video-1.part"
    assert names(part.parent) == ["video-1.part"]  # what is left is swept with its folder


async def test_a_local_file_that_is_kept_again_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for data in (b"one", b"two"):
        await LocalFiles(tmp_path).keep(JOB, "first-frame", data)

    assert names(tmp_path / "jobs" / "Zk" / JOB) == ["first-frame"]


async def test_a_local_file_is_sent_whole_by_the_kernel(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    await files.keep(JOB, "video-1.mp4", b"a video")
    found = await files.find(JOB, "video-1.mp4")
    assert found is not None

    async with found.opened() as file:
        piece = await file.read(2, file.piece_bytes)

    assert isinstance(piece, Stretch)
    assert (piece.start, len(piece)) == (2, 5)


async def test_local_files_lie_in_folders_that_only_the_server_may_read(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    await files.keep(JOB, "first-frame", b"picture")
    files.path(JOB, "video-1.part").write_bytes(b"a child's umask made this one")
    await files.publish(JOB, "video-1.part", "video-1.mp4")

    folder = tmp_path / "jobs" / "Zk" / JOB
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "first-frame": 0o600,
        "video-1.mp4": 0o600,
    }
    for made in (folder, folder.parent, folder.parent.parent):
        assert made.stat().st_mode & 0o777 == 0o700


async def test_what_is_not_a_jobs_folder_is_left_out_of_the_sweep(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    await files.keep(JOB, "first-frame", b"picture")
    (tmp_path / "jobs" / "lost+found").mkdir()
    (tmp_path / "jobs" / "Zk" / "job_of_another_shard").mkdir()
    (tmp_path / "jobs" / "Zk" / "a_file_Zk").touch()
    (tmp_path / "jobs" / "a_file").touch()

    assert await held(files) == [JOB]


async def test_a_failed_write_says_so_without_naming_a_path(tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("in the way")

    with pytest.raises(StorageFailed) as failed:
        await LocalFiles(tmp_path).keep(JOB, "first-frame", b"picture")
    assert str(tmp_path) not in str(failed.value)


async def test_a_write_that_fails_halfway_leaves_nothing_behind(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    files.path(JOB, "first-frame").mkdir(parents=True)  # a file cannot take a folder's name

    with pytest.raises(StorageFailed):
        await files.keep(JOB, "first-frame", b"picture")
    assert names(tmp_path / "jobs" / "Zk" / JOB) == ["first-frame"]


def test_a_full_disk_is_told_apart() -> None:
    with pytest.raises(StorageFull), storage_errors(), Path("/dev/full").open("wb") as full:
        full.write(b"x")


@pytest.mark.parametrize(
    ("number", "family"),
    [
        (errno.ENOSPC, StorageFull),
        (errno.EDQUOT, StorageFull),
        (errno.EIO, StorageFailed),
        (errno.EROFS, StorageFailed),
    ],
)
def test_each_trouble_of_the_disk_has_its_family(number: int, family: type[Exception]) -> None:
    with pytest.raises(family), storage_errors():
        raise OSError(number, os.strerror(number))


async def test_what_a_child_wrote_is_the_servers_alone_once_it_is_made_last(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    async with files.scratch("job-1", "video-1.part") as part:
        part.write_bytes(b"frames")
        part.chmod(0o644)
        await files.sync("job-1", "video-1.part")

    assert part.read_bytes() == b"frames"
    assert part.stat().st_mode & 0o777 == 0o600


async def test_a_folder_that_a_child_still_writes_into_is_removed(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    async with files.scratch("job-1", "video-1.part") as part:
        folder = part.parent
    is_over = threading.Event()

    def write() -> None:
        while not is_over.is_set():
            with suppress(FileNotFoundError):
                for n in range(50):
                    (folder / f"f{n}").touch()

    writer = threading.Thread(target=write)
    writer.start()
    remover = asyncio.create_task(files.remove("job-1"))
    await asyncio.sleep(0.1)
    is_over.set()
    writer.join()
    await remover
    await files.remove("job-1")

    assert not folder.exists()


async def test_what_was_set_aside_goes_after_its_day_and_nothing_else_does(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    for job, day in (("first", "2026-11-20"), ("second", "2026-11-21")):
        await files.keep(job, "first-frame", b"picture")
        await files.set_aside(job, day)
    (tmp_path / "lost" / "notes").mkdir()

    await files.drop_lost("2026-11-21")

    assert names(tmp_path / "lost") == ["2026-11-21", "notes"]
    assert names(tmp_path / "lost" / "2026-11-21" / "second") == ["first-frame"]
    assert (tmp_path / "lost").stat().st_mode & 0o777 == 0o700
