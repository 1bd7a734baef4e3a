"""What files in a bucket hold to beyond the port, on storages that run as servers of their own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

from support.free_ports import free_port
from support.in_process import create_body
from support.read_files import bytes_in, bytes_of
from support.s3_servers import S3Server, seaweed
from support.servers import Serving
from support.waits import hold_until
from unstill.cli.doctor_bucket import files_finding
from unstill.domain.errors import StorageFailed
from unstill.domain.owner import EVERYONE
from unstill.files.port import Files
from unstill.files.s3_bucket import ONE_PUT_BYTES
from unstill.files.s3_files import PIECE_BYTES
from unstill.files.s3_trial import fault_of
from unstill.files.storage import Storage, s3_bucket, s3_storage

pytestmark = pytest.mark.slow

Told = TypeVar("Told")

JOB = "job_20261120_Zk"
PATIENT_FOR_S = 90.0
SMALL, LARGE = 100_000, 2 * ONE_PUT_BYTES + 100_000


@pytest.fixture(params=["seaweed_server", "moto_server"])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def place(server: S3Server) -> str:
    return server.new_place()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[S3Server]:
    with seaweed(tmp_path) as server:
        yield server


def of_bytes(size_bytes: int, seed: int = 0) -> bytes:
    return bytes((n + seed) % 251 for n in range(251)) * (size_bytes // 251) + bytes(
        size_bytes % 251
    )


async def finish(files: Files, video: bytes, *, at: asyncio.Barrier | None = None) -> None:
    """Publish a video whose making began before any other one was published."""
    async with files.scratch(JOB, "video-1.part") as path:
        path.write_bytes(video)
        if at is not None:
            await at.wait()
        await files.publish(JOB, "video-1.part", "video-1.mp4")


async def in_the_end(ask: Callable[[], Awaitable[Told]]) -> Told:
    """What a storage answers that may begin by refusing, as one does on a busy machine."""
    async with asyncio.timeout(PATIENT_FOR_S):
        while True:
            with suppress(StorageFailed):
                return await ask()
            await asyncio.sleep(0.1)


def away_at(port: int) -> dict[str, str]:
    """What the environment says of a storage where nothing answers."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ALLOW_HTTP": "true",
    }


def dead(folder: Path) -> Storage:
    return s3_storage("s3://none", folder, away_at(free_port()))


# --- files -------------------------------------------------------------------------------------


async def test_a_large_video_goes_in_parts_and_any_range_of_it_is_read(
    server: S3Server, place: str, tmp_path: Path
) -> None:
    files, video = s3_storage(place, tmp_path, server.variables).files, of_bytes(LARGE)
    await finish(files, video)
    found = await files.find(JOB, "video-1.mp4")
    assert found is not None
    async with found.opened() as file:
        beyond_two = await file.read(PIECE_BYTES - 1, 3 * PIECE_BYTES)
        last = await file.read(LARGE - 1, 10)
        none = await file.read(LARGE, 10)
    async with files.local(JOB, "video-1.mp4") as path:
        local = path.read_bytes()

    assert beyond_two == video[PIECE_BYTES - 1 : 2 * PIECE_BYTES - 1]
    assert (last, none) == (video[-1:], b"")
    assert local == await bytes_of(found) == video
    # Nothing is left of what it went through, there and here.
    listed = [each["path"] for each in server.store(place).list().collect()]
    assert listed == [f"jobs/{JOB}/video-1.mp4"]
    assert not [each for each in (tmp_path / "scratch").rglob("*") if each.is_file()]


@pytest.mark.parametrize("size_bytes", [SMALL, LARGE])
async def test_of_two_servers_that_finish_one_video_the_first_gives_it(
    server: S3Server, place: str, tmp_path: Path, size_bytes: int
) -> None:
    one, other = (s3_storage(place, tmp_path / name, server.variables).files for name in "ab")
    async with (
        one.scratch(JOB, "video-1.part") as first,
        other.scratch(JOB, "video-1.part") as second,
    ):
        first.write_bytes(of_bytes(size_bytes, 1))
        second.write_bytes(of_bytes(size_bytes, 2))
        await one.publish(JOB, "video-1.part", "video-1.mp4")
        with pytest.raises(StorageFailed, match="another server"):
            await other.publish(JOB, "video-1.part", "video-1.mp4")

    assert await bytes_in(other, JOB, "video-1.mp4") == of_bytes(size_bytes, 1)
    # Who begins anew finds it, and would be let replace it.
    await finish(other, b"again")
    assert await bytes_in(one, JOB, "video-1.mp4") == b"again"


