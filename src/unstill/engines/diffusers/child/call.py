"""What a pipeline's call is given, by the names that it has and its profile says."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from PIL.Image import Image

from unstill.domain.request import Role
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profile import GUIDER, Profile
from unstill.engines.diffusers.sampling import guidance_of, is_guided
from unstill.engines.diffusers.shapes import Shape


class PipelineCall(NamedTuple):
    """What differs from one call of a pipeline to the next.

    output: "np" is float32 (1, frames, height, width, 3), 0 to 1; "latent" is not decoded.
    """

    shape: Shape
    pictures: Mapping[Role, Image]
    prompt: str  # may be empty: pipelines refuse None
    negative_prompt: str
    seed: int
    steps: int
    output: Literal["np", "latent"] = "np"


def arguments_of(
    pipeline: Any, profile: Profile, options: PipelineOptions, call: PipelineCall
) -> dict[str, Any]:
    """The usual ones, where the pipeline has their names, and those that its profile names."""
    usual = {
        "prompt": call.prompt,
        "image": call.pictures["first"],
        "num_frames": call.shape.frames_asked,
        "height": call.shape.render.height,
        "width": call.shape.render.width,
        "num_inference_steps": call.steps,
        # on the CPU, whose numbers are the same for every device
        "generator": torch.Generator("cpu").manual_seed(call.seed),
        "output_type": call.output,
    }
    own: dict[str, Any] = {
        name: value
        for name, value in zip(profile.guidance, guidance_of(options, profile), strict=True)
        if name != GUIDER and value is not None
    }
    if profile.negative_prompt:
        own["negative_prompt"] = call.negative_prompt
    if profile.frame_rate_argument is not None:
        own[profile.frame_rate_argument] = call.shape.frame_rate
    if profile.last_frame == "argument" and "last" in call.pictures:
        own["last_image"] = call.pictures["last"]
    if profile.last_frame == "conditions":
        del usual["image"]
        own["conditions"] = conditions(pipeline, call)
    names = inspect.signature(pipeline.__call__).parameters
    return {name: value for name, value in usual.items() if name in names} | own


def conditions(pipeline: Any, call: PipelineCall) -> list[Any]:
    """The pictures as the pipeline's own type of condition, each with the number of its frame."""
    module = inspect.getmodule(type(pipeline))
    kind = next(each for name, each in vars(module).items() if name.endswith("VideoCondition"))
    numbers: Mapping[Role, int] = {"first": 0, "last": call.shape.frames_asked - 1}
    return [
        kind(image=picture, frame_index=numbers[role]) for role, picture in call.pictures.items()
    ]


def forwards_of(pipeline: Any, profile: Profile, options: PipelineOptions, steps: int) -> int:
    """How often the denoisers are called for a whole render."""
    return steps * (profile.forwards_per_step if has_two_passes(pipeline, profile, options) else 1)


def has_two_passes(pipeline: Any, profile: Profile, options: PipelineOptions) -> bool:
    """Whether there is a pass for what is not wanted."""
    if GUIDER in profile.guidance:
        return bool(pipeline.guider.guidance_scale > 1)
    return is_guided(options, profile)
