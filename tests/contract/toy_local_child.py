"""The toy local engine's child program, as `engines/NEW/__main__.py` and what it paints with.

It paints each frame in one colour, on the device that its environment names.
"""

from __future__ import annotations

import os
import signal
import time
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np

from unstill.domain.engine import Report
from unstill.domain.request import Size
from unstill.media.child_main import serve

ADDRESS_SPACE_BYTES = 8 * 1024**3
DEVICE, LOADS_S = "TOY_DEVICE", "TOY_LOADS_S"


class PaintTask(msgspec.Struct, frozen=True):
    """A scene as this child needs it, for a line of JSON."""

    out: str
    size: Size
    frame_rate: int
    frame_count: int
    prompt: str


class Painted(msgspec.Struct, frozen=True):
    """What was made."""

    frame_count: int
    device: str


def paint(task: PaintTask, report: Report) -> Painted:
    """Write the mp4. A prompt may ask for what goes wrong with children: `word FILE`."""
    match task.prompt.split():
        case ["die-once", note] if not Path(note).exists():
            Path(note).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case ["meet", folder]:  # until a second child has come, with another device
            Path(folder, str(os.getpid())).touch()
            while len(list(Path(folder).iterdir())) < 2:
                time.sleep(0.01)
    _write(task, report)
    return Painted(task.frame_count, os.environ[DEVICE])


def _write(task: PaintTask, report: Report) -> None:
    size, rate = task.size, task.frame_rate
    with av.open(task.out, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata["comment"] = f"painted by {os.environ[DEVICE]}"
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        for number in range(task.frame_count):
            pixels = np.full((size.height, size.width, 3), number % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            report((number + 1) / task.frame_count)
        container.mux(stream.encode(None))


if __name__ == "__main__":
    time.sleep(float(os.environ[LOADS_S]))  # as weights are loaded, before its first word
    serve({"paint": paint}, address_space_bytes=ADDRESS_SPACE_BYTES)
