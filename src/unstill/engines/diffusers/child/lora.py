"""LoRA files, added into the weights for good: a file for the first expert, one for the second.

Fused, they cost nothing while rendering, and storage in 8 bits and offload see plain weights; so
they come first (docs/engines/diffusers.md). A file that changes nothing is refused: its owner has
taken it for another model's, and would wonder about the videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from unstill.domain.errors import BadSetting
from unstill.engines.diffusers.child.error_line import in_a_line
from unstill.engines.diffusers.child.memory_end import is_out_of_memory
from unstill.engines.diffusers.profile import Profile

SETTING = "lora"


def fuse(pipeline: Any, files: Sequence[Path], profile: Profile) -> None:
    """Add each file to its expert's weights. Raises BadSetting, which names the file."""
    if not files:
        return
    if len(files) > len(profile.denoisers):
        raise BadSetting(
            SETTING,
            f"{len(files)} files for {profile.title}, which takes {len(profile.denoisers)}",
        )
    if not hasattr(pipeline, "load_lora_weights"):
        raise BadSetting(SETTING, f"{profile.title} takes none")
    for file in files:
        _check(file)
    for index, (file, denoiser) in enumerate(zip(files, profile.denoisers, strict=False)):
        _fuse_one(pipeline, file, denoiser, is_second=index > 0)


def _check(file: Path) -> None:
    """Whether it is there and a file of tensors."""
    if not file.is_file():
        raise BadSetting(SETTING, f"{file.name} is not there")
    try:
        with safe_open(file, framework="pt") as opened:
            is_empty = not list(opened.keys())
    except (SafetensorError, OSError) as error:
        reason = f"{file.name} is not a whole safetensors file: {error}"
        raise BadSetting(SETTING, reason) from error
    if is_empty:
        raise BadSetting(SETTING, f"{file.name} has no tensors")


def _fuse_one(pipeline: Any, file: Path, denoiser: str, *, is_second: bool) -> None:
    adapter = f"from_settings_{denoiser}"
    where = {"load_into_transformer_2": True} if is_second else {}
    try:
        pipeline.load_lora_weights(
            file.parent, weight_name=file.name, adapter_name=adapter, local_files_only=True, **where
        )
        if not _changes(getattr(pipeline, denoiser), adapter):
            reason = f"{file.name} changes nothing in {denoiser}: it is not for it"
            raise BadSetting(SETTING, reason)
        pipeline.fuse_lora(components=[denoiser], adapter_names=[adapter], safe_fusing=True)
    except (OSError, ValueError, RuntimeError, LookupError, AttributeError, TypeError) as error:
        # What diffusers and peft say of tensors whose names or shapes they cannot place, and of
        # sums that are no numbers; of a file that is no longer there.
        if is_out_of_memory(error):
            raise
        reason = f"{file.name} does not fit {denoiser}: {in_a_line(error)}"
        raise BadSetting(SETTING, reason) from error
    finally:
        pipeline.unload_lora_weights()


def _changes(expert: Any, adapter: str) -> bool:
    """Whether any of its layers has got a difference that is not zero."""
    added = (
        layer.lora_B[adapter].weight
        for layer in expert.modules()
        if adapter in getattr(layer, "lora_B", ())
    )
    return any(bool(torch.any(weight != 0)) for weight in added)
