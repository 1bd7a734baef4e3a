"""What only the embedded store has: a folder with a lock, a file with a schema, a disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.open_stores import a_row
from support.requests import a_request
from support.stored_files import STORES, made_with, names_in
from support.unfinished_jobs import left
from unstill.domain.errors import BadSetting, DataFolderBusy
from unstill.domain.owner import Owner
from unstill.store.embedded import migrations
from unstill.store.embedded.store import EmbeddedStore

TESTS = Path(__file__).parents[1]
PROGRAM = "contract.adding_process"


@contextmanager
def adding(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The program, once its store is open; killed at the end if it still runs."""
    command = [sys.executable, "-m", PROGRAM, str(folder), *words]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            yield process
        finally:
            process.kill()


# --- kill -9 -----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_what_was_answered_survives_kill_minus_nine(tmp_path: Path) -> None:
    answered: list[str] = []
    for _ in range(2):
        with adding(tmp_path) as process:
            assert process.stdout is not None
            answered += [process.stdout.readline().strip() for _ in range(300)]
            process.send_signal(signal.SIGKILL)
            answered += [line.strip() for line in process.stdout if line.endswith("\n")]

    store = EmbeddedStore(tmp_path)
    await store.open()
    stored = {place.job_id for place in await left(store)}
    await store.close()

    assert len(answered) >= 600
    assert set(answered) <= stored
    assert len(stored - set(answered)) <= 2 * 16  # under way when it was killed


# --- the lock ----------------------------------------------------------------------------------


async def test_a_prompt_with_a_nul_is_kept(tmp_path: Path) -> None:
    job = a_row(request=a_request(prompt="a\0b"))
    store = EmbeddedStore(tmp_path)
    await store.open()
    await store.jobs.add(job)
    found = await store.jobs.find(job.id)
    await store.close()

    assert found == job


async def test_a_folder_that_another_server_holds_is_refused_by_name(tmp_path: Path) -> None:
    with adding(tmp_path, "hold") as holder:
        second = EmbeddedStore(tmp_path, lock_wait_s=0.1)

        with pytest.raises(DataFolderBusy) as refused:
            await second.open()

    assert str(tmp_path) in refused.value.message
    assert f"process {holder.pid}:" in refused.value.message


async def test_a_folder_is_held_though_its_lock_file_is_removed(tmp_path: Path) -> None:
    with adding(tmp_path, "hold"):
        (tmp_path / "unstill.lock").unlink()

        for _ in range(2):  # and the file of the one that is refused lets nobody in
            with pytest.raises(DataFolderBusy):
                await EmbeddedStore(tmp_path, lock_wait_s=0.1).open()


async def test_a_start_waits_for_a_predecessor_that_dies(tmp_path: Path) -> None:
    with adding(tmp_path, "hold") as holder:
        successor = EmbeddedStore(tmp_path)
        opening = asyncio.ensure_future(successor.open())
        await asyncio.sleep(0.15)
        has_waited = not opening.done()
        holder.kill()
        await opening

    await successor.close()
    assert has_waited


async def test_a_closed_store_gives_the_folder_back(tmp_path: Path) -> None:
    for _ in range(2):
        store = EmbeddedStore(tmp_path, lock_wait_s=0)
        await store.open()
        await store.close()

    assert names_in(tmp_path) == [
        "unstill.ahead",
        "unstill.generation",
        "unstill.lock",
        "unstill.sqlite3",
    ]


async def test_a_closed_store_leaves_no_thread_and_no_task(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.open()
    await store.jobs.add(a_row("1"))
    await store.job_lists.page(Owner("team-a"), limit=1)
    await store.attempts.of("1")
    open_threads = threads()
    await store.close()

    assert open_threads == {"unstill-ledger_0", "unstill-lists_0", "unstill-writer"}
    assert threads() == set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_is_stored_is_private_and_that_of_an_older_release_becomes_so(
    tmp_path: Path,
) -> None:
    earlier = os.umask(0)
    try:
        made_with(tmp_path, (STORES / "v1.sql").read_text("utf-8")).close()
        for name in ("unstill.lock", "unstill.sqlite3.before-4"):
            (tmp_path / name).touch()
        store = EmbeddedStore(tmp_path)
        await store.open()
        await store.jobs.add(a_row("1"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        await store.close()
    finally:
        os.umask(earlier)

    newest = migrations.read_versions(migrations.FOLDER)[-1].number
    assert modes == dict.fromkeys(
        [
            "unstill.ahead",
            "unstill.generation",
            "unstill.lock",
            "unstill.sqlite3",
            "unstill.sqlite3-shm",
            "unstill.sqlite3-wal",
            "unstill.sqlite3.before-4",
            f"unstill.sqlite3.before-{newest}",
        ],
        0o600,
    )


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("unstill-")}


async def test_a_folder_that_cannot_be_made_is_refused_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(BadSetting, match=r"server\.data_dir: .*file"):
        await EmbeddedStore(tmp_path / "file").open()
