"""What every keeper of files holds to. A new one joins by a line in `IMPLEMENTATIONS`."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.bucket_files import Bucket, BucketFiles
from support.read_files import bytes_in, held
from support.s3_servers import S3Server
from unstill.domain.errors import StorageFailed
from unstill.files.local import LocalFiles
from unstill.files.port import Files, Stretch
from unstill.files.storage import s3_storage

JOB = "job_20261120_Zk"
IMPLEMENTATIONS: dict[str, Callable[[Path], Files]] = {
    "local": LocalFiles,
    "bucket": lambda folder: BucketFiles(Bucket(), folder),
}
# Storages that speak S3, as servers: they take seconds to start.
SERVERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("seaweed_server", "moto_server")]


@pytest.fixture(params=[*IMPLEMENTATIONS, *SERVERS])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param in IMPLEMENTATIONS:
        return IMPLEMENTATIONS[request.param](tmp_path)
    server: S3Server = request.getfixturevalue(request.param)
    return s3_storage(server.new_place(), tmp_path, server.variables).files


def read_from(piece: Stretch | bytes) -> bytes:
    if isinstance(piece, Stretch):
        return os.pread(piece.file, piece.size_bytes, piece.start)
    return piece


async def written(files: Files, video: bytes) -> None:
    async with files.scratch(JOB, "video-1.part") as path:
        path.write_bytes(video)
        await files.publish(JOB, "video-1.part", "video-1.mp4")


@pytest.mark.parametrize("data", [b"", b"\xff\xd8picture", bytes(3 * 2**20)])
async def test_what_is_kept_is_there_whole(files: Files, data: bytes) -> None:
    await files.keep(JOB, "first-frame", data)

    assert await bytes_in(files, JOB, "first-frame") == data


async def test_keeping_again_replaces(files: Files) -> None:
    await files.keep(JOB, "first-frame", b"one")
    await files.keep(JOB, "first-frame", b"two")

    assert await bytes_in(files, JOB, "first-frame") == b"two"


async def test_many_jobs_are_kept_at_once(files: Files) -> None:
    jobs = [f"job_{n}" for n in range(40)]

    await asyncio.gather(*(files.keep(job, "first-frame", job.encode()) for job in jobs))

    assert [await bytes_in(files, job, "first-frame") for job in jobs] == [*map(str.encode, jobs)]
    assert await held(files) == sorted(jobs)


async def test_a_picture_is_read_by_a_program_of_this_machine(files: Files) -> None:
    await files.keep(JOB, "first-frame", b"picture")

    async with files.local(JOB, "first-frame") as path:
        assert path.read_bytes() == b"picture"
        assert await bytes_in(files, JOB, "first-frame") == b"picture"
    assert await bytes_in(files, JOB, "first-frame") == b"picture"


async def test_where_nothing_is_stored_a_program_finds_nothing(files: Files) -> None:
    async with files.local(JOB, "first-frame") as path:
        assert not path.exists()
    assert await files.find(JOB, "first-frame") is None


async def test_what_a_program_has_written_gets_its_name_by_being_published(files: Files) -> None:
    async with files.scratch(JOB, "video-1.part") as path:
        path.write_bytes(b"video")
        before = await files.find(JOB, "video-1.mp4")
        await files.publish(JOB, "video-1.part", "video-1.mp4")

    assert before is None
    assert await bytes_in(files, JOB, "video-1.mp4") == b"video"
    assert await files.find(JOB, "video-1.part") is None


async def test_a_part_that_was_synced_is_checked_and_published_in_another_step(
    files: Files,
) -> None:
    async with files.scratch(JOB, "video-1.part") as path:
        path.write_bytes(b"video")
        await files.sync(JOB, "video-1.part")
    async with files.local(JOB, "video-1.part") as path:
        found = path.read_bytes()
        await files.publish(JOB, "video-1.part", "video-1.mp4")

    assert found == b"video"
    assert await bytes_in(files, JOB, "video-1.mp4") == b"video"
    assert await files.find(JOB, "video-1.part") is None


async def test_two_programs_write_two_files_of_a_job_at_once(files: Files) -> None:
    async with (
        files.scratch(JOB, "video-1.part") as loud,
        files.scratch(JOB, "silent-1.part") as silent,
    ):
        loud.write_bytes(b"with sound")
        silent.write_bytes(b"without")
        await files.publish(JOB, "silent-1.part", "silent-1.mp4")

    assert await bytes_in(files, JOB, "silent-1.mp4") == b"without"
    assert await files.find(JOB, "video-1.mp4") is None


async def test_what_a_step_that_failed_has_written_has_no_name(files: Files) -> None:
    async with files.scratch(JOB, "video-1.part") as path:
        path.write_bytes(b"half a vid")

    assert await files.find(JOB, "video-1.mp4") is None


async def test_a_file_that_is_found_says_what_its_reader_is_told_first(files: Files) -> None:
    await files.keep(JOB, "video-1.mp4", b"video")

    found = await files.find(JOB, "video-1.mp4")

    assert found is not None
    assert (found.name, found.size_bytes) == ("video-1.mp4", 5)
    assert abs(time.time() - found.changed_s) < 60


@pytest.mark.parametrize(("start", "size_bytes"), [(0, 1), (2, 5), (99_999, 1), (0, 100_000)])
async def test_any_part_of_a_file_can_be_read(files: Files, start: int, size_bytes: int) -> None:
    data = bytes(n % 251 for n in range(100_000))
    await files.keep(JOB, "video-1.mp4", data)

    found = await files.find(JOB, "video-1.mp4")
    assert found is not None
    read = b""
    async with found.opened() as file:
        while len(read) < size_bytes:
            read += read_from(await file.read(start + len(read), size_bytes - len(read)))

    assert read == data[start : start + size_bytes]


async def test_publishing_twice_is_publishing_once(files: Files) -> None:
    async with files.scratch(JOB, "video-1.part") as path:
        path.write_bytes(b"video")
        await files.publish(JOB, "video-1.part", "video-1.mp4")
    async with files.scratch(JOB, "video-1.part"):
        await files.publish(JOB, "video-1.part", "video-1.mp4")

    assert await bytes_in(files, JOB, "video-1.mp4") == b"video"


async def test_a_step_done_again_publishes_its_new_part(files: Files) -> None:
    await written(files, b"before the crash")
    await written(files, b"after it")

    assert await bytes_in(files, JOB, "video-1.mp4") == b"after it"


async def test_a_video_that_is_being_read_stays_whole_when_its_name_is_given_anew(
    files: Files,
) -> None:
    await written(files, b"old")
    found = await files.find(JOB, "video-1.mp4")
    assert found is not None
    async with found.opened() as file:
        await written(files, b"new")

        assert read_from(await file.read(0, 3)) == b"old"


async def test_what_was_never_written_cannot_be_published(files: Files) -> None:
    async with files.scratch(JOB, "video-1.part"):
        with pytest.raises(StorageFailed):
            await files.publish(JOB, "video-1.part", "video-1.mp4")


async def test_a_file_without_a_writer_cannot_be_made_last(files: Files) -> None:
    async with files.scratch(JOB, "video-1.part"):
        with pytest.raises(StorageFailed):
            await files.sync(JOB, "video-1.part")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("video-1.part", "video-2.mp4"),
        ("video-1.mp4", "video-2.mp4"),
        ("video-1.part", "video-1.part"),
        ("video-1", "video-1.mp4"),
        ("first-frame.part", "last-frame"),
    ],
)
async def test_a_part_can_only_take_its_own_name(files: Files, part: str, name: str) -> None:
    await files.keep(JOB, part, b"part")
    await files.keep(JOB, name, b"finished")

    with pytest.raises(ValueError, match="cannot be published"):
        await files.publish(JOB, part, name)
    assert await bytes_in(files, JOB, name) == b"finished"


async def test_a_fetched_frame_is_published_under_a_name_without_suffix(files: Files) -> None:
    async with files.scratch(JOB, "first-frame.part") as path:
        path.write_bytes(b"picture")
        await files.publish(JOB, "first-frame.part", "first-frame")

    assert await bytes_in(files, JOB, "first-frame") == b"picture"


async def test_a_discarded_file_is_gone_and_its_neighbours_stay(files: Files) -> None:
    await files.keep(JOB, "video-1.mp4", b"loser")
    await files.keep(JOB, "video-2.mp4", b"winner")

    await files.discard(JOB, "video-1.mp4")
    await files.discard(JOB, "video-1.mp4")

    assert await files.find(JOB, "video-1.mp4") is None
    assert await bytes_in(files, JOB, "video-2.mp4") == b"winner"


async def test_a_removed_job_has_nothing_left_and_others_have(files: Files) -> None:
    neighbour = "another_Zk"  # in the same shard
    for job in (JOB, neighbour):
        await files.keep(job, "first-frame", b"picture")

    await asyncio.gather(*(files.remove(JOB) for _ in range(4)))
    await files.remove(JOB)

    assert await files.find(JOB, "first-frame") is None
    assert await held(files) == [neighbour]


async def test_a_removed_job_can_be_kept_again(files: Files) -> None:
    await files.keep(JOB, "first-frame", b"one")
    await files.remove(JOB)
    await files.keep(JOB, "first-frame", b"two")

    assert await bytes_in(files, JOB, "first-frame") == b"two"


async def test_nothing_kept_is_no_folders(files: Files) -> None:
    await files.remove(JOB)
    await files.discard(JOB, "first-frame")

    assert await held(files) == []


async def test_a_folder_says_when_it_changed(files: Files) -> None:
    await files.keep(JOB, "first-frame", b"picture")

    found = [folder async for some in files.folders() for folder in some]

    assert found[0].job_id == JOB
    assert abs(time.time() - found[0].changed_at_s) < 60


async def test_a_walk_over_the_folders_goes_on_where_an_earlier_one_has_ended(files: Files) -> None:
    jobs = {f"job_{n}_{end}" for n in range(3) for end in ("Aa", "Mm", "Zz")} | {"job_0"}
    for job in jobs:
        await files.keep(job, "first-frame", b"picture")
    given, after = list[str](), ""
    while some := await first_of(files, after):
        given, after = [*given, *some], some[-1]

    assert sorted(given) == sorted(jobs)


async def first_of(files: Files, after: str) -> list[str]:
    """The first that a walk gives behind that job."""
    async for some in files.folders(after=after):
        if some:
            return [each.job_id for each in some]
    return []


@pytest.mark.parametrize("job_id", ["", "..", "../x", "a/b", "a.b", "a\n", "é", "x" * 65, "a\0"])
async def test_a_job_id_that_is_not_ours_is_refused(files: Files, job_id: str) -> None:
    with pytest.raises(ValueError, match="not a job id"):
        await files.find(job_id, "first-frame")
    with pytest.raises(ValueError, match="not a job id"):
        await files.keep(job_id, "first-frame", b"")
    with pytest.raises(ValueError, match="not a job id"):
        await files.remove(job_id)


@pytest.mark.parametrize(
    "name", ["", "..", "../x", "/x", "a/b", ".hidden", "a.", "A", "a b", "a\n", "a.b.c", "x" * 65]
)
async def test_a_name_that_is_not_ours_is_refused(files: Files, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        await files.find(JOB, name)
    with pytest.raises(ValueError, match="not a name"):
        await files.keep(JOB, name, b"")
    with pytest.raises(ValueError, match="not a name"):
        await files.discard(JOB, name)


@pytest.mark.parametrize("job_id", ["x", "-", "--", "_", "-rf", "x" * 64])
async def test_every_id_of_the_right_letters_is_a_job(files: Files, job_id: str) -> None:
    await files.keep(job_id, "first-frame", b"picture")

    assert await held(files) == [job_id]


async def test_the_bytes_of_jobs_are_those_of_their_files_alone(files: Files) -> None:
    await files.keep(JOB, "first-frame", b"picture", begins="store-1")
    await written(files, b"a video")
    await files.keep("other", "first-frame", b"one")

    assert list(await files.sizes([JOB, "none", "other"])) == [14, 0, 3]


async def test_a_job_is_begun_until_it_is_adopted(files: Files) -> None:
    await files.keep(JOB, "first-frame", b"picture")
    without = await files.begun_by(JOB)
    await files.keep("begun", "first-frame", b"picture", begins="store-1")
    await files.keep("begun", "last-frame", b"picture", begins="store-1")
    begun = await files.begun_by("begun")
    for _ in range(2):
        await files.adopt("begun")

    assert (without, begun) == (None, "store-1")
    assert await files.begun_by("begun") is None
    assert await bytes_in(files, "begun", "first-frame") == b"picture"


async def test_what_is_set_aside_is_no_folder_any_more(files: Files) -> None:
    for job in (JOB, "other"):
        await files.keep(job, "first-frame", b"picture")

    await files.set_aside(JOB, "2026-11-28")

    assert await held(files) == ["other"]


@pytest.mark.parametrize("day", ["", "..", "2026-11", "2026-11-28/..", "tomorrow"])
async def test_what_is_no_day_is_refused(files: Files, day: str) -> None:
    with pytest.raises(ValueError, match="not a day"):
        await files.set_aside(JOB, day)
    with pytest.raises(ValueError, match="not a day"):
        await files.drop_lost(day)
