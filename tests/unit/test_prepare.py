"""Prepared frames: the pictures in the form that an engine's upstream takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from support.jobs import a_job
from support.scripted_upstream import ScriptedRemote
from unstill.domain.errors import OwnError
from unstill.domain.job import Job, State
from unstill.domain.request import Size
from unstill.files.local import LocalFiles
from unstill.media.facade import Media
from unstill.models.catalogue import Catalogue
from unstill.steps.prepare import FramePreparer
from unstill.upstreams.port import FrameForm

PHOTO = Path(__file__).parents[2] / "photos" / "chelsea.jpg"


@pytest.fixture
async def media() -> AsyncIterator[Media]:
    media = Media(size=1)
    yield media
    await media.close()


async def stored(files: LocalFiles, **fields: object) -> Job:
    job = a_job(state=State.READY, size=Size(1168, 768), **fields)
    await files.keep(job.id, "first-frame", PHOTO.read_bytes())
    return job


def preparer(files: LocalFiles, media: Media) -> FramePreparer:
    return FramePreparer(files=files, media=media, cards=Catalogue().by_id)


async def test_a_picture_that_fits_goes_as_it_came(tmp_path: Path, media: Media) -> None:
    files = LocalFiles(tmp_path)
    job = await stored(files)

    async with preparer(files, media).prepare_frames(ScriptedRemote(), job) as order:
        assert order.frames["first"].read_bytes() == PHOTO.read_bytes()
        assert (order.job_id, order.size) == (job.id, Size(1168, 768))


async def test_a_picture_of_another_form_is_made_anew_for_each_attempt(
    tmp_path: Path, media: Media
) -> None:
    files = LocalFiles(tmp_path)
    job = await stored(files, attempt=3)
    remote = ScriptedRemote()
    remote.form = FrameForm(frozenset({"PNG"}), most_bytes=2**20, size=Size(320, 240))

    async with preparer(files, media).prepare_frames(remote, job) as order:
        assert order.frames["first"].name == "first-frame-4.fit"
        with Image.open(order.frames["first"]) as image:
            assert (image.format, image.size) == ("PNG", (320, 240))


async def test_a_picture_that_is_too_large_for_the_model_is_scaled_down(
    tmp_path: Path, media: Media
) -> None:
    files = LocalFiles(tmp_path)
    job = await stored(files)
    Image.new("RGB", (8100, 1200), "red").save(files.path(job.id, "first-frame"), "JPEG")

    async with preparer(files, media).prepare_frames(ScriptedRemote(), job) as order:
        with Image.open(order.frames["first"]) as image:
            assert (image.format, image.size) == ("JPEG", (4050, 600))


@pytest.mark.parametrize(
    ("side_px", "made_px"),
    [((900, 300), None), ((897, 299), (900, 300)), ((1004, 400), (502, 200))],
)
async def test_a_picture_is_scaled_to_the_sides_that_an_upstream_takes(
    tmp_path: Path, media: Media, side_px: tuple[int, int], made_px: tuple[int, int] | None
) -> None:
    files = LocalFiles(tmp_path)
    job = await stored(files)
    Image.new("RGB", side_px, "red").save(files.path(job.id, "first-frame"), "JPEG")
    remote = ScriptedRemote()
    least_px = 200 if side_px[0] > 1000 else 300
    form = FrameForm(frozenset({"JPEG"}), 2**20, least_side_px=least_px, most_side_px=1000)
    remote.form = form

    async with preparer(files, media).prepare_frames(remote, job) as order:
        with Image.open(order.frames["first"]) as image:
            assert image.size == (made_px or side_px)
        assert (order.frames["first"].name == "first-frame") is (made_px is None)


async def test_a_shape_that_an_upstream_does_not_take_is_cropped(
    tmp_path: Path, media: Media
) -> None:
    files = LocalFiles(tmp_path)
    job = await stored(files)
    Image.new("RGB", (900, 300), "red").save(files.path(job.id, "first-frame"), "JPEG")
    remote = ScriptedRemote()
    remote.form = FrameForm(frozenset({"JPEG"}), 2**20, most_ratio=2.5)

    async with preparer(files, media).prepare_frames(remote, job) as order:
        with Image.open(order.frames["first"]) as image:
            assert image.size == (750, 300)


async def test_a_job_that_has_lost_its_picture_is_sent_nowhere(
    tmp_path: Path, media: Media
) -> None:
    files = LocalFiles(tmp_path)
    job = await stored(files)
    await files.remove(job.id)

    with pytest.raises(OwnError, match="its pictures are not kept: it cannot be sent again"):
        async with preparer(files, media).prepare_frames(ScriptedRemote(), job):
            pass


async def test_a_job_without_a_size_is_our_own_fault(tmp_path: Path, media: Media) -> None:
    files = LocalFiles(tmp_path)

    with pytest.raises(OwnError, match="without a size"):
        async with preparer(files, media).prepare_frames(ScriptedRemote(), a_job()):
            pass
