"""The one builder of a profile of a pipeline that there is not."""

from __future__ import annotations

from typing import Any

from unstill.engines.diffusers.profile import FrameCounts, Profile


def a_profile(**fields: Any) -> Profile:
    """It renders 4 k + 1 frames at 16 a second, in multiples of 16; `fields` are of Profile."""
    plain: dict[str, Any] = {
        "name": "toy",
        "title": "Toy",
        "source": "made up",
        "pipeline": "ToyPipeline",
        "components": {},
        "frames": FrameCounts(4),
        "size_multiple": 16,
        "fps": 16,
        "longest_frames": 129,
        "last_frame": "argument",
        "denoisers": ("transformer",),
        "guidance": ("guidance_scale",),
        "guidance_default": (5.0,),
        "steps": 40,
        "forwards_per_step": 2,
        "vae_channels": 96,
        "licence": "none",
    }
    return Profile(**plain | fields)
