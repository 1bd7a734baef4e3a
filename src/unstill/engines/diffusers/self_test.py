"""A trial of a folder of weights: does it make a video here? By the engine, and its child."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from unstill.domain.engine import Report, Scene
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.engines.diffusers import DEFAULT_MODELS, Diffusers
from unstill.engines.diffusers.folder import Folder
from unstill.engines.diffusers.machine import Machine
from unstill.engines.diffusers.options import PipelineOptions
from unstill.media.facade import Media
from unstill.media.plain_picture import plain_png
from unstill.media.tasks import VideoCheck

STEPS = 2
_LENGTH_S, _FPS = 1, 5
_WIDTH, _HEIGHT = 6, 4  # in multiples of the pipeline's own


async def make_video(
    folder: Folder, machine: Machine, *, device: str, cores: int, report: Report
) -> str:
    """Load the weights on a device of `machine` and render a second; what was done, in words.

    As small as the pipeline makes it: most of its time is the loading.

    Raises UnstillError, OSError.
    """
    began = time.monotonic()
    multiple = folder.profile.size_multiple
    size = Size(_WIDTH * multiple, _HEIGHT * multiple)
    engine = Diffusers(
        "trial",
        PipelineOptions(path=folder.path, steps=STEPS, fps=_FPS),
        cores=cores,
        devices=(device,),
        allow_cpu=True,
        look=lambda: machine,
    )
    media = Media(size=1)
    try:
        with tempfile.TemporaryDirectory(prefix="unstill-weights-") as room:
            photo, video = Path(room, "first-frame"), Path(room, "video-1.part")
            await asyncio.to_thread(photo.write_bytes, plain_png(size))
            scene = Scene("trial", _request(size), size, {"first": photo}, video)
            made = await engine.render(scene, report)
            facts = await media.check_video(VideoCheck(str(video), _LENGTH_S))
    finally:
        await engine.close()
        await media.close()
    took_s = time.monotonic() - began
    done = f"rendered and checked {facts.frame_count} frames of {size}"
    how = made.made_by.partition("; ")[2]  # without the engine's name, which is none
    return f"{done} on {device} in {took_s:.1f} s ({how})"


def _request(size: Size) -> VideoRequest:
    return VideoRequest(
        model=DEFAULT_MODELS[0],
        prompt="a calm sea",
        first_frame=Frame("first", "image", sha256=""),
        duration_s=_LENGTH_S,
        frame_rate=_FPS,
        seed=1,
        size=size,
    )
