"""What `unstill migrate --from` does with a folder that a killed server has left."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from support.folder_moves import WITHIN_S, Move
from support.free_ports import free_port
from support.full_folder import LARGE, MARK, PICTURE, UPLOAD, WHOLE, a_full_folder
from support.jobs import OWNER
from support.open_stores import a_row, opened
from support.postgres_servers import shared
from support.read_files import bytes_in
from support.s3_servers import S3Server
from unstill.domain.errors import StoreRefused
from unstill.domain.job import IN_DOUBT, Job, State
from unstill.domain.owner import EVERYONE
from unstill.files.into_bucket import put_job
from unstill.files.storage import s3_bucket
from unstill.store.embedded.beside import jobs_in
from unstill.store.embedded.folder_match import find_store
from unstill.store.embedded.folder_tables import KEYS
from unstill.store.embedded.link_secrets import load_secrets
from unstill.store.embedded.moved_mark import FILE as MOVED
from unstill.store.embedded.store import EmbeddedStore
from unstill.system.clock import clock_ms
from unstill.system.job_folders import JOBS, folder_of

pytestmark = pytest.mark.slow

DOUBTFUL = "job_lost-call"


@pytest.fixture
def move(tmp_path: Path, seaweed_server: S3Server) -> Move:
    folder = asyncio.run(a_full_folder(tmp_path / "laptop"))
    place = seaweed_server.new_place()
    return Move(folder, shared().new_store(), place, seaweed_server.variables)


async def check_moved(move: Move) -> None:
    """A server of the fleet knows all that the laptop's has known."""
    states = {each.id: each.state for each in jobs_in(move.folder)}
    async with opened(move.store) as store:
        found = {job_id: await store.jobs.find(job_id) for job_id in states}
        assert {job_id: job and job.state for job_id, job in found.items()} == states
        check_judged(found)
        assert await store.jobs.marked(OWNER, MARK) == found["job_mine"]
        assert tuple(await store.link_secrets.all()) == load_secrets(move.folder)
        owed = {each.job_id for each in await store.outbox.due(2**50, limit=9)}
        assert owed == {"job_told", "job_called", DOUBTFUL}
        assert [each.name for each in await store.keys.all()] == ["laptop"]
        assert (await store.owners.limits())[OWNER].in_flight == 3
        assert list(await store.held_jobs.ids()) == ["job_waits"]
        assert [each.ticket for each in await store.attempts.of("job_running")] == ["t-1"]
        assert len(await store.charges.of("settled")) == 3
    storage = move.storage
    assert await bytes_in(storage.files, "settled", "video-1.mp4") == WHOLE
    assert await bytes_in(storage.files, "costly", "video-1.mp4") == LARGE
    assert await bytes_in(storage.files, "job_waits", "frame-first.jpg") == PICTURE
    assert await bytes_in(storage.files, "job_saving", "video-1.part") == WHOLE
    assert await storage.files.find("job_running", "video-1.part") is None
    assert await storage.uploads.read(OWNER, "its key", clock_ms() / 1000) == UPLOAD


def check_judged(found: Mapping[str, Job | None]) -> None:
    """What was under way, by what the laptop's server had heard."""
    heard, lost = found["job_heard"], found[DOUBTFUL]
    assert heard is not None
    assert (heard.state, heard.ticket) == (State.RUNNING, "t-2")
    assert lost is not None
    assert lost.failure is not None
    assert lost.failure.code == IN_DOUBT


async def test_a_folder_is_moved_whole_and_says_what_was_compared(move: Move) -> None:
    said = await asyncio.to_thread(move.done)

    assert f"{len(jobs_in(move.folder))} jobs" in said
    assert "read back, each as it was" in said
    assert "files: 7" in said
    assert "money: proved" in said
    await check_moved(move)


async def test_a_move_that_is_killed_again_and_again_goes_on(move: Move) -> None:
    lines = await asyncio.to_thread(move.done_though_killed)

    assert lines > 6  # it was killed at all these places
    said_last = await asyncio.to_thread(move.done)
    assert "there already" in said_last
    await check_moved(move)


