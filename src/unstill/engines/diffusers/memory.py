"""The memory ladder: what each rung needs of a device, and which one fits. Pure arithmetic.

    resident           all denoisers and the VAE on the device
    block-offload      two blocks of a denoiser there, one at work and one on its way
    block-offload-fp8  the same, blocks stored in 8 bits

Estimates, by arithmetic alone: a rung too low costs time, and a job for which one was too high goes
on a rung further down.
"""

from __future__ import annotations

from typing import get_args

import msgspec

from unstill.domain.request import Size
from unstill.engines.diffusers.folder import VAE, Folder
from unstill.engines.diffusers.options import Rung

RUNGS: tuple[Rung, ...] = get_args(Rung)  # top first
LARGEST = Size(1280, 720)  # what is planned for before any job is known

# Copies of all tokens in bfloat16 that a block has at once: its input, the residual, both norms in
# float32, query, key, value, the attention's output, and the wide half of the feed-forward.
_ACTIVATIONS = 16
# Copies of the widest feature map: input, output, what a norm makes of it, a convolution's room.
_FEATURE_MAPS = 4
# The finished video in float32: each piece is joined to what is there, by a copy of both.
_VIDEOS = 2
_BF16, _FP32 = 2, 4
_COLOURS = 3
_AT_ONCE = 2  # blocks on the device, where the next is copied while one is at work
# A share of the free memory, where encoders stay; of the host's, where weights are pinned.
_SPARE = 0.9


class Fit(msgspec.Struct, frozen=True):
    """A rung for a device. `is_tight`: it is the last one, and may not be enough."""

    rung: Rung
    needs_bytes: int
    free_bytes: int
    is_tight: bool
    keeps_encoders: bool  # on the device; else they are there only while they work


class HostMemory(msgspec.Struct, frozen=True):
    """What a rung needs of the machine's own memory."""

    held_bytes: int  # weights that wait there
    pinned_each_bytes: int  # for one denoiser, so that copies go beside the work; 0: none waits
    pinned: int  # so many denoisers can be, in order


def needs(folder: Folder, *, size: Size, frames: int) -> dict[Rung, int]:
    """Bytes of a device's memory for each rung that the profile has, encoders not counted."""
    weights = folder.bytes_of
    denoisers = [weights[name] for name in folder.profile.denoisers]
    blocks = max(denoisers) * _AT_ONCE // folder.blocks
    held = {
        "resident": sum(denoisers),
        "block-offload": blocks,
        "block-offload-fp8": blocks // 2,
    }
    rest = weights[VAE] + working_bytes(folder, size=size, frames=frames)
    return {rung: held[rung] + rest for rung in RUNGS if rung in folder.profile.rungs}


def working_bytes(folder: Folder, *, size: Size, frames: int) -> int:
    """The most that a render takes besides weights: a block's activations, or the VAE's decode."""
    profile = folder.profile
    multiple = profile.size_multiple
    latents = profile.frames.latents(frames)
    tokens = latents * -(-size.width // multiple) * -(-size.height // multiple)
    activations = tokens * folder.hidden * _BF16 * _ACTIVATIONS
    tile = profile.vae_tile or max(size.width, size.height)
    pixels = min(size.width, tile) * min(size.height, tile)
    decoded = min(profile.vae_frames or frames, frames)
    decode = pixels * decoded * profile.vae_channels * _FP32 * _FEATURE_MAPS
    video = size.width * size.height * frames * _COLOURS * _FP32 * _VIDEOS
    return max(activations, decode + video)


def fits(folder: Folder, *, size: Size, frames: int, free_bytes: int) -> Fit:
    """The first rung that fits into what is free; the last one where none does."""
    needed = needs(folder, size=size, frames=frames)
    rung = next((rung for rung in needed if needed[rung] <= free_bytes), list(needed)[-1])
    return fit_of(folder, rung, size=size, frames=frames, free_bytes=free_bytes)


def fit_of(folder: Folder, rung: Rung, *, size: Size, frames: int, free_bytes: int) -> Fit:
    """How a rung that somebody has chosen fits."""
    needed = needs(folder, size=size, frames=frames)[rung]
    encoders = sum(folder.bytes_of[name] for name in folder.encoders)
    return Fit(
        rung=rung,
        needs_bytes=needed,
        free_bytes=free_bytes,
        is_tight=needed > free_bytes,
        keeps_encoders=rung == "resident" and needed + encoders <= free_bytes * _SPARE,
    )


def down(rung: Rung, steps: int, rungs: tuple[Rung, ...] = RUNGS) -> Rung:
    """So many rungs further down, at most the last of a profile's."""
    below = [each for each in rungs if RUNGS.index(each) >= RUNGS.index(rung)]
    return below[min(steps, len(below) - 1)] if below else rungs[-1]


def host_memory(folder: Folder, rung: Rung, *, free_bytes: int) -> HostMemory:
    """What waits in the machine's memory, and for how many denoisers there is room to pin it.

    free_bytes: of the machine, before anything is loaded.
    """
    weights = folder.bytes_of
    encoders = sum(weights[name] for name in folder.encoders)
    if rung == "resident":
        return HostMemory(held_bytes=encoders, pinned_each_bytes=0, pinned=0)
    parts = 2 if rung == "block-offload-fp8" else 1
    denoisers = [weights[name] // parts for name in folder.profile.denoisers]
    held = encoders + sum(denoisers)
    # What is pinned cannot be swapped out, so that the rest has to find room beside it.
    pinned, left = 0, int(free_bytes * _SPARE) - encoders
    for each in denoisers:
        left -= each
        pinned += left >= 0
    return HostMemory(held_bytes=held, pinned_each_bytes=max(denoisers), pinned=pinned)
