"""Where the weights lie on each rung of the memory ladder, by diffusers' own hooks.

On a CPU all rungs run too, from the CPU onto the CPU: that is how their results are compared.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from diffusers.hooks import apply_group_offloading

from unstill.engines.diffusers.environment import CUDA
from unstill.engines.diffusers.folder import VAE
from unstill.engines.diffusers.options import Rung
from unstill.engines.diffusers.profile import Profile

WHOLE = (torch.nn.MultiheadAttention,)  # reads the weights of its parts without calling them
STORED = torch.float8_e4m3fn  # one byte for two: half the memory, half of what is copied


def lay_out(
    pipeline: Any,
    profile: Profile,
    *,
    rung: Rung,
    device: str,
    encoders_stay: bool,
    encoders_pinned: bool = False,
    pinned: int,
) -> None:
    """Put a pipeline's networks where the rung has them; its LoRAs are fused by now.

    encoders_stay: on the device, where all fits with room.
    encoders_pinned, pinned: what of the encoders and of so many denoisers waits on the host is
        pinned, so that a device reads it while it computes; other parts are when it is their turn.
    """
    for name, network in networks_of(pipeline).items():
        if name in profile.denoisers:
            is_pinned = profile.denoisers.index(name) < pinned
            _lay_out_denoiser(network, rung=rung, device=device, is_pinned=is_pinned)
        elif name == VAE or encoders_stay:
            network.to(device)
        else:
            by_block = any(isinstance(each, WHOLE) for each in network.modules())
            _offload(network, device=device, by_block=by_block, is_pinned=encoders_pinned)


def networks_of(pipeline: Any) -> dict[str, Any]:
    """The components of a pipeline that have weights, by name."""
    return {
        name: each
        for name, each in pipeline.components.items()
        if isinstance(each, torch.nn.Module)
    }


def _lay_out_denoiser(denoiser: Any, *, rung: Rung, device: str, is_pinned: bool) -> None:
    if rung == "resident":
        denoiser.to(device)
        return
    if rung == "block-offload-fp8":
        denoiser.enable_layerwise_casting(storage_dtype=STORED, compute_dtype=denoiser.dtype)
    _offload(denoiser, device=device, by_block=True, is_pinned=is_pinned)


def _offload(network: Any, *, device: str, by_block: bool, is_pinned: bool) -> None:
    """Its parts come to the device when they are called; on CUDA the next one comes meanwhile."""
    has_stream = device == CUDA
    apply_group_offloading(
        network,
        onload_device=torch.device(device),
        offload_device=torch.device("cpu"),
        offload_type="block_level" if by_block else "leaf_level",
        num_blocks_per_group=1 if by_block else None,
        use_stream=has_stream,
        low_cpu_mem_usage=has_stream and not is_pinned,
    )


def pin_as_it_is() -> bool:
    """Have what is pinned take no more than its size; whether this torch can.

    By itself torch rounds it up to a power of two: a block of Wan A14B from 0.7 to 1.1 GB.
    Source: torch 2.13, ATen/core/CachingHostAllocator.h, allocate().
    """
    said = os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "")  # setting one may forget the others
    try:
        torch._C._accelerator_setAllocatorSettings(  # noqa: SLF001  - it has no other name
            ",".join(filter(None, (said, "pinned_max_round_threshold_mb:1")))
        )
    except (AttributeError, RuntimeError, ValueError):  # an older torch
        return False
    return True
