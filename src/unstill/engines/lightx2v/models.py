"""What a LightX2V server is started with, and a request in its words. Pure.

A server has one set of weights and one task, given at its start (`--model_cls`, `--task`): it is
told neither in a call, and what its task has no use for it drops without a word. So a row is both:
what is i2v has no last frame, what is flf2v needs one.

Source: LightX2V, lightx2v/server: schema.py, api/tasks/video.py, services/generation/base.py, as of
2026-08-21 and, where other names are sent, of later; read 2026-11-28. Frame rates: fps of its
configs, 16 where they have none. It documents no longest video: the lengths are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import Role, Size, TierName, VideoRequest
from unstill.upstreams.sizes import not_offered
from unstill.upstreams.unsupported import Has, unsupported

FRAMES_STEP = 4  # what Wan's VAE has in time: it makes 4n + 1 frames
LENGTHS_S = tuple(range(1, 16))


class LightX2VModel(msgspec.Struct, frozen=True):
    """A set of weights and the task that a server has been started for."""

    name: str
    tiers: tuple[TierName, ...]
    fps: int = 16
    durations_s: tuple[int, ...] = LENGTHS_S
    has_last_frame: bool = False  # it needs one then


MODELS: Mapping[str, LightX2VModel] = {
    model.name: model
    for model in (
        LightX2VModel("wan2.2_moe", ("480P", "720P")),
        LightX2VModel("wan2.2_moe/flf2v", ("480P", "720P"), has_last_frame=True),
        LightX2VModel("wan2.2", ("720P",), fps=24),
        LightX2VModel("wan2.1", ("480P", "720P")),
        LightX2VModel("wan2.1/flf2v", ("480P", "720P"), has_last_frame=True),
    )
}

# The engine's own choice of an upstream model.
CHOICES: Mapping[str, str] = {"Wan-AI/Wan2.2-I2V": "wan2.2_moe"}


class LightX2VFields(msgspec.Struct, frozen=True):
    """How one version of LightX2V names what others name otherwise."""

    frames: str
    shape: str
    takes_last_frame: bool  # as a data URL; else as a file of a form


# A later version refuses the earlier one's names, the earlier one drops the later one's.
EARLIER = LightX2VFields("target_video_length", "target_shape", takes_last_frame=False)
LATER = LightX2VFields("num_frames", "size", takes_last_frame=True)


def learnt(properties: Mapping[str, Any]) -> LightX2VFields | None:
    """Which of both a server has, by the names in its own schema; None if it is neither."""
    return next((each for each in (LATER, EARLIER) if each.frames in properties), None)


def misfit(model: LightX2VModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    has = Has(last_frame=model.has_last_frame, negative_prompt=True, watermark=False, sound=False)
    missing = unsupported(request, has, name=model.name)
    if missing is not None:
        return missing
    if model.has_last_frame and request.last_frame is None:
        return MissingField("last_frame", f"{model.name} needs a first and a last frame")
    return not_offered(request, durations_s=model.durations_s, tiers=model.tiers)


def frames_of(model: LightX2VModel, duration_s: int) -> int:
    """How many frames are so many seconds: as many as fit, and the one that each begins with."""
    return duration_s * model.fps // FRAMES_STEP * FRAMES_STEP + 1


def fields_of(model: LightX2VModel, request: VideoRequest, names: LightX2VFields) -> dict[str, Any]:
    """What a form has as well as a body; steps, guidance and rates stay as the server's config."""
    fields: dict[str, Any] = {
        "prompt": request.prompt,
        names.frames: frames_of(model, request.duration_s),
    }
    if request.negative_prompt:
        fields["negative_prompt"] = request.negative_prompt
    if request.seed is not None:
        fields["seed"] = request.seed
    return fields


def body_of(
    fields: Mapping[str, Any],
    names: LightX2VFields,
    frames: Mapping[Role, str],
    size: Size,
    key: str,
) -> dict[str, Any]:
    """The body; `frames` are data URLs, `key` is its id.

    A later server saves no file where no name for it is given.
    """
    body = {
        "task_id": key,
        **fields,
        "image_path": frames["first"],
        names.shape: [size.height, size.width],
        "save_result_path": key,
    }
    if "last" in frames:
        body["last_frame_path"] = frames["last"]
    return body
