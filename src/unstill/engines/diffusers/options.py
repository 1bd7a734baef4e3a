"""What an operator has said of one engine, as its child programs are told it. Plain values."""

from __future__ import annotations

from typing import Literal

import msgspec

Rung = Literal["resident", "block-offload", "block-offload-fp8"]  # the memory ladder, top first
Memory = Literal["auto"] | Rung
Attention = Literal[
    "auto",
    "native",
    "cudnn",
    "flash",
    "flash-3",
    "efficient",
    "math",
    "flex",
    "xformers",
    "sage",
]


class PipelineOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One `[engines.NAME]` of this kind, besides its devices; None or 0: as its profile has it."""

    path: str  # the folder of weights, in diffusers' layout
    memory: Memory = "auto"
    attention: Attention = "auto"
    compile: bool = False
    lora: tuple[str, ...] = ()  # files, for the first expert and for the second
    steps: int = 0
    guidance: float | None = None
    guidance_2: float | None = None
    shift: float | None = None
    fps: int = 0
