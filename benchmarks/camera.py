"""What the camera engine costs against its limit: ffmpeg encoding the very same raw frames.

Both run on one thread with the same encoder settings, in turns, several times; the best run of
each counts, in frames per CPU-second. Needs an `ffmpeg` on the PATH.
"""

from __future__ import annotations

import os

# before numpy is loaded: one thread each, as in the engine's children
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from unstill.domain.request import Frame, Size, VideoRequest
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.render import render, scenery_of
from unstill.engines.camera.scenes import Show, blank
from unstill.engines.camera.task import RenderTask
from unstill.media.video_writer import KEY_FRAME_EVERY_S, X264

PHOTO = Path(__file__).parents[1] / "photos" / "chelsea.jpg"
SIZES = (Size(1280, 720), Size(1920, 1080))
PROMPTS = ("push in", "orbit around the subject", "pan left")
DURATION_S, FRAME_RATE = 3, 24
ROUNDS = 3
LIMIT_RATIO = 0.65  # the engine's budget


def main() -> None:
    title = f"frames per CPU-second; the ratio must be at least {LIMIT_RATIO}"
    table = Table("size", "prompt", "camera", "ffmpeg", "ratio", title=title)
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            for prompt in PROMPTS:
                ours, limit = compared(task_for(size, prompt, Path(folder)), Path(folder))
                numbers = f"{ours:.0f}", f"{limit:.0f}", f"{ours / limit:.2f}"
                table.add_row(str(size), prompt, *numbers)
    Console().print(table)


def compared(task: RenderTask, folder: Path) -> tuple[float, float]:
    """Frames per CPU-second of the engine and of its limit, the best of some rounds."""
    raw = folder / "frames.yuv"
    write_raw(task, raw)
    rounds = [(render_cpu_s(task), encode_cpu_s(task, raw)) for _ in range(ROUNDS)]
    frames = task.request.frame_count
    return frames / min(r for r, _ in rounds), frames / min(e for _, e in rounds)


def render_cpu_s(task: RenderTask) -> float:
    begin_s = time.process_time()
    render(task, lambda _: None)
    return time.process_time() - begin_s


def encode_cpu_s(task: RenderTask, raw: Path) -> float:
    settings = [part for name, value in X264.items() for part in (f"-{name}", value)]
    begin_s = children_cpu_s()
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"),
            *("-s", str(task.size), "-r", str(FRAME_RATE), "-i", str(raw)),
            *("-c:v", "libx264", "-threads", "1", "-g", str(KEY_FRAME_EVERY_S * FRAME_RATE)),
            *settings,
            *("-movflags", "+faststart", str(raw.with_suffix(".mp4"))),
        ],
        check=True,
    )
    return children_cpu_s() - begin_s


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_raw(task: RenderTask, raw: Path) -> None:
    """The frames that the engine gives to its encoder, one after another."""
    request = task.request
    plan = read_prompt(request.prompt, request.negative_prompt, request.seed)
    show = Show(scenery_of(task, plan), plan, request, task.size)
    picture = blank(task.size)
    with raw.open("wb") as file:
        for frame in range(request.frame_count):
            show.draw(frame / (request.frame_count - 1), picture)
            for plane in (picture.y, picture.u, picture.v):
                file.write(np.ascontiguousarray(plane).data)


def task_for(size: Size, prompt: str, folder: Path) -> RenderTask:
    request = VideoRequest(
        model="wan2.7-i2v",
        prompt=prompt,
        first_frame=Frame("first", "image"),
        duration_s=DURATION_S,
        frame_rate=FRAME_RATE,
        seed=1,
        size=size,
    )
    out = str(folder / "video.part")
    return RenderTask("benchmark", request, size, {"first": str(PHOTO)}, out)


if __name__ == "__main__":
    main()
