"""What the camera engine costs against its limit, and how good its files are.

    python -m benchmarks.camera [--write] [--vmaf FFMPEG]

The limit is ffmpeg encoding the very same raw frames: both on one thread with the same encoder
settings, in turns, several times; the best run of each counts, in frames per CPU-second. The
camera first finds what is in the photo, as for a photo that it has not seen, and then renders it
once more, as for the next prompt: of a short video the finding is a third. VMAF is
of the engine's file against its raw frames, by an ffmpeg that has libvmaf (the wheel of
imageio-ffmpeg 0.8 brings one): a faster encoder is only faster at the same VMAF. Then whole jobs
through a server. With --write also to benchmarks/CAMERA.md.
"""

from __future__ import annotations

import os

# before numpy is loaded: one thread each, as in the engine's children
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import importlib.util
import platform
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from benchmarks.camera_jobs import Jobs, jobs_through_a_server
from rich.console import Console
from rich.table import Table

from unstill.domain.request import Frame, Size, VideoRequest
from unstill.engines.camera.kept_photos import made_ready
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.render import render, scenery_of
from unstill.engines.camera.saliency import run
from unstill.engines.camera.scenes import Show, blank
from unstill.engines.camera.task import RenderTask
from unstill.media.video_writer import KEY_FRAME_EVERY_S, X264

OUR_OWN: Final = Path(__file__).parents[1] / "photos"
PHOTOS: Final = {
    "a cat, 451 px wide": OUR_OWN / "chelsea.jpg",
    "a coffee cup, 600 px wide": OUR_OWN / "coffee.jpg",
    # of Debian's lomiri-wallpapers; rocks and grass up to the edge
    "mountains, full of detail": Path(
        "/usr/share/backgrounds/picosdeeuropa_by_Aitzol_Berasategi.jpg"
    ),
}
SIZES: Final = (Size(1280, 720), Size(1920, 1080))
PROMPTS: Final = ("push in", "orbit around the subject", "pan left")
DURATION_S, FRAME_RATE = 3, 24
ROUNDS = 3
LIMIT_RATIO = 0.65  # the engine's budget
QUIET_LOAD = 0.5  # more of it beside us, and figures are those of the others
RESULTS: Final = Path(__file__).with_name("CAMERA.md")
COLUMNS: Final = (
    *("size", "photo", "prompt", "new photo", "known photo", "ffmpeg", "ratio", "VMAF", "Mbit/s"),
)


class Pace(NamedTuple):
    """Frames per CPU-second: of a photo that is new, of the same again, and of ffmpeg alone."""

    new: float
    known: float
    limit: float

    @property
    def ratio(self) -> float:
        return self.known / self.limit


class Row(NamedTuple):
    """vmaf: None without an ffmpeg that has it."""

    size: Size
    photo: str
    prompt: str
    pace: Pace
    vmaf: float | None
    mbit_per_s: float

    @property
    def cells(self) -> tuple[str, ...]:
        vmaf = "-" if self.vmaf is None else f"{self.vmaf:.1f}"
        figures = (*(f"{frames:.0f}" for frames in self.pace), f"{self.pace.ratio:.2f}", vmaf)
        return (str(self.size), self.photo, self.prompt, *figures, f"{self.mbit_per_s:.1f}")


def main() -> None:
    options = read_options()
    load = os.getloadavg()[0]
    if load > QUIET_LOAD and options.write:
        raise SystemExit(f"not written: the load here is {load:.1f} before we begin")
    rows = list(measured(found_vmaf(options.vmaf)))
    jobs = jobs_through_a_server(PHOTOS["a cat, 451 px wide"])
    table = Table(*COLUMNS, title=f"frames per CPU-second; budget: {LIMIT_RATIO} of the limit")
    for row in rows:
        table.add_row(*row.cells)
    Console(width=120).print(table)
    print(said(jobs))
    if options.write:
        RESULTS.write_text(written(rows, jobs), encoding="utf-8")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.camera", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"to {RESULTS.name}")
    parser.add_argument("--vmaf", help="an ffmpeg that has libvmaf")
    return parser.parse_args()


def cases() -> Iterator[tuple[Size, str, str]]:
    """Each photo that is here: with every prompt at 720P, with the first one at 1080P."""
    for photo, path in PHOTOS.items():
        if not path.exists():
            print(f"not measured, no {path.name} here: {photo}")
            continue
        yield from ((SIZES[0], photo, prompt) for prompt in PROMPTS)
        yield SIZES[1], photo, PROMPTS[0]


def measured(vmaf: str | None) -> Iterator[Row]:
    for size, photo, prompt in cases():
        with tempfile.TemporaryDirectory(prefix="unstill-") as name:
            folder = Path(name)
            task = task_for(size, prompt, folder, PHOTOS[photo])
            pace = compared(task, folder)
            video = Path(task.out)
            yield Row(
                size,
                photo,
                prompt,
                pace,
                vmaf_of(task, raw_in(folder), vmaf) if vmaf else None,
                video.stat().st_size * 8 / DURATION_S / 1e6,
            )


