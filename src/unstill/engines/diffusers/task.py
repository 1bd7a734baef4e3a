"""What the server tells a child, and what it answers. Plain values, no pixels."""

from __future__ import annotations

import msgspec

from unstill.domain.request import Role, Size, VideoRequest
from unstill.engines.diffusers.options import PipelineOptions, Rung

OUT_OF_MEMORY = "out_of_memory"  # the note that a child leaves before it ends for want of it
LOADING, LOADED = "weights_loading", "weights_loaded"


class LoadTask(msgspec.Struct, frozen=True):
    """Have the weights on the device; done at once where they are there."""

    options: PipelineOptions
    device: str  # "cuda" or "cpu": a child sees one device
    rungs_down: int = 0  # so many steps further down the memory ladder than fits


class Loaded(msgspec.Struct, frozen=True):
    """How the weights lie there."""

    profile: str
    memory: Rung
    attention: str
    took_s: float


class WarmTask(msgspec.Struct, frozen=True):
    """Compile for these shapes, where the options ask for it; a step of each."""

    load: LoadTask
    shapes: tuple[Size, ...]
    duration_s: int


class GenerateTask(msgspec.Struct, frozen=True):
    """A scene with its paths as text, for a line of JSON."""

    load: LoadTask
    job_id: str
    request: VideoRequest
    size: Size
    frames: dict[Role, str]
    out: str
    tells_prompt: bool = False  # in the file's metadata


class Generated(msgspec.Struct, frozen=True):
    """What was made, and how."""

    loaded: Loaded
    steps: int
    frame_count: int
    frame_rate: int
    forwards: int  # the denoiser's
    peak_bytes: int  # the device's memory; the child's, on a CPU
    took_s: dict[str, float]  # by phase: encode, denoise, decode
