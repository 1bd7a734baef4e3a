"""The camera as an engine of the server: a child renders, the server only waits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
import pytest_asyncio

from support.requests import a_request
from support.time_limits import quickest_s
from unstill.domain.engine import Local, Scene
from unstill.domain.errors import BadImage
from unstill.domain.request import Size
from unstill.engines.camera import Camera
from unstill.media.errors import DiedAtWork

PHOTOS = Path(__file__).parents[2] / "photos"


@pytest_asyncio.fixture
async def camera() -> AsyncIterator[Camera]:
    camera = Camera("camera", slots=1)
    yield camera
    await camera.close()


def scene(out: Path, *, duration_s: int = 1, first: Path = PHOTOS / "chelsea.jpg") -> Scene:
    request = a_request(duration_s=duration_s, frame_rate=24)
    return Scene("job-1", request, Size(256, 144), {"first": first}, out)


async def test_a_scene_becomes_a_file_and_progress_is_heard(camera: Camera, tmp_path: Path) -> None:
    engine: Local = camera
    heard: list[float] = []

    await engine.render(scene(tmp_path / "video-1.part"), heard.append)

    assert (tmp_path / "video-1.part").stat().st_size > 1000
    assert heard[-1] == 1
    assert len(heard) == 24


def luma_of(video: Path) -> list[np.ndarray]:
    with av.open(video) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


async def test_an_engine_that_loops_ends_each_video_where_it_began(tmp_path: Path) -> None:
    camera = Camera("camera", slots=1, loop=True)
    try:
        await camera.render(scene(tmp_path / "video-1.part", duration_s=2), lambda _: None)
    finally:
        await camera.close()

    first, *between, last = luma_of(tmp_path / "video-1.part")
    assert np.abs(first.astype(int) - last).mean() < 2.5  # what the encoder leaves of nothing
    assert max(np.abs(first.astype(int) - frame).mean() for frame in between) > 4


async def cancel_took_s(camera: Camera, out: Path) -> float:
    began = asyncio.Event()
    task = asyncio.create_task(camera.render(scene(out, duration_s=600), lambda _: began.set()))
    await asyncio.wait_for(began.wait(), timeout=30)

    asked_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return time.monotonic() - asked_at


async def test_a_cancelled_render_ends_within_a_second_and_the_next_one_works(
    camera: Camera, tmp_path: Path
) -> None:
    took_s = await quickest_s(lambda: cancel_took_s(camera, tmp_path / "a.part"), below_s=1)

    assert took_s < 1
    await camera.render(scene(tmp_path / "b.part"), lambda _: None)
    assert (tmp_path / "b.part").exists()


async def test_a_broken_frame_is_the_callers_error_by_the_callers_name(
    camera: Camera, tmp_path: Path
) -> None:
    broken = tmp_path / "first-frame"
    broken.write_bytes((PHOTOS / "chelsea.jpg").read_bytes()[:9000])

    with pytest.raises(BadImage) as refusal:
        await camera.render(scene(tmp_path / "v.part", first=broken), lambda _: None)

    assert refusal.value.param == "input.first_frame_url"


async def test_it_takes_every_request(camera: Camera, tmp_path: Path) -> None:
    assert camera.misfit(scene(tmp_path / "v.part").request) is None
    assert camera.misfit(a_request(size=Size(1920, 1088), tier="4K")) is None
    for tier in ("2K", "4K"):
        refusal = camera.misfit(a_request(tier=tier))
        assert refusal is not None
        assert refusal.param == "resolution"


def test_the_servers_side_loads_no_decoder() -> None:
    program = (
        "import sys, unstill.engines.camera\n"
        "print(*sorted({'cv2', 'av', 'numpy', 'PIL', 'torch'} & set(sys.modules)))\n"
    )

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )

    assert loaded.stdout.split() == []


async def test_a_render_that_says_nothing_for_too_long_is_ended(tmp_path: Path) -> None:
    camera = Camera("camera", slots=1, silence_s=0.01)  # shorter than any first frame takes
    try:
        with pytest.raises(DiedAtWork, match=r"said nothing for 0\.01 s"):
            await camera.render(scene(tmp_path / "video-1.part"), lambda _: None)
    finally:
        await camera.close()
