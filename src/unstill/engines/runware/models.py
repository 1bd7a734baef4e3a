"""Runware's image-to-video models: what each takes, and a request in its words. Pure.

Numbers: Runware's page of Wan2.7 and pages of its clients for HappyHorse, as of 2026-11-28; its
schemas of Seedance 2.5 and of H3, and the types of its SDK 1.8.0 and pages of its clients for
Seedance 2.0, as of 2026-11-30. Each model has a schema of its own, and a field that is not in it is
refused (`unsupportedParameter`). So nothing is sent that was not read: a negative prompt, a
watermark and the rewriting of prompts are left as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.upstreams.port import FrameForm
from unstill.upstreams.sizes import frame_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, prompt_misfit, unsupported

ROLES: tuple[Role, ...] = ("first", "last")
PICTURE_BYTES = 10 * 2**20  # none documented; ours
# Its own words for tiers, where they are not the tier's.
_RESOLUTIONS: Mapping[TierName, str] = {"2K": "1440p"}


class RunwareModel(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream model, by its AIR. No schema has limits of pictures: those here are its maker's
    own.
    """

    name: str
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    has_last_frame: bool = False
    has_seed: bool = True
    has_sound_switch: bool = False  # where there is none, a track comes or not by itself
    needs_prompt: bool = False
    prompt_chars: tuple[int, int | None] = (0, None)  # least and most of one that is there
    picture_sides_px: tuple[int, int] | None = None
    most_ratio: float | None = None  # the pictures' limit, which the videos follow


_SEEDANCE_25 = RunwareModel(
    name="bytedance:seedance@2.5",
    durations_s=tuple(range(4, 31)),
    tiers=("480P", "720P", "1080P"),
    has_last_frame=True,
    has_seed=False,
    has_sound_switch=True,
    prompt_chars=(2, 10_000),
    picture_sides_px=(300, 6000),
    most_ratio=2.5,
)
_H3 = RunwareModel(
    name="minimax:h3@0",
    durations_s=tuple(range(5, 16)),
    tiers=("768P", "2K"),
    has_last_frame=True,
    needs_prompt=True,
    prompt_chars=(2, 7000),
    picture_sides_px=(256, 5760),
    most_ratio=2.5,
)
_replace = msgspec.structs.replace

MODELS: Mapping[str, RunwareModel] = {
    model.name: model
    for model in (
        RunwareModel(
            name="alibaba:wan@2.7",
            durations_s=tuple(range(2, 16)),
            tiers=("720P", "1080P"),
            has_last_frame=True,
        ),
        RunwareModel(
            name="alibaba:happyhorse@1.0", durations_s=tuple(range(3, 16)), tiers=("720P", "1080P")
        ),
        RunwareModel(
            name="alibaba:happyhorse@1.1", durations_s=tuple(range(3, 16)), tiers=("720P", "1080P")
        ),
        _replace(
            _SEEDANCE_25,
            name="bytedance:seedance@2.0",
            durations_s=tuple(range(4, 16)),
            tiers=("480P", "720P", "1080P", "4K"),
            needs_prompt=True,
        ),
        _SEEDANCE_25,
        _H3,
        _replace(_H3, name="minimax:h3@max", tiers=("480P", "768P")),
    )
}

# The engine's own choice of an upstream model. Sora has no successor anywhere; Seedance 2.0 has its
# lengths, tiers and sound.
CHOICES: Mapping[str, str] = {
    "wan2.7-i2v": "alibaba:wan@2.7",
    "happyhorse-1.0-i2v": "alibaba:happyhorse@1.0",
    "happyhorse-1.1-i2v": "alibaba:happyhorse@1.1",
    "doubao-seedance-2.0": "bytedance:seedance@2.0",
    "doubao-seedance-2.5": "bytedance:seedance@2.5",
    "minimax-h3": "minimax:h3@0",
    "openai/sora-2/image-to-video-pro": "bytedance:seedance@2.0",
}


def misfit(model: RunwareModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    has = Has(
        last_frame=model.has_last_frame,
        negative_prompt=False,
        watermark=False,
        sound=True,
        plain_prompt=False,
    )
    return (
        unsupported(request, has, name=model.name)
        or not_offered(
            request,
            durations_s=model.durations_s,
            tiers=model.tiers,
            most_ratio=model.most_ratio or inf,
        )
        or prompt_misfit(
            request.prompt,
            name=model.name,
            is_needed=model.needs_prompt,
            least=model.prompt_chars[0],
            most=model.prompt_chars[1],
        )
    )


def frame_form(model: RunwareModel, request: VideoRequest) -> FrameForm:
    """No exact size upstream: it is had by a first frame of its shape, in its tier."""
    least_px, most_px = model.picture_sides_px or (0, None)
    return FrameForm(
        frozenset({"JPEG", "PNG"}),
        PICTURE_BYTES,
        size=frame_size(request, model.tiers),
        takes_alpha=False,
        least_side_px=least_px,
        most_side_px=most_px,
        most_ratio=model.most_ratio,
    )


def task_of(
    model: RunwareModel, request: VideoRequest, frames: Mapping[Role, str], key: str
) -> dict[str, Any]:
    """The task; `frames` are data URLs, `key` is its id.

    With a frame there is neither width nor height: the video has the picture's shape.
    """
    tier = tier_for(request, model.tiers)
    images = [{"image": frames[role], "frame": role} for role in ROLES if role in frames]
    task: dict[str, Any] = {
        "taskType": "videoInference",
        "taskUUID": key,
        "model": model.name,
        "deliveryMethod": "async",
        "outputType": "URL",
        "outputFormat": "MP4",
        "numberResults": 1,
        "includeCost": True,
        "duration": request.duration_s,
        "resolution": _RESOLUTIONS.get(tier, tier.lower()),
        "inputs": {"frameImages": images},
    }
    if request.prompt.strip():
        task["positivePrompt"] = request.prompt
    if model.has_sound_switch:
        task["settings"] = {"audio": request.generate_audio is not False}
    if model.has_seed and request.seed is not None:
        task["seed"] = request.seed
    return task
