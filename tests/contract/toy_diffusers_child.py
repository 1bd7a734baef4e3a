"""A child program in the place of the one that has weights: it does as prompts and files say.

What it is told it writes into `journal` in the folder of weights. Files there, by their names:

    too-small     so many rungs down, and fewer, want memory as they are loaded
    broken        its text is why the weights do not load
    hold          a load waits until it is gone

Words of a prompt:

    die-above N   killed where the task is fewer rungs down
    want-above N  wants memory there, and says so
    hold FILE     waits until it is there, and reports
    hang          says nothing any more
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import NoReturn

import msgspec

from unstill.domain.errors import OperatorError
from unstill.engines.diffusers.options import PipelineOptions, Rung
from unstill.engines.diffusers.task import (
    LOADED,
    OUT_OF_MEMORY,
    Generated,
    GenerateTask,
    Loaded,
    LoadTask,
    WarmTask,
)
from unstill.media.child_main import Reports, serve

RUNGS: tuple[Rung, ...] = ("resident", "block-offload", "block-offload-fp8")


class Told(msgspec.Struct, frozen=True):
    """A line of the journal."""

    task: str
    process: int
    rungs_down: int
    device: str  # as the task says
    visible: str  # as the environment says
    threads: str
    shape: str = ""


class Holder:
    """What it has loaded, as it says."""

    def __init__(self) -> None:
        self.options: PipelineOptions | None = None
        self.rungs_down = -1

    def have(self, task: LoadTask, report: Reports) -> Loaded:
        folder = Path(task.options.path)
        memory = rung_of(task)
        hold_while(folder / "hold")
        if (folder / "broken").exists():
            raise OperatorError((folder / "broken").read_text())
        too_small = folder / "too-small"
        if too_small.exists() and task.rungs_down < int(too_small.read_text()):
            want_memory(task, report)
        if (self.options, self.rungs_down) != (task.options, task.rungs_down):
            self.options, self.rungs_down = task.options, task.rungs_down
            report.note(LOADED, memory=memory, rungs_down=task.rungs_down)
        return Loaded(profile="toy", memory=memory, attention="native", took_s=0.0)


HOLDER = Holder()


def load(task: LoadTask, report: Reports) -> Loaded:
    tell(task, "load")
    return HOLDER.have(task, report)


def warm(task: WarmTask, report: Reports) -> None:
    shapes = ",".join(f"{size}x{task.duration_s}" for size in task.shapes)
    tell(task.load, "warm", shapes)
    HOLDER.have(task.load, report)


def render(task: GenerateTask, report: Reports) -> Generated:
    tell(task.load, "render")
    loaded = HOLDER.have(task.load, report)
    match task.request.prompt.split():
        case ["die-above", number] if task.load.rungs_down < int(number):
            os.kill(os.getpid(), signal.SIGKILL)
        case ["want-above", number] if task.load.rungs_down < int(number):
            want_memory(task.load, report)
        case ["hold", file]:
            while not Path(file).exists():
                report(0.1)
                time.sleep(0.01)
        case ["hang"]:
            signal.pause()
    report(1.0)
    Path(task.out).write_bytes(b"a video")
    return Generated(
        loaded=loaded,
        steps=task.load.options.steps or 40,
        frame_count=1,
        frame_rate=1,
        forwards=1,
        peak_bytes=0,
        took_s={},
    )


def tell(task: LoadTask, name: str, shape: str = "") -> None:
    told = Told(
        task=name,
        process=os.getpid(),
        rungs_down=task.rungs_down,
        device=task.device,
        visible=os.environ["CUDA_VISIBLE_DEVICES"],
        threads=os.environ["OMP_NUM_THREADS"],
        shape=shape,
    )
    with Path(task.options.path, "journal").open("ab") as journal:
        journal.write(msgspec.json.encode(told) + b"\n")


def want_memory(task: LoadTask, report: Reports) -> NoReturn:
    report.note(OUT_OF_MEMORY, memory=rung_of(task), rungs_down=task.rungs_down, during="denoise")
    sys.stderr.write("out of memory: 3 GiB were asked for\n")
    sys.stderr.flush()
    os._exit(75)


def rung_of(task: LoadTask) -> Rung:
    return RUNGS[min(task.rungs_down, len(RUNGS) - 1)]


def hold_while(file: Path) -> None:
    while file.exists():
        time.sleep(0.01)


if __name__ == "__main__":
    serve({"load": load, "warm": warm, "render": render})