def compared(task: RenderTask, folder: Path) -> Pace:
    """The best of some rounds."""
    raw = raw_in(folder)
    write_raw(task, raw)
    rounds = []
    for _ in range(ROUNDS):
        forget_photos()
        rounds.append((render_cpu_s(task), render_cpu_s(task), encode_cpu_s(task, raw)))
    return Pace(*(task.request.frame_count / min(cpu_s) for cpu_s in zip(*rounds, strict=True)))


def raw_in(folder: Path) -> Path:
    return folder / "frames.yuv"


def forget_photos() -> None:
    made_ready.cache_clear()
    run.cache_clear()


def render_cpu_s(task: RenderTask) -> float:
    """Of a whole render, with all that it has to find in the photo."""
    begin_s = time.process_time()
    render(task, lambda _: None)
    return time.process_time() - begin_s


def encode_cpu_s(task: RenderTask, raw: Path) -> float:
    settings = [part for name, value in X264.items() for part in (f"-{name}", value)]
    begin_s = children_cpu_s()
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-y", *raw_input(task, raw)),
            *("-c:v", "libx264", "-threads", "1", "-g", str(KEY_FRAME_EVERY_S * FRAME_RATE)),
            *settings,
            *("-movflags", "+faststart", str(raw.with_suffix(".mp4"))),
        ],
        check=True,
    )
    return children_cpu_s() - begin_s


def raw_input(task: RenderTask, raw: Path) -> tuple[str, ...]:
    return (
        *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", str(task.size)),
        *("-r", str(FRAME_RATE), "-i", str(raw)),
    )


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def found_vmaf(named: str | None) -> str | None:
    """An ffmpeg with libvmaf: the one that was named, an installed wheel's, or the system's."""
    wheel = importlib.util.find_spec("imageio_ffmpeg")
    brought = Path(wheel.origin or "").parent.glob("binaries/ffmpeg-*") if wheel else ()
    candidates = [named, *map(str, brought), shutil.which("ffmpeg")]
    for ffmpeg in filter(None, candidates):
        filters = subprocess.run([ffmpeg, "-filters"], capture_output=True, text=True, check=False)
        if " libvmaf " in filters.stdout:
            return ffmpeg
    print("VMAF is not measured: it needs an ffmpeg with libvmaf, as imageio-ffmpeg 0.8 brings")
    return None


def vmaf_of(task: RenderTask, raw: Path, ffmpeg: str) -> float:
    """The mean VMAF of the engine's file against the frames that it was made of."""
    done = subprocess.run(
        [
            *(ffmpeg, "-hide_banner", "-r", str(FRAME_RATE), "-f", "mp4", "-i", task.out),
            *raw_input(task, raw),
            *("-lavfi", "[0:v][1:v]libvmaf=n_threads=2", "-f", "null", "-"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    score = re.search(r"VMAF score: ([\d.]+)", done.stderr)
    if score is None:
        raise AssertionError(f"no VMAF in what ffmpeg said: {done.stderr[-300:]}")
    return float(score[1])


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


def task_for(size: Size, prompt: str, folder: Path, photo: Path) -> RenderTask:
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
    return RenderTask("benchmark", request, size, {"first": str(photo)}, out)


def said(jobs: Jobs) -> str:
    return (
        f"A lone 5 s 720P job of {jobs.frames} frames, from POST to the last byte: "
        f"{jobs.lone_s:.2f} s (median of {jobs.lone_rounds}). {jobs.at_once} at once: "
        f"{jobs.per_minute:.0f} jobs a minute, {jobs.cpu_s:.2f} CPU-seconds each."
    )


def written(rows: Sequence[Row], jobs: Jobs) -> str:
    kernel = platform.release().split("-")[0]
    cores = len(os.sched_getaffinity(0))
    machine = f"{cores} cores, {platform.system()} {kernel}, Python {platform.python_version()}"
    how = (
        f"{DURATION_S} s at {FRAME_RATE} frames a second, frames per CPU-second, the best of "
        f"{ROUNDS} runs in turn: of a photo that the engine has not seen, of the same photo once "
        "more, and of ffmpeg, which encodes the very same frames with the same settings; the ratio "
        "is of the known photo. VMAF is of the engine's file against its raw frames."
    )
    lines = [
        "# The camera",
        "",
        f"`python -m benchmarks.camera --write`, {datetime.now(UTC):%Y-%m-%d}, {machine}.",
        how,
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
        *(f"| {' | '.join(row.cells)} |" for row in rows),
        "",
        said(jobs),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
