"""How much a data folder holds, and the limit on that."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.jobs import a_job
from support.scripted_fetches import PNG
from support.scripted_house import opened
from support.waits import until
from unstill.cli.doctor import disk_finding
from unstill.domain.errors import StorageFull
from unstill.domain.job import State, Video
from unstill.files.folder_size import RESERVE, FolderSize, size_of
from unstill.files.free_space import Room
from unstill.settings.server import ServerSettings
from unstill.store.embedded.disk_reserve import FILE

MB = 10**6


def video(size_bytes: int) -> Video:
    return Video("video-1.mp4", 1280, 720, 5.0, 30.0, 150, size_bytes, has_audio=True)


async def test_a_count_has_jobs_uploads_and_the_store_and_not_the_reserve(tmp_path: Path) -> None:
    assert RESERVE == FILE
    (tmp_path / FILE).write_bytes(bytes(1000))
    async with opened(tmp_path, serves=False) as house:
        empty = size_of(tmp_path)
        await house.files.keep("job", "first-frame", PNG)
        await house.uploads.keep(a_job().owner, "key", PNG)
        held = FolderSize(tmp_path)
        await held.count()

        assert held.size_bytes == size_of(tmp_path) == empty + 2 * len(PNG)
        assert empty >= (tmp_path / "unstill.sqlite3").stat().st_size


async def test_videos_that_come_and_go_between_two_counts_are_followed(tmp_path: Path) -> None:
    held = FolderSize(tmp_path)
    await held.count()
    made = a_job(state=State.SUCCEEDED, video=video(500))
    for state in (State.QUEUED, State.RUNNING, State.FAILED):
        held.changed(a_job(state=state))
    nothing = held.size_bytes
    held.changed(made)
    with_one = held.size_bytes
    held.changed(a_job(state=State.SUCCEEDED, video=video(500), is_hidden=True))

    assert (nothing, with_one, held.size_bytes) == (0, 500, 0)
    held.changed(made)
    await held.count()  # it knows better
    assert held.size_bytes == 0


async def test_a_start_has_counted_and_goes_on_counting(tmp_path: Path) -> None:
    (tmp_path / "jobs" / "ob" / "job").mkdir(parents=True)
    (tmp_path / "jobs" / "ob" / "job" / "first-frame").write_bytes(PNG)
    held = FolderSize(tmp_path)
    await held.startup()
    first = held.size_bytes
    (tmp_path / "jobs" / "ob" / "job" / "first-frame").unlink()
    await until(lambda: held.size_bytes == 0)
    await held.shutdown()

    assert first == len(PNG)


def test_new_work_is_refused_from_the_limit_on_and_taken_below(tmp_path: Path) -> None:
    holds = 0
    room = Room(tmp_path, least_bytes=0, most_bytes=MB, held_bytes=lambda: holds)
    holds = MB - 1
    room.check()
    holds = MB
    with pytest.raises(StorageFull, match="as much as it may"):
        room.check()


def test_without_a_limit_any_number_is_held(tmp_path: Path) -> None:
    Room(tmp_path, least_bytes=0, held_bytes=lambda: 2**60).check()


@pytest.mark.parametrize(
    ("size_bytes", "settings", "is_well"),
    [
        (MB - 1, {"most_data_mb": 1}, True),
        (MB, {"most_data_mb": 1}, False),
        (MB, {}, True),
        (0, {"least_free_mb": 10**9}, False),
        (0, {"least_free_mb": 0}, True),
    ],
)
def test_the_doctor_says_whether_there_is_room_for_new_work(
    tmp_path: Path,
    size_bytes: int,
    settings: dict[str, int],
    is_well: bool,  # noqa: FBT001
) -> None:
    (tmp_path / "file").write_bytes(bytes(size_bytes))
    finding = disk_finding(ServerSettings(data_dir=str(tmp_path), **settings))  # type: ignore[arg-type]

    assert (finding.what, finding.is_well) == ("disk", is_well)
