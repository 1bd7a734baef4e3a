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

import apsw
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from left import left
from unstill.backend import deliveries, rows, schema
from unstill.backend import wal as wal_module
from unstill.backend.embedded import EmbeddedBackend
from unstill.errors import BadSetting, DataFolderBusy, OperatorError, StorageFailed, StorageFull
from unstill.job import Job, State, intended, made_ready, put_back
from unstill.ledger import Attempt
from unstill.request import Frame, Size, VideoRequest

PROGRAM = Path(__file__).with_name("adding_process.py")
STORES = Path(__file__).with_name("stores")
OLD_IDS = [f"0199f000-0000-7000-8000-00000000000{number}" for number in range(1, 6)]
OLD_STATES = ["queued", "ready", "running", "succeeded", "failed"]


@contextmanager
def adding(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The program, once its store is open; killed at the end if it still runs."""
    command = [sys.executable, str(PROGRAM), str(folder), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
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

    store = EmbeddedBackend(tmp_path)
    await store.open()
    stored = {place.job_id for place in await left(store)}
    await store.close()

    assert len(answered) >= 600
    assert set(answered) <= stored
    assert len(stored - set(answered)) <= 2 * 16  # under way when it was killed


# --- the lock ----------------------------------------------------------------------------------


async def test_a_folder_that_another_server_holds_is_refused_by_name(tmp_path: Path) -> None:
    with adding(tmp_path, "hold") as holder:
        second = EmbeddedBackend(tmp_path, lock_wait_s=0.1)

        with pytest.raises(DataFolderBusy) as refused:
            await second.open()

    assert str(tmp_path) in refused.value.message
    assert f"process {holder.pid}:" in refused.value.message


async def test_a_folder_is_held_though_its_lock_file_is_removed(tmp_path: Path) -> None:
    with adding(tmp_path, "hold"):
        (tmp_path / "unstill.lock").unlink()

        for _ in range(2):  # and the file of the one that is refused lets nobody in
            with pytest.raises(DataFolderBusy):
                await EmbeddedBackend(tmp_path, lock_wait_s=0.1).open()


async def test_a_start_waits_for_a_predecessor_that_dies(tmp_path: Path) -> None:
    with adding(tmp_path, "hold") as holder:
        successor = EmbeddedBackend(tmp_path)
        opening = asyncio.ensure_future(successor.open())
        await asyncio.sleep(0.15)
        has_waited = not opening.done()
        holder.kill()
        await opening

    await successor.close()
    assert has_waited


async def test_a_closed_store_gives_the_folder_back(tmp_path: Path) -> None:
    for _ in range(2):
        store = EmbeddedBackend(tmp_path, lock_wait_s=0)
        await store.open()
        await store.close()

    assert names_in(tmp_path) == [
        "unstill.ahead",
        "unstill.generation",
        "unstill.lock",
        "unstill.sqlite3",
    ]


async def test_a_closed_store_leaves_no_thread_and_no_task(tmp_path: Path) -> None:
    store = EmbeddedBackend(tmp_path)
    await store.open()
    await store.add(a_job("1"))
    await store.page("team-a", limit=1)
    await store.attempts("1")
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
        store = EmbeddedBackend(tmp_path)
        await store.open()
        await store.add(a_job("1"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        await store.close()
    finally:
        os.umask(earlier)

    assert modes == dict.fromkeys(
        [
            "unstill.ahead",
            "unstill.generation",
            "unstill.lock",
            "unstill.sqlite3",
            "unstill.sqlite3-shm",
            "unstill.sqlite3-wal",
            "unstill.sqlite3.before-4",
            "unstill.sqlite3.before-5",
        ],
        0o600,
    )


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("unstill-")}


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_a_folder_that_cannot_be_made_is_refused_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(BadSetting, match=r"server\.data_dir: .*file"):
        await EmbeddedBackend(tmp_path / "file").open()


# --- the schema --------------------------------------------------------------------------------


def made_with(folder: Path, sql: str) -> apsw.Connection:
    connection = apsw.Connection(str(folder / "unstill.sqlite3"))
    connection.execute(sql)
    return connection


async def test_a_file_of_a_newer_release_is_refused_and_let_alone(tmp_path: Path) -> None:
    made_with(tmp_path, "CREATE TABLE later (x); PRAGMA user_version = 99").close()
    before = (tmp_path / "unstill.sqlite3").read_bytes()

    with pytest.raises(OperatorError, match=r"unstill\.sqlite3 .*newer.* is 99, .* reads up to 5"):
        await EmbeddedBackend(tmp_path).open()
    assert (tmp_path / "unstill.sqlite3").read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "unstill.sqlite3").write_text("my shopping list " * 100)

    for _ in range(2):  # and the lock is given back
        with pytest.raises(OperatorError, match=r"unstill\.sqlite3 cannot be opened"):
            await EmbeddedBackend(tmp_path, lock_wait_s=0).open()


def test_the_newest_schema_has_a_column_for_each_field_of_a_job(tmp_path: Path) -> None:
    connection = made_with(tmp_path, "")
    schema.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", schema.FOLDER)

    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(jobs)")]
    connection.close()

    assert columns == list(rows.COLUMNS)


@pytest.mark.parametrize(
    ("sql", "parameters", "index"),
    [
        (rows.page_sql(has_after=True, newest_first=True), ("a", "b", 5), "jobs_of_owner"),
        (rows.page_sql(has_after=False, newest_first=False), ("a", 5), "jobs_of_owner"),
        (rows.LONG_DELETED, ("", "b", 5), "jobs_hidden"),
        (rows.PLACES, ("", 5), "jobs_unfinished"),
        (rows.INTERRUPTED, (), "jobs_unfinished"),
        (rows.TICKETS, ("", 5), "jobs_at_upstreams"),
        (rows.RECENT_ATTEMPTS, ("account", 5), "attempts_of_account"),
        (rows.ATTEMPTS, ("job",), "PRIMARY KEY"),
        (rows.MARKED_BY_KEY, ("a", "k"), "marks_by_key"),
        (rows.MARKED_BY_FINGERPRINT, ("a", "f", 5), "marks_by_fingerprint"),
        (deliveries.due_sql(("a", "b"), ("c",)), (5, "a", "b", "c", 5), "deliveries_owed"),
    ],
    ids=[
        "page",
        "first page",
        "long deleted",
        "places",
        "interrupted",
        "tickets",
        "recent attempts",
        "attempts",
        "marked by key",
        "marked by fingerprint",
        "due deliveries",
    ],
)
def test_each_list_reads_its_index_and_sorts_nothing(
    tmp_path: Path, sql: str, parameters: tuple[str | int, ...], index: str
) -> None:
    connection = made_with(tmp_path, "")
    schema.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", schema.FOLDER)

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    connection.close()

    assert len([step for step in plan if " EXISTS " not in step]) == 1
    assert f"USING INDEX {index}" in plan[0] or f"USING {index}" in plan[0]


def test_what_was_measured_is_read_from_the_newest_row_on(tmp_path: Path) -> None:
    connection = made_with(tmp_path, "")
    schema.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", schema.FOLDER)

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {rows.TIMES}", (5,))]
    connection.close()

    assert [step.split(" USING ")[0] for step in plan] == [
        "CO-ROUTINE (subquery-1)",  # given row by row, and no more rows than are needed
        "SCAN jobs",
        "SCAN (subquery-1)",
    ]


async def test_a_store_of_the_first_release_is_read_whole_and_goes_on(tmp_path: Path) -> None:
    made_with(tmp_path, (STORES / "v1.sql").read_text("utf-8")).close()
    store = EmbeddedBackend(tmp_path)
    await store.open()
    found = [await store.find(job_id) for job_id in OLD_IDS]
    tickets = [row async for rows in store.tickets() for row in rows]
    ready, running = found[1], found[2]
    assert ready is not None
    assert running is not None
    sent = await store.change(ready.id, intended(an_attempt(ready)), attempt=0)
    put = await store.change(running.id, put_back(9, died=False), attempt=2)
    await store.close()

    assert [job.state.value for job in found if job] == OLD_STATES
    assert ready == Job(
        id=OLD_IDS[1],
        owner="team-a",
        dialect="tasks",
        words="seed",
        model="wan2.7-i2v",
        request=VideoRequest(
            model="wan2.7-i2v",
            prompt="一只猫 wakes up",
            first_frame=Frame("first", "input.media[0].url", url="https://example.com/cat.jpg"),
            duration_s=5,
            frame_rate=30,
            seed=42,
        ),
        engine="camera",
        created_ms=1_763_600_000_002,
        state=State.READY,
        due_ms=1_763_600_009_000,
        size=Size(1280, 720),
    )
    assert tickets == []
    assert sent is not None
    assert sent.state is State.SUBMITTING
    assert put is not None
    assert put.state is State.READY
    assert (tmp_path / "unstill.sqlite3.before-5").exists()


def an_attempt(job: Job) -> Attempt:
    return Attempt(
        job_id=job.id,
        n=job.attempt + 1,
        engine="bailian",
        account="account",
        upstream_model="wan2.7-i2v",
        intent_ms=1,
        submit_by_ms=2,
    )


def an_older_file(folder: Path) -> tuple[apsw.Connection, Path]:
    """A database of version 1 with one row, and the versions of a release that has three."""
    versions = folder / "sql"
    versions.mkdir()
    (versions / "0001_cats.sql").write_text("CREATE TABLE cats (name TEXT)")
    (versions / "0002_age.sql").write_text("ALTER TABLE cats ADD COLUMN age INTEGER")
    (versions / "0003_dogs.sql").write_text("CREATE TABLE dogs (name TEXT); DELETE FROM cats")
    sql = "CREATE TABLE cats (name TEXT); INSERT INTO cats VALUES ('Tom'); PRAGMA user_version = 1"
    return made_with(folder, sql), versions


def test_an_older_file_is_brought_up_to_date_after_a_copy(tmp_path: Path) -> None:
    connection, versions = an_older_file(tmp_path)
    with capture_logs() as logs:
        schema.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", versions)
    (told,) = logs
    copy = apsw.Connection(told["copy"])

    found = connection.pragma("user_version"), copy.pragma("user_version")
    cats = connection.execute("SELECT name, age FROM cats").fetchall()
    cats_before = copy.execute("SELECT * FROM cats").fetchall()
    connection.close()
    copy.close()

    assert found == (told["now"], told["before"]) == (3, 1)
    assert (cats, cats_before) == ([], [("Tom",)])
    assert told["copy"] == str(tmp_path / "unstill.sqlite3.before-3")


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    connection, versions = an_older_file(tmp_path)
    (versions / "0003_dogs.sql").write_text("DELETE FROM cats; NONSENSE")

    for _ in range(2):  # and can be tried again, over the copy of the first time
        with pytest.raises(apsw.SQLError):
            schema.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", versions)
    found = connection.pragma("user_version"), connection.execute("SELECT * FROM cats").fetchall()
    connection.close()

    assert found == (1, [("Tom",)])


def test_a_new_file_is_not_copied(tmp_path: Path) -> None:
    connection = made_with(tmp_path, "")
    schema.bring_up_to_date(connection, tmp_path / "unstill.sqlite3", schema.FOLDER)
    connection.close()

    assert names_in(tmp_path) == ["unstill.sqlite3"]


# --- the disk ----------------------------------------------------------------------------------


async def test_nothing_is_stored_once_the_database_was_removed_and_all_is_well_once_it_is_back(
    tmp_path: Path,
) -> None:
    store = EmbeddedBackend(tmp_path)
    await store.open()
    await store.add(a_job("1"))
    file, away = tmp_path / "unstill.sqlite3", tmp_path / "away"
    file.rename(away)
    with capture_logs() as logs:
        await store._store.upkeep.look()
    for write in (store.add(a_job("2")), store.change("1", made_ready(Size(640, 480)))):
        with pytest.raises(StorageFailed, match="removed or replaced"):
            await write
    with pytest.raises(StorageFailed, match="removed or replaced"):
        store.check()
    file.touch()
    with pytest.raises(StorageFailed, match="removed or replaced"):
        await store.add(a_job("2"))
    away.replace(file)
    store.check()
    await store.add(a_job("3"))
    await store.close()

    assert [log["event"] for log in logs] == ["store_gone"]
    assert await ids_in(tmp_path) == ["1", "3"]


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
    store = EmbeddedBackend(tmp_path)
    await store.open()
    file, wal = tmp_path / "unstill.sqlite3", tmp_path / "unstill.sqlite3-wal"
    is_over, begin = threading.Event(), threading.Barrier(3)
    readers = [
        threading.Thread(target=read_without_a_pause, args=(file, is_over, begin)) for _ in "ab"
    ]
    for reader in readers:
        reader.start()
    begin.wait()
    large = a_job("0")
    large = replace(large, request=replace(large.request, prompt="a cat " * 2_000))
    most = 0
    for round_ in range(120):
        jobs = (replace(large, id=f"{round_}-{each}") for each in range(50))
        await asyncio.gather(*(store.add(job) for job in jobs))
        most = max(most, wal.stat().st_size)
    is_over.set()
    for reader in readers:
        reader.join()
    await store.close()

    assert most < 2 * wal_module.LARGE_PAGES * 4096  # of 72 MB that were written


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
    store = EmbeddedBackend(tmp_path, vfs="limited")
    await store.open()
    first, second, third = a_job("1"), a_job("2"), a_job("3")
    await store.add(first)

    disk.room_bytes = 1_000
    with pytest.raises(StorageFull):
        await store.add(second)
    with pytest.raises(StorageFull):
        await store.change(first.id, made_ready(Size(640, 480)))
    while_full = await store.find(first.id), await store.find(second.id)
    disk.room_bytes = 2**40
    await store.add(third)
    changed = await store.change(first.id, made_ready(Size(640, 480)))
    await store.close()

    assert while_full == (first, None)
    assert changed is not None
    assert await ids_in(tmp_path) == ["1", "3"]


async def test_a_broken_disk_is_told_and_the_store_goes_on_when_it_is_mended(
    tmp_path: Path, disk: Disk
) -> None:
    store = EmbeddedBackend(tmp_path, vfs="limited")
    await store.open()
    lost, kept = a_job("lost"), a_job("kept")

    disk.is_broken = True
    with pytest.raises(StorageFailed):
        await store.add(lost)
    disk.is_broken = False
    await store.add(kept)
    await store.close()

    assert await ids_in(tmp_path) == ["kept"]


def a_job(job_id: str) -> Job:
    return Job(
        id=job_id,
        owner="team-a",
        dialect="tasks",
        words="seed",
        model="wan2.7-i2v",
        request=VideoRequest(
            model="wan2.7-i2v",
            prompt="a cat wakes up",
            first_frame=Frame("first", "img_url", sha256="ab" * 32),
            duration_s=5,
            frame_rate=30,
            seed=42,
        ),
        engine="camera",
        created_ms=1_763_600_000_000,
    )


async def ids_in(folder: Path) -> list[str]:
    store = EmbeddedBackend(folder)
    await store.open()
    ids = [place.job_id for place in await left(store)]
    await store.close()
    return ids