# Moto looks for an object and puts one in two steps: of two at once it takes both.
@pytest.mark.parametrize("size_bytes", [SMALL, LARGE])
async def test_of_two_servers_that_finish_at_once_one_is_told_so(
    seaweed_server: S3Server, tmp_path: Path, size_bytes: int
) -> None:
    place = seaweed_server.new_place()
    both = [s3_storage(place, tmp_path / name, seaweed_server.variables).files for name in "ab"]
    videos = [of_bytes(size_bytes, seed) for seed in (1, 2)]
    start = asyncio.Barrier(2)

    ends = await asyncio.gather(
        *(finish(files, video, at=start) for files, video in zip(both, videos, strict=True)),
        return_exceptions=True,
    )

    [lost] = [each for each in ends if each is not None]
    assert isinstance(lost, StorageFailed)
    assert await bytes_in(both[0], JOB, "video-1.mp4") == videos[ends.index(None)]


@pytest.mark.parametrize("size_bytes", [SMALL, LARGE])
async def test_a_synced_part_that_two_servers_publish_is_published_once(
    server: S3Server, place: str, tmp_path: Path, size_bytes: int
) -> None:
    one, other = (s3_storage(place, tmp_path / name, server.variables).files for name in "ab")
    async with one.scratch(JOB, "video-1.part") as path:
        path.write_bytes(of_bytes(size_bytes))
        await one.sync(JOB, "video-1.part")
    async with one.local(JOB, "video-1.part"), other.local(JOB, "video-1.part") as read:
        assert read.read_bytes() == of_bytes(size_bytes)
        await one.publish(JOB, "video-1.part", "video-1.mp4")
        await other.publish(JOB, "video-1.part", "video-1.mp4")  # repeated: it is as published

    assert await bytes_in(other, JOB, "video-1.mp4") == of_bytes(size_bytes)
    assert await other.find(JOB, "video-1.part") is None


async def test_a_large_video_that_is_replaced_is_read_to_its_end_by_nobody(
    server: S3Server, place: str, tmp_path: Path
) -> None:
    files = s3_storage(place, tmp_path, server.variables).files
    await finish(files, of_bytes(LARGE, 1))
    found = await files.find(JOB, "video-1.mp4")
    assert found is not None
    async with found.opened() as file:
        assert await file.read(0, 10) == of_bytes(LARGE, 1)[:10]
        await finish(files, of_bytes(LARGE, 2))
        with pytest.raises(StorageFailed):
            await file.read(10, 10)


async def test_folders_come_once_each_over_many_pages(
    server: S3Server, place: str, tmp_path: Path
) -> None:
    storage = s3_storage(place, tmp_path, server.variables)
    jobs = [f"job_{n:04}" for n in range(350)]
    for first in range(0, len(jobs), 50):
        await asyncio.gather(
            *(
                storage.files.keep(job, name, b"x", begins="store")
                for job in jobs[first : first + 50]
                for name in ("first-frame", "last-frame")
            )
        )

    found = [each.job_id async for some in storage.files.folders() for each in some]

    behind = storage.files.folders(after="job_0348")
    last = [each.job_id async for some in behind for each in some]

    assert found == jobs  # 1,050 objects, of which a page has 1,000
    assert last == ["job_0349"]


async def test_what_was_set_aside_goes_after_its_day(
    server: S3Server, place: str, tmp_path: Path
) -> None:
    files = s3_storage(place, tmp_path, server.variables).files
    for job, day in (("first", "2026-11-20"), ("second", "2026-11-21")):
        await files.keep(job, "first-frame", b"picture")
        await files.set_aside(job, day)

    await files.drop_lost("2026-11-21")

    listed = [each["path"] for each in server.store(place).list().collect()]
    assert listed == ["lost/2026-11-21/second/first-frame"]


# --- trouble -----------------------------------------------------------------------------------


async def test_a_bucket_that_is_not_there_is_no_bucket_without_the_file(
    server: S3Server, tmp_path: Path
) -> None:
    storage = s3_storage("s3://nobody-made-it/x", tmp_path, server.variables)

    with pytest.raises(StorageFailed):
        await storage.files.find(JOB, "video-1.mp4")
    with pytest.raises(StorageFailed):
        await storage.files.begun_by(JOB)
    with pytest.raises(StorageFailed):
        await storage.check()


async def test_whatever_is_asked_of_a_storage_that_is_away_is_storage_failed(
    tmp_path: Path,
) -> None:
    files, uploads, check = dead(tmp_path)
    asked = [
        files.find(JOB, "video-1.mp4"),
        files.keep(JOB, "first-frame", b"x", begins="store"),
        files.adopt(JOB),
        files.discard(JOB, "first-frame"),
        files.discard_others(JOB, ["first-frame"]),
        files.remove(JOB),
        files.sizes([JOB]),
        files.set_aside(JOB, "2026-11-28"),
        files.drop_lost("2026-11-28"),
        finish(files, b"video"),
        uploads.keep(EVERYONE, "key", b"x"),
        uploads.read(EVERYONE, "key", 0),
        uploads.size_bytes(EVERYONE),
        uploads.sweep(0),
        check(),
    ]

    ends = await asyncio.gather(*asked, return_exceptions=True)

    assert {type(each) for each in ends} == {StorageFailed}
    with pytest.raises(StorageFailed):
        _ = [each async for each in files.folders()]
    assert "127.0.0.1" not in str(ends) + str([each.__dict__ for each in ends if each])


