"""Tasks for the diffusers engine's child over tiny folders, and what a task hears of one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray

from support.requests import a_request
from unstill.domain.request import Frame, Role, Size
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.task import GenerateTask, LoadTask
from unstill.media.child_main import TaskStopped

PHOTOS = Path(__file__).parents[2] / "photos"
CAT, ROCKET = PHOTOS / "chelsea.jpg", PHOTOS / "rocket.jpg"
SMALL = Size(96, 64)
FPS = 4  # a second has four frames, of the five that all pipelines can make

Pixels = NDArray[np.uint8]


class Heard:
    """The reports of one task; after `stop_after` of them it is stopped."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.fractions: list[float] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self._stop_after = stop_after

    def __call__(self, fraction: float) -> None:
        if len(self.fractions) == self._stop_after:
            raise TaskStopped
        self.fractions.append(fraction)

    def note(self, name: str, /, **fields: str | float) -> None:
        self.notes.append((name, fields))

    def noted(self, name: str) -> dict[str, Any]:
        """The fields of its only note of that name."""
        [fields] = [fields for each, fields in self.notes if each == name]
        return fields


def load_task(folder: Path, *, rungs_down: int = 0, **options: Any) -> LoadTask:
    """Few steps and frames where the options do not say otherwise."""
    said = PipelineOptions(path=str(folder), **{"steps": 2, "fps": FPS} | options)
    return LoadTask(options=said, device="cpu", rungs_down=rungs_down)


def render_task(
    load: LoadTask,
    out: Path,
    *,
    size: Size = SMALL,
    first: Path = CAT,
    last: Path | None = None,
    tells_prompt: bool = False,
    **fields: Any,
) -> GenerateTask:
    """A second; `fields` are those of the request."""
    frames: dict[Role, str] = {"first": str(first)}
    if last is not None:
        frames["last"] = str(last)
    request = a_request(
        **{
            "model": "tiny",
            "prompt": "a cat turns its head",
            "duration_s": 1,
            "last_frame": Frame("last", "last_image") if last else None,
        }
        | fields
    )
    return GenerateTask(
        load=load,
        job_id="job-1",
        request=request,
        size=size,
        frames=frames,
        out=str(out),
        tells_prompt=tells_prompt,
    )


def digest(video: Path) -> str:
    return hashlib.sha256(video.read_bytes()).hexdigest()


def frames_of(video: Path) -> list[Pixels]:
    with av.open(video) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def pixels_digest(video: Path | IO[bytes]) -> str:
    """Of all frames in their order; what the file has beside them names its job."""
    found = hashlib.sha256()
    with av.open(video, "r") as container:
        for frame in container.decode(video=0):
            found.update(frame.to_ndarray(format="rgb24").tobytes())
    return found.hexdigest()
