"""Two servers over one bucket, each with a scratch folder of its own: neither spoils anything."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from support.jobs import OWNER, a_job
from support.memory_ports import Memory
from support.memory_store import MemoryStore
from support.read_files import bytes_in, bytes_of, held
from support.s3_servers import S3Server
from support.scripted_fetches import PNG
from support.scripted_media import THUMBNAIL, VIDEO, Checks
from support.scripted_upstream import ScriptedRemote
from support.waits import until
from unstill.domain.errors import StorageFailed
from unstill.domain.job import Change, Job, State, Video
from unstill.domain.request import Size
from unstill.files.signed_links import Links
from unstill.files.storage import Storage, s3_storage
from unstill.progress.stalls import Stalls
from unstill.service.downloads import Downloads
from unstill.steps.cleanup import Sweep
from unstill.steps.job_files import scene_of
from unstill.steps.save import Saver
from unstill.system.clock import clock_ms

pytestmark = pytest.mark.slow

HIDDEN_AND_ENDED = {"is_hidden": True, "state": State.CANCELLED}


class Pair(NamedTuple):
    one: Storage
    other: Storage


# Moto looks for an object and puts one in two steps: of two at once it takes both.
@pytest.fixture
def pair(seaweed_server: S3Server, tmp_path: Path) -> Pair:
    place = seaweed_server.new_place()
    return Pair(*(s3_storage(place, tmp_path / name, seaweed_server.variables) for name in "ab"))


def rendered_job() -> Job:
    return a_job(state=State.SAVING, attempt=1, size=Size(1280, 720))


async def render(storage: Storage, job: Job, video: bytes = VIDEO) -> None:
    """As the step does it: the program writes in the scratch folder of its own machine."""
    async with scene_of(storage.files, job) as scene:
        scene.out.write_bytes(video)
        await storage.files.sync(job.id, scene.out.name)


async def save(storage: Storage, job: Job) -> Change:
    saver = Saver(
        files=storage.files,
        media=Checks(),
        remotes={"bailian": ScriptedRemote()},
        stalls=Stalls(clock_ms),
        clock_ms=clock_ms,
        uptime_ms=clock_ms,
    )
    return await saver.save(job)


def video_of(change: Change) -> Video:
    video = change.sets["video"]
    assert video is not None
    return video


async def test_what_one_renders_the_other_saves(pair: Pair) -> None:
    job = rendered_job()
    await render(pair.one, job)
    change = await save(pair.other, job)

    assert video_of(change).file_name == "video-1.mp4"
    assert await bytes_in(pair.one.files, job.id, "video-1.mp4") == VIDEO
    assert await pair.one.files.find(job.id, "video-1.part") is None


async def test_a_render_that_comes_late_mixes_with_no_later_attempt(pair: Pair) -> None:
    first = rendered_job()
    second = msgspec.structs.replace(first, attempt=2)
    async with scene_of(pair.one.files, first) as scene:
        scene.out.write_bytes(b"begun long ago")
        await render(pair.other, second)
        video = video_of(await save(pair.other, second))
        # Only now it wakes up.
        await pair.one.files.sync(first.id, scene.out.name)

    assert video.file_name == "video-2.mp4"
    assert await bytes_in(pair.one.files, first.id, "video-2.mp4") == VIDEO


async def test_of_two_that_save_one_video_both_find_it_whole(pair: Pair) -> None:
    job = rendered_job()
    await render(pair.one, job)
    ends = await asyncio.gather(*(save(storage, job) for storage in pair), return_exceptions=True)
    # Its lane begins it anew.
    again = [await save(pair.other, job) if isinstance(end, StorageFailed) else end for end in ends]

    assert [video_of(each).file_name for each in again if isinstance(each, Change)] == [
        "video-1.mp4"
    ] * 2
    assert await bytes_in(pair.one.files, job.id, "video-1.mp4") == VIDEO


async def test_a_picture_that_one_has_fetched_the_other_renders_from(pair: Pair) -> None:
    job = a_job(size=Size(1280, 720), attempt=1)
    [frame] = job.request.frames
    part = f"{frame.file_name}.part"
    async with pair.one.files.scratch(job.id, part) as path:
        path.write_bytes(PNG)
        await pair.one.files.publish(job.id, part, frame.file_name)
    async with scene_of(pair.other.files, job) as scene:
        found = scene.frames[frame.role].read_bytes()

    assert found == PNG


async def test_a_picture_that_both_fetch_stays_the_first_ones(pair: Pair) -> None:
    async with (
        pair.one.files.scratch("job", "first-frame.part") as first,
        pair.other.files.scratch("job", "first-frame.part") as second,
    ):
        first.write_bytes(b"as it was")
        second.write_bytes(b"changed meanwhile")
        await pair.one.files.publish("job", "first-frame.part", "first-frame")
        with pytest.raises(StorageFailed, match="another server"):
            await pair.other.files.publish("job", "first-frame.part", "first-frame")

    assert await bytes_in(pair.other.files, "job", "first-frame") == b"as it was"


async def test_what_is_uploaded_at_one_is_there_at_the_other(pair: Pair) -> None:
    stored = await pair.one.uploads.keep(OWNER, "key", PNG)
    twice = await pair.other.uploads.keep(OWNER, "key", b"another")

    assert (stored, twice) == (True, False)
    assert await pair.other.uploads.read(OWNER, "key", time.time()) == PNG
    assert await pair.other.uploads.size_bytes(OWNER) == len(PNG)


# --- pictures of a video -----------------------------------------------------------------------


async def test_of_a_picture_that_both_are_asked_for_at_once_both_answer_one(pair: Pair) -> None:
    video = Video("video-1.mp4", 1280, 720, 5.0, 30.0, 150, len(VIDEO), has_audio=False)
    job = a_job(state=State.SUCCEEDED, attempt=1, video=video)
    await pair.one.files.keep(job.id, video.file_name, VIDEO)
    media = [Checks(), Checks()]
    for each in media:
        each.gate.clear()
    asks = [
        asyncio.create_task(
            Downloads(
                jobs=MemoryStore(Memory()).jobs,
                files=storage.files,
                media=checks,
                links=Links((b"k" * 32,)),
                clock_ms=clock_ms,
            ).file(job, "thumbnail", lambda job: job.state.value)
        )
        for storage, checks in zip(pair, media, strict=True)
    ]
    await until(lambda: all(each.draws for each in media))
    for each in media:
        each.gate.set()
    found = await asyncio.gather(*asks)

    assert [await bytes_of(each) for each in found] == [THUMBNAIL] * 2
    assert await pair.one.files.find(job.id, "thumbnail.part") is None
    assert len({each.changed_s for each in found}) == 1


# --- the sweep ---------------------------------------------------------------------------------


async def test_the_sweep_of_one_takes_nothing_that_the_other_has_under_way(pair: Pair) -> None:
    store = MemoryStore(Memory())
    await store.open()
    ended = await store.jobs.add(a_job(**HIDDEN_AND_ENDED))
    kept = [
        await store.jobs.add(a_job(state=state, size=Size(1280, 720)))
        for state in (State.QUEUED, State.RUNNING, State.SAVING)
    ]
    for job in (ended, *kept):
        await pair.one.files.keep(job.id, "video-1.part", VIDEO)
    await pair.one.files.keep("to-get-its-row", "first-frame", PNG, begins=store.store_id)
    await pair.one.uploads.keep(OWNER, "key", PNG)
    sweep = Sweep(
        retention=store.retention,
        store_state=store,
        files=pair.other.files,
        uploads=pair.other.uploads,
        clock_ms=clock_ms,
    )
    async with pair.one.files.scratch(kept[0].id, "video-2.part") as path:
        path.write_bytes(b"half a vid")
        await sweep.sweep()
        scratch = path.read_bytes()
    await store.close()

    assert scratch == b"half a vid"
    assert await held(pair.one.files) == sorted(["to-get-its-row", *(job.id for job in kept)])
    assert await pair.one.uploads.read(OWNER, "key", time.time()) == PNG