async def test_a_storage_that_says_nothing_is_given_up(
    own_server: S3Server, tmp_path: Path
) -> None:
    storage = s3_storage(own_server.new_place(), tmp_path, own_server.variables)
    await storage.files.keep(JOB, "first-frame", b"picture")
    own_server.pause()

    asked = (
        storage.files.find(JOB, "first-frame"),
        storage.files.keep(JOB, "last-frame", b"picture"),
        storage.check(),
    )
    ends = await asyncio.gather(*asked, return_exceptions=True)
    own_server.resume()

    assert [type(each) for each in ends] == [StorageFailed] * 3
    assert all("in time" in str(each) for each in ends)
    # Its own parts have to find each other again.
    found = await in_the_end(lambda: bytes_in(storage.files, JOB, "first-frame"))
    assert found == b"picture"


async def test_a_wrong_key_is_told_as_such(seaweed_server: S3Server, tmp_path: Path) -> None:
    variables = {**seaweed_server.variables, "AWS_SECRET_ACCESS_KEY": "wrong"}
    storage = s3_storage(seaweed_server.new_place(), tmp_path, variables)

    with pytest.raises(StorageFailed, match="refuses"):
        await storage.files.keep(JOB, "first-frame", b"x")


# --- a server over it --------------------------------------------------------------------------


def test_a_server_process_takes_bucket_and_key_from_its_environment(
    server: S3Server, place: str, tmp_path: Path
) -> None:
    environment = {**server.variables, "UNSTILL_FILES": place}
    with Serving(tmp_path, environment=environment) as serving:
        body = create_body()
        task_id = serving.http.post("/v1/tasks/submit", json=body).json()["output"]["task_id"]
        status = f"/v1/tasks/status?task_id={task_id}"
        hold_until(lambda: serving.http.get(status).json()["output"]["task_status"] == "Success")
        serving.kill()
    scratch = [*(tmp_path / "scratch").iterdir()]
    backup = subprocess.run(
        [sys.executable, "-m", "unstill", "backup", f"{tmp_path}-backup", "--data-dir", tmp_path],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    with Serving(tmp_path, environment=environment) as serving:
        video = serving.http.get(f"/v1/videos/{task_id}/content")
        picture = serving.http.get(f"/v1/videos/{task_id}/content?variant=thumbnail")
        deleted = serving.http.delete(f"/v1/videos/{task_id}")

    assert f"the files of its jobs are in {place}, and not in the backup" in backup.stdout
    assert video.content[4:8] == b"ftyp"
    assert picture.content[:4] == b"RIFF"
    assert deleted.status_code == 200
    assert server.store(place).list().collect() == []
    assert not (tmp_path / "jobs").exists()
    # What the killed one has left is gone, and the living one has nothing in its own.
    assert scratch
    assert not any(each.exists() for each in scratch)


async def test_a_proxy_of_the_environment_is_not_asked(server: S3Server, place: str) -> None:
    code = "import asyncio, sys; from unstill.files.storage import s3_bucket as at; "
    code += "asyncio.run(at(sys.argv[1]).put('jobs/a/b', b'x'))"
    away = f"http://127.0.0.1:{free_port()}"
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), away)
    environment = os.environ | server.variables | proxies

    async def put() -> None:
        command = (sys.executable, "-c", code, place)
        child = await asyncio.create_subprocess_exec(*command, env=environment)
        if await child.wait() != 0:
            raise StorageFailed("the proxy was asked, or the storage is busy")

    await in_the_end(put)
    bucket = s3_bucket(place, server.variables)
    assert await in_the_end(lambda: bucket.read("jobs/a/b")) == b"x"


# --- what an operator is told ------------------------------------------------------------------


async def test_a_storage_that_does_all_has_no_fault(server: S3Server, place: str) -> None:
    assert await fault_of(s3_bucket(place, server.variables)) == ""
    assert server.store(place).list().collect() == []


def test_the_doctor_says_whether_a_bucket_answers(server: S3Server, place: str) -> None:
    well = files_finding(place, server.variables)
    away = files_finding("s3://none/x", away_at(free_port()))
    wrong = files_finding(place, {"AWS_ENDPOINT_URL": "http://storage:9000"})

    assert (well.is_well, away.is_well, wrong.is_well) == (True, False, False)
    assert "cannot be reached" in away.detail
    assert "AWS_ALLOW_HTTP" in wrong.detail
