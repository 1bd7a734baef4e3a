"""Where a camera job's CPU-seconds go, part by part: set-up, drawing, encoding.

    python -m benchmarks.camera_parts [PHOTO ...]

Each kind of move is rendered several times at 720P, 5 s at 30 frames a second, on a photo that the
process has not seen, and then once more on the photo that it has kept. The cheapest run of each
counts. A part's time is its own, without that of the parts within it. Last, what the start of a
child takes: its interpreter and all that it imports.
"""

from __future__ import annotations

import os

# before numpy is loaded: one thread each, as in the engine's children
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from unstill.domain.request import Frame, Size, VideoRequest
from unstill.engines.camera import (
    depth,
    framing,
    kept_photos,
    level,
    picture,
    render,
    saliency,
    scenes,
    subject,
    warp,
)
from unstill.engines.camera.task import RenderTask
from unstill.media import video_writer

OUR_OWN: Final = Path(__file__).parents[1] / "photos"
PROMPTS: Final = ("", "push in", "orbit around the subject", "pan left", "roll", "static shot")
ROUNDS: Final = 3
SIZE: Final = Size(1280, 720)
DURATION_S, FRAME_RATE = 5, 30

MASKS: Final = saliency.run  # those that are remembered

# each part, and the names by which it is called
PARTS: Final[dict[str, tuple[tuple[ModuleType | type, str], ...]]] = {
    "decode": ((kept_photos, "open_frame"),),
    "mask": ((saliency, "run"),),
    "subject": ((framing, "find_subject"), (subject, "subject_of")),
    "scale": ((framing, "fit_photo"), (picture, "planes_of")),
    "sky": ((picture, "find_sky"),),
    "depth": ((scenes, "guess_depth"),),
    "lines": ((level, "find_lines"), (level, "is_flat"), (level, "evened")),
    "path": ((scenes, "planned"), (scenes, "tamed"), (scenes, "straightened")),
    "hold": ((scenes, "held"), (scenes, "with_overscan")),
    "vanishing": ((depth, "vanishing_point"),),
    "look": ((warp.Lens, "grid"),),
    "luma": ((warp.PixelFetcher, "fetch"),),
    "chroma": ((warp.PixelFetcher, "fetch_chroma"),),
    "encode": ((video_writer.VideoWriter, "write"), (video_writer.VideoWriter, "__exit__")),
}
SET_UP: Final = tuple(PARTS)[: tuple(PARTS).index("look")]
DRAWING: Final = ("look", "luma", "chroma")


class Clock:
    """CPU-seconds of each part, without those of the parts that it calls."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = {}
        self._inner_s: list[float] = []

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **more: Any) -> Any:
            begin_s = time.process_time()
            self._inner_s.append(0.0)
            try:
                return function(*args, **more)
            finally:
                whole_s = time.process_time() - begin_s
                own_s = whole_s - self._inner_s.pop()
                self.spent_s[part] = self.spent_s.get(part, 0.0) + own_s
                if self._inner_s:
                    self._inner_s[-1] += whole_s

        return call

    def lap(self) -> dict[str, float]:
        """What has been spent since the last lap."""
        spent_s, self.spent_s = self.spent_s, {}
        return spent_s


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.camera_parts", description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path, default=[OUR_OWN / "chelsea.jpg"])
    clock = Clock()
    for part, names in PARTS.items():
        for owner, name in names:
            setattr(owner, name, clock.timed(part, getattr(owner, name)))
    whole = clock.timed("rest", render.render)
    forget = kept_photos.made_ready.cache_clear
    forget_masks = MASKS.cache_clear
    for photo in parser.parse_args().photos:
        table = Table("", *(prompt or "no prompt" for prompt in PROMPTS), title=photo.name)
        new, kept = [], []
        for prompt in PROMPTS:
            rounds = []
            for _ in range(ROUNDS):
                forget()
                forget_masks()
                rounds.append(spent_on(photo, prompt, whole, clock))
            new.append(min(rounds, key=total))
            kept.append(spent_on(photo, prompt, whole, clock))
        for part in (*PARTS, "rest"):
            table.add_row(part, *(f"{each.get(part, 0.0):.3f}" for each in new))
        for name, parts in (("set-up", SET_UP), ("drawing", DRAWING)):
            table.add_row(name, *(f"{total(each, parts):.2f}" for each in new), style="bold")
        table.add_row("in all", *(f"{total(each):.2f}" for each in new), style="bold")
        table.add_row("in all, kept", *(f"{total(each):.2f}" for each in kept), style="bold")
        frames = DURATION_S * FRAME_RATE
        table.add_row("frames per CPU-second", *(f"{frames / total(each):.0f}" for each in new))
        Console(width=120).print(table)
    print(f"start of a child: {min(child_start_s() for _ in range(ROUNDS)):.2f} CPU-seconds")


def total(spent_s: Mapping[str, float], parts: Iterable[str] | None = None) -> float:
    return sum(spent_s.get(part, 0.0) for part in (spent_s if parts is None else parts))


def spent_on(photo: Path, prompt: str, whole: Callable[..., Any], clock: Clock) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="unstill-") as folder:
        request = VideoRequest(
            model="wan2.7-i2v",
            prompt=prompt,
            first_frame=Frame("first", "image"),
            duration_s=DURATION_S,
            frame_rate=FRAME_RATE,
            seed=1,
            size=SIZE,
        )
        out = str(Path(folder) / "video.part")
        clock.lap()
        whole(RenderTask("benchmark", request, SIZE, {"first": str(photo)}, out), lambda _: None)
        return clock.lap()


def child_start_s() -> float:
    """Of a child that is told of no task and ends."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = (sys.executable, "-m", "unstill.engines.camera")
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
