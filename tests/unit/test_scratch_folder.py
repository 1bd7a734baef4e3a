"""Where programs work on files that are kept elsewhere."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from unstill.domain.errors import StorageFailed
from unstill.files.last_answer import ASKED_EVERY_S, LastAnswer
from unstill.files.scratch_folder import ScratchFolder

TAKES_A_PLACE_AND_DIES = """
import asyncio, os, sys
from pathlib import Path
from unstill.files.scratch_folder import ScratchFolder

async def work():
    async with ScratchFolder(Path(sys.argv[1])).place("video-1.part") as path:
        path.write_bytes(b"half")
        os._exit(9)

asyncio.run(work())
"""


def files_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.rglob("*") if each.is_file())


def take_a_place_and_die(folder: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", TAKES_A_PLACE_AND_DIES, folder], check=False)
    assert ended.returncode == 9


async def test_a_place_is_its_users_alone_and_goes_with_its_use(tmp_path: Path) -> None:
    scratch = ScratchFolder(tmp_path)
    async with scratch.place("video-1.part") as one, scratch.place("video-1.part") as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")

        assert one.read_bytes() == b"one"
        assert one.parent.stat().st_mode & 0o777 == 0o700
    assert files_in(tmp_path) == []


async def test_what_a_killed_process_has_left_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    living = ScratchFolder(tmp_path)
    async with living.place("living") as path:
        path.touch()
        await asyncio.to_thread(take_a_place_and_die, tmp_path)
        left = files_in(tmp_path)
        async with ScratchFolder(tmp_path).place("new"):
            assert left == ["living", "video-1.part"]
            assert files_in(tmp_path) == ["living"]


async def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    scratch = ScratchFolder(tmp_path / "scratch")
    async with scratch.place("one") as path:
        path.touch()
        (tmp_path / "scratch").rename(tmp_path / "moved")
    async with scratch.place("two") as path:
        path.touch()

        assert path.exists()


async def test_where_no_folder_can_be_made_the_storage_has_failed(tmp_path: Path) -> None:
    (tmp_path / "scratch").write_text("in the way")

    with pytest.raises(StorageFailed):
        async with ScratchFolder(tmp_path / "scratch").place("one"):
            pass


async def test_a_storage_is_asked_once_in_some_seconds_however_many_ask() -> None:
    asked: list[float] = []
    trouble = [StorageFailed("it is away")]
    now_s = [0.0]

    async def ask() -> None:
        asked.append(now_s[0])
        for each in trouble:
            raise each

    last = LastAnswer(ask, lambda: now_s[0])
    for moment_s in (0.0, ASKED_EVERY_S - 0.1):
        now_s[0] = moment_s
        with pytest.raises(StorageFailed, match="away"):
            await last.check()
    trouble.clear()
    now_s[0] = ASKED_EVERY_S
    await last.check()

    assert asked == [0.0, ASKED_EVERY_S]
