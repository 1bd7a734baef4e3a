"""A scene in, an mp4 out, by a pipeline that is loaded."""

from __future__ import annotations

import math
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from unstill import __version__
from unstill.domain.engine import Report
from unstill.domain.request import Role, Size
from unstill.engines.diffusers.child.block_hooks import (
    DECODING_ENDS,
    LOADING_ENDS,
    BlockWatch,
    Passes,
)
from unstill.engines.diffusers.child.call import PipelineCall, arguments_of, forwards_of
from unstill.engines.diffusers.child.load import Held
from unstill.engines.diffusers.child.memory_end import during
from unstill.engines.diffusers.child.pictures import cut, fitted, in_bytes, size_of
from unstill.engines.diffusers.environment import CUDA
from unstill.engines.diffusers.sampling import steps_of
from unstill.engines.diffusers.shapes import Shape, cut_out, shape_of
from unstill.engines.diffusers.task import Generated, GenerateTask, WarmTask
from unstill.media.video_writer import VideoWriter
from unstill.media.watermark import WatermarkPainter
from unstill.media.yuv import planes_of
from unstill.system.machine import most_memory_bytes

Frames = NDArray[np.float32]  # (frames, height, width, 3), 0 to 1

WARM_STEPS = 2  # the first is the first expert's, the second the other's
GREY = (128, 128, 128)


def render(held: Held, task: GenerateTask, report: Report) -> Generated:
    """Write the task's video to `task.out`.

    Raises BadImage, StorageFull and what `report` raises; the pipeline is as before then.
    """
    cv2.setNumThreads(1)  # what it does is little, and on a CPU the pipeline has the cores
    request = task.request
    shape = shape_of(
        duration_s=request.duration_s, size=task.size, options=held.options, profile=held.profile
    )
    call = PipelineCall(
        shape=shape,
        pictures=pictures_of(task, held, shape),
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        seed=request.seed,
        steps=steps_of(held.options, held.profile),
    )
    begin_peak(held.device)
    made, watch = called(held, call, report)
    began = time.monotonic()
    with during("write"):
        write(task, held, shape, made[0], report)
    return Generated(
        loaded=held.loaded,
        steps=call.steps,
        frame_count=shape.frames_kept,
        frame_rate=shape.frame_rate,
        forwards=watch.forwards,
        peak_bytes=peak_bytes(held.device),
        took_s={**watch.took_s, "write": time.monotonic() - began},
    )


def warm(held: Held, task: WarmTask, report: Report) -> None:
    """Have the blocks compiled for each shape, by so many steps as reach all experts."""
    shapes = task.shapes if held.options.compile else ()
    for number, size in enumerate(shapes):
        shape = shape_of(
            duration_s=task.duration_s, size=size, options=held.options, profile=held.profile
        )
        call = PipelineCall(
            shape=shape,
            pictures={"first": Image.new("RGB", (shape.render.width, shape.render.height), GREY)},
            prompt="",
            negative_prompt="",
            seed=0,
            steps=WARM_STEPS,
            output="latent",
        )

        def part(done: float, begin: int = number) -> None:
            report(max(LOADING_ENDS, (begin + done) / len(shapes)))

        called(held, call, part)


def called(held: Held, call: PipelineCall, report: Report) -> tuple[Any, BlockWatch]:
    """What one call of the pipeline makes, and who has watched it."""
    pipeline, profile, shape = held.pipeline, held.profile, call.shape
    latent_frames = profile.frames.latents(shape.frames_asked)
    passes = Passes(
        denoiser=forwards_of(pipeline, profile, held.options, call.steps),
        decoder_frames=latent_frames * tiles_of(pipeline.vae, shape.render),
    )
    given = arguments_of(pipeline, profile, held.options, call)
    watch = BlockWatch(pipeline, profile, passes=passes, device=held.device, report=report)
    with watch:
        made = pipeline(**given).frames
    return made, watch


def tiles_of(vae: Any, size: Size) -> int:
    """In how many tiles a VAE decodes each frame; its attributes are diffusers' for all of them."""
    high, wide = vae.tile_sample_min_height, vae.tile_sample_min_width
    if not vae.use_tiling or (size.height <= high and size.width <= wide):
        return 1
    if hasattr(vae, "tile_sample_stride_height"):
        down, right = vae.tile_sample_stride_height, vae.tile_sample_stride_width
    else:  # HunyuanVideo 1.5's
        down, right = (int(side * (1 - vae.tile_overlap_factor)) for side in (high, wide))
    rows: int = math.ceil(size.height / down)
    columns: int = math.ceil(size.width / right)
    return rows * columns


# --- in ------------------------------------------------------------------------------------------


def pictures_of(task: GenerateTask, held: Held, shape: Shape) -> dict[Role, Image.Image]:
    """The caller's frames, as large as the render; of the video's shape where that decides it."""
    size = shape.size if held.profile.size_from_image else shape.render
    return {
        frame.role: fitted(Path(task.frames[frame.role]), size, param=frame.param)
        for frame in task.request.frames
    }


# --- out -----------------------------------------------------------------------------------------


def write(task: GenerateTask, held: Held, shape: Shape, frames: Frames, report: Report) -> None:
    """Encode the frames that are kept, cut to the video's size."""
    how = cut_out(shape, held.profile, size_of(frames[0]))
    watermark = WatermarkPainter(shape.size) if task.request.watermark else None
    with VideoWriter(
        Path(task.out),
        size=shape.size,
        frame_rate=shape.frame_rate,
        metadata=metadata_of(task, held),
    ) as video:
        for number, frame in enumerate(frames[: shape.frames_kept], start=1):
            planes = planes_of(cut(in_bytes(frame), how))
            video.picture.y[:] = planes.y
            video.picture.u[:] = planes.u
            video.picture.v[:] = planes.v
            if watermark is not None:
                watermark.draw(video.picture)
            video.write()
            report(DECODING_ENDS + (1 - DECODING_ENDS) * number / shape.frames_kept)


def metadata_of(task: GenerateTask, held: Held) -> dict[str, str]:
    """What makes the video again, and the prompt only where its server may tell it."""
    request, title = task.request, held.profile.title
    told = {"description": request.prompt} if task.tells_prompt and request.prompt else {}
    return told | {
        "comment": f"Synthetic: generated from a picture by {title}. Seed {request.seed}.",
        "software": f"unstill {__version__}",
        "unstill_engine": "diffusers",
        "unstill_model": request.model,
        "unstill_seed": str(request.seed),
        "unstill_job": task.job_id,
        "unstill_trained_model": title,
        "unstill_steps": str(steps_of(held.options, held.profile)),
        "unstill_memory": held.loaded.memory,
        "unstill_diffusers": version("diffusers"),
    }


# --- memory --------------------------------------------------------------------------------------


def begin_peak(device: str) -> None:
    if device == CUDA:
        torch.cuda.reset_peak_memory_stats()


def peak_bytes(device: str) -> int:
    """What the device has held since `begin_peak`; on a CPU this process since its start."""
    return int(torch.cuda.max_memory_allocated()) if device == CUDA else most_memory_bytes()