async def test_nobody_goes_on_with_a_folder_that_has_moved(move: Move, tmp_path: Path) -> None:
    await asyncio.to_thread(move.done)
    alone = move._replace(database="", place="")
    data_dir = ("--data-dir", str(move.folder))
    words: list[tuple[str, ...]] = [
        ("serve", "--port", "0", *data_dir),
        ("recover", *data_dir),
        ("backup", str(tmp_path / "copy"), *data_dir),
        ("keys", "create", "team-b", *data_dir),
        ("jobs", "release", *data_dir),
    ]

    for each in words:
        process = alone.begin(*each)
        said, errors = await asyncio.to_thread(process.communicate, timeout=WITHIN_S)
        assert process.returncode == 1, (each, said)
        assert "were moved to postgresql://" in errors, (each, errors)


async def test_a_folder_goes_into_one_database_alone(move: Move) -> None:
    await asyncio.to_thread(move.done)
    elsewhere = move._replace(database=shared().new_store())
    gone = move._replace()
    tables = ", ".join((*KEYS, "spent"))
    emptied = f"TRUNCATE {tables}; UPDATE store SET id = 'new'"  # noqa: S608  - names of ours
    shared().sql(emptied, move.database.rpartition("/")[2])

    assert "and the settings name" in await asyncio.to_thread(elsewhere.refused)
    assert "has none of its jobs any more" in await asyncio.to_thread(gone.refused)
    (move.folder / MOVED).unlink()
    await asyncio.to_thread(elsewhere.done)


async def test_a_folder_that_a_server_holds_stays_as_it_is(move: Move) -> None:
    async with opened(lambda: EmbeddedStore(move.folder)):
        assert "in use by another server" in await asyncio.to_thread(move.refused)
    assert not (move.folder / MOVED).exists()


async def test_a_database_with_jobs_of_its_own_or_a_server_takes_no_folder(move: Move) -> None:
    async with opened(move.store) as store:
        assert "servers are up" in await asyncio.to_thread(move.refused)
        await store.jobs.add(a_row("its-own", owner=EVERYONE))
    name = move.database.rpartition("/")[2]
    shared().sql("UPDATE servers SET up_until = now() - interval '1 minute'", name)

    assert "rows of its own, in jobs" in await asyncio.to_thread(move.refused)
    assert not (move.folder / MOVED).exists()
    async with opened(lambda: EmbeddedStore(move.folder)) as store:
        assert await store.jobs.find("settled")


async def test_a_bucket_or_a_database_that_is_away_stops_a_move_that_then_goes_on(
    move: Move,
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    no_database = move._replace(database=f"postgresql://unstill:hunter2@{nowhere}/unstill")
    no_bucket = move._replace(variables={**move.variables, "AWS_ENDPOINT_URL": f"http://{nowhere}"})

    no_answer = await asyncio.to_thread(no_database.refused)
    assert "hunter2" not in no_answer
    assert not (move.folder / MOVED).exists()
    assert "storage of the files" in await asyncio.to_thread(no_bucket.refused)
    assert "are being moved to" in await asyncio.to_thread(refused_to_serve, move.folder)
    await asyncio.to_thread(move.done)
    await check_moved(move)


def refused_to_serve(folder: Path) -> str:
    with pytest.raises(StoreRefused) as refused:
        find_store(folder)
    return refused.value.message


async def test_files_that_were_in_the_bucket_before_stay_there(move: Move) -> None:
    """Of a laptop's server that had the setting `files` already."""
    for job_id in ("settled", "costly", "for-free"):
        folder = folder_of(move.folder / JOBS, job_id)
        await put_job(s3_bucket(move.place, move.variables), move.folder, job_id, bool)
        shutil.rmtree(folder)

    said = await asyncio.to_thread(move.done)

    assert "files: 4" in said
    assert "were not in the folder" not in said
    await check_moved(move)
