"""Pictures of finished videos: drawn once, kept, and gone with the video."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest

from support.jobs import OWNER, a_job
from support.read_files import bytes_of
from support.scripted_house import House, opened
from support.scripted_media import LAST_FRAME, SPRITESHEET, THUMBNAIL
from support.waits import until
from unstill.domain.errors import EngineDied, ShuttingDown, StorageFull
from unstill.domain.file_errors import NotReady, NoVideo
from unstill.domain.job import Job, State, Variant, hidden
from unstill.domain.owner import Owner
from unstill.media.errors import BadVideo
from unstill.media.facade import DRAWINGS_AT_ONCE

NAMES: dict[Variant, str] = {
    "thumbnail": "thumbnail.webp",
    "spritesheet": "spritesheet.jpg",
    "last_frame": "last-still.png",
}
PICTURES = {"thumbnail": THUMBNAIL, "spritesheet": SPRITESHEET, "last_frame": LAST_FRAME}


def word(job: Job) -> str:
    return job.state.value


async def asked(house: House, job: Job, variant: Variant = "thumbnail") -> bytes:
    return await bytes_of(await house.downloads.file(job, variant, word))


async def finished(house: House, *, owner: str = OWNER) -> Job:
    return await house.until(await house.submit(owner=Owner(owner)))


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "last_frame"])
async def test_a_picture_is_drawn_at_the_first_request_and_kept(
    tmp_path: Path, variant: Variant
) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        before = house.names(job.id)
        pictures = [await asked(house, job, variant) for _ in range(3)]

        assert NAMES[variant] not in before
        assert house.names(job.id) == before | {NAMES[variant]}
        assert set(pictures) == {PICTURES[variant]}
        assert len(house.media.draws) == 1


async def test_many_who_ask_at_once_make_one_drawing(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        house.media.gate.clear()
        asks = [asyncio.create_task(asked(house, job)) for _ in range(20)]
        await until(lambda: len(house.media.draws) > 0)
        house.media.gate.set()
        pictures = await asyncio.gather(*asks)

        assert set(pictures) == {THUMBNAIL}
        assert len(house.media.draws) == 1


async def test_one_who_leaves_does_not_spoil_it_for_the_others(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        house.media.gate.clear()
        first, second = (asyncio.create_task(asked(house, job)) for _ in range(2))
        await until(lambda: len(house.media.draws) > 0)
        first.cancel()
        await asyncio.wait([first])
        house.media.gate.set()

        assert await second == THUMBNAIL
        assert len(house.media.draws) == 1


async def test_a_gallery_of_one_owner_holds_up_nobody_elses_picture(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        jobs = [await finished(house) for _ in range(28)]
        other = await finished(house, owner="bob")
        house.media.gate.clear()
        asks = [asyncio.create_task(asked(house, job)) for job in jobs]
        under_way = DRAWINGS_AT_ONCE - 1
        await until(lambda: len(house.media.draws) == under_way)
        asks.append(asyncio.create_task(asked(house, other)))
        await until(lambda: len(house.media.draws) > under_way)
        house.media.gate.set()
        await asyncio.gather(*asks)

        assert other.id in house.media.draws[under_way].path
        assert len(house.media.draws) == 29


async def test_a_failed_drawing_is_told_and_tried_anew_at_the_next_request(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        house.media.troubles = [StorageFull("no room left")]
        with pytest.raises(StorageFull):
            await asked(house, job)
        left = house.names(job.id)

        assert "thumbnail.webp" not in left
        assert await asked(house, job) == THUMBNAIL


async def test_a_drawing_that_fails_when_nobody_waits_any_more_is_no_fault(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with opened(tmp_path) as house:
        job = await finished(house)
        house.media.gate.clear()
        house.media.troubles = [StorageFull("no room left")]
        ask = asyncio.create_task(asked(house, job))
        await until(lambda: len(house.media.draws) > 0)
        ask.cancel()
        await asyncio.wait([ask])
        house.media.gate.set()
        await until(lambda: not house.downloads._drawings)
        del ask  # its traceback holds the drawing
        gc.collect()

        assert faults == []


async def test_a_child_that_dies_of_a_video_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        house.media.troubles = [EngineDied("unstill.media", "out of memory")]

        with pytest.raises(EngineDied):
            await asked(house, job)


async def test_a_stop_refuses_what_is_still_to_be_drawn_and_finishes_what_is_begun(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as house:
        jobs = [await finished(house) for _ in range(4)]
        house.media.gate.clear()
        asks = [asyncio.create_task(asked(house, job)) for job in jobs]
        await until(lambda: len(house.media.draws) == 2)
        house.downloads.stop_drawing()
        house.media.gate.set()
        begun, also_begun, *others = await asyncio.gather(*asks, return_exceptions=True)
        again = [await asked(house, job) for job in jobs[:2]]

        assert again == [begun, also_begun]
        assert [type(other) for other in others] == [ShuttingDown] * 2
        assert len(house.media.draws) == 2


async def test_what_a_crash_left_of_a_drawing_is_drawn_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        (house.folder(job.id) / "thumbnail.part").write_bytes(b"half a pict")
        picture = await asked(house, job)

        assert picture == THUMBNAIL
        assert "thumbnail.part" not in house.names(job.id)


async def test_a_video_deleted_while_it_is_drawn_is_no_longer_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        job = await finished(house)
        house.media.gate.clear()
        house.media.troubles = [BadVideo("No such file or directory")]
        ask = asyncio.create_task(asked(house, job))
        await until(lambda: len(house.media.draws) > 0)
        await house.service.delete(job.id, job.owner)
        house.media.gate.set()

        with pytest.raises(NoVideo, match="no longer there"):
            await ask
        assert not house.folder(job.id).exists()


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "last_frame"])
async def test_pictures_go_with_their_video(tmp_path: Path, variant: Variant) -> None:
    async with opened(tmp_path) as house:
        deleted, swept = [await finished(house) for _ in range(2)]
        for job in (deleted, swept):
            await asked(house, job, variant)
        await house.service.delete(deleted.id, deleted.owner)
        await house.store.jobs.change(swept.id, hidden(of=State.SUCCEEDED))
        await house.sweep.sweep()

        assert not house.folder(deleted.id).exists()
        assert not house.folder(swept.id).exists()


@pytest.mark.parametrize("variant", ["thumbnail", "spritesheet", "last_frame"])
@pytest.mark.parametrize("state", [s for s in State if s is not State.SUCCEEDED])
async def test_where_there_is_no_video_nothing_is_drawn(
    tmp_path: Path, state: State, variant: Variant
) -> None:
    job = a_job(state=state)
    async with opened(tmp_path, serves=False) as house:
        await house.store.jobs.add(job)

        with pytest.raises(NoVideo if state.is_final else NotReady):
            await asked(house, job, variant)
        assert house.media.draws == []
