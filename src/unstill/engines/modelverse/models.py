"""Modelverse's image-to-video models: what each takes, and a request in its words. Pure.

Numbers: Modelverse's API documents of each model, as of 2026-05-22; wan2.7-i2v has none:
its row is what a published client of Modelverse sends, and DashScope's words, which it passes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.upstreams.pictures import bare_base64
from unstill.upstreams.sizes import not_offered, tier_for
from unstill.upstreams.unsupported import Has, prompt_misfit, unsupported

ROLES: tuple[Role, ...] = ("first", "last")

# The optional parameters; which a model has is in its row.
Extra = Literal[
    "seed",
    "watermark",
    "watermark_enabled",
    "prompt_extend",
    "enable_prompt_expansion",
    "negative_prompt",
    "audio",
    "generate_audio",
    "sound",
]
_MODES: Mapping[TierName, str] = {"720P": "std", "1080P": "pro"}  # kling-v3, mode


_SOUND: Mapping[bool | None, str] = {True: "on", False: "off"}  # kling-v3, sound


class ModelverseModel(msgspec.Struct, frozen=True):
    """An upstream model as its document describes it."""

    name: str
    frames_in: Literal["first_frame_url", "img_url", "media", "content", "image"]
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    extras: frozenset[Extra]
    has_resolution: bool = True  # else its one tier cannot be told
    spells_tiers_small: bool = False  # 720p
    has_mode: bool = False  # in the place of the resolution
    needs_prompt: bool = True
    most_prompt_chars: int = 0  # 0: none documented
    has_last_frame: bool = False
    is_silent: bool = False


MODELS: Mapping[str, ModelverseModel] = {
    model.name: model
    for model in (
        ModelverseModel(
            "Wan-AI/Wan2.2-I2V",
            "first_frame_url",
            durations_s=(5, 8),
            tiers=("480P", "720P"),
            extras=frozenset({"seed", "negative_prompt"}),
            has_last_frame=True,
            is_silent=True,
        ),
        ModelverseModel(
            "Wan-AI/Wan2.5-I2V",
            "first_frame_url",
            durations_s=(5, 10),
            tiers=("480P", "720P", "1080P"),
            extras=frozenset({"seed", "negative_prompt", "enable_prompt_expansion"}),
            spells_tiers_small=True,
        ),
        ModelverseModel(
            "Wan-AI/Wan2.6-I2V",
            "img_url",
            durations_s=(5, 10, 15),
            tiers=("720P", "1080P"),
            extras=frozenset({"seed", "negative_prompt", "prompt_extend"}),
        ),
        ModelverseModel(
            "wan2.7-i2v",
            "media",
            durations_s=(5, 10, 15),
            tiers=("720P", "1080P"),
            extras=frozenset({"seed", "negative_prompt", "prompt_extend", "watermark", "audio"}),
            needs_prompt=False,
            has_last_frame=True,
        ),
        ModelverseModel(
            "openai/sora-2/image-to-video-pro",
            "first_frame_url",
            durations_s=(4, 8, 12),
            tiers=("720P", "1080P"),
            extras=frozenset(),
            spells_tiers_small=True,
            needs_prompt=False,
        ),
        ModelverseModel(
            "openai/sora-2/image-to-video",
            "first_frame_url",
            durations_s=(4, 8, 12),
            tiers=("720P",),  # OpenAI, video guide: sora-2 has no other
            extras=frozenset(),
            has_resolution=False,
            needs_prompt=False,
        ),
        ModelverseModel(
            "happyhorse-1.0-i2v",
            "img_url",
            durations_s=tuple(range(3, 16)),
            tiers=("720P", "1080P"),
            extras=frozenset({"seed", "watermark"}),
            needs_prompt=False,
        ),
        ModelverseModel(
            "doubao-seedance-2-0-260128",
            "content",
            durations_s=tuple(range(4, 16)),
            tiers=("480P", "720P", "1080P"),
            extras=frozenset({"watermark", "generate_audio"}),
            spells_tiers_small=True,
            needs_prompt=False,
            has_last_frame=True,
        ),
        ModelverseModel(
            "kling-v3",
            "image",
            durations_s=tuple(range(3, 16)),
            tiers=("720P", "1080P"),
            extras=frozenset({"watermark_enabled", "sound"}),
            has_mode=True,
            most_prompt_chars=2500,
            has_last_frame=True,
        ),
    )
}

# The engine's own choice of an upstream model: the documents are the cards' own, or its snapshot's.
CHOICES: Mapping[str, str] = {
    name: name
    for name in (
        "Wan-AI/Wan2.2-I2V",
        "openai/sora-2/image-to-video-pro",
        "wan2.7-i2v",
        "happyhorse-1.0-i2v",
        "kling-v3",
    )
} | {"doubao-seedance-2.0": "doubao-seedance-2-0-260128"}


def misfit(model: ModelverseModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    missing = unsupported(request, _has(model), name=model.name)
    missing = missing or not_offered(request, durations_s=model.durations_s, tiers=model.tiers)
    if missing is not None:
        return missing
    return prompt_misfit(
        request.prompt,
        name=model.name,
        is_needed=model.needs_prompt,
        most=model.most_prompt_chars or None,
    )


def body_of(
    model: ModelverseModel, request: VideoRequest, frames: Mapping[Role, str]
) -> dict[str, Any]:
    """The documented body; `frames` are data URLs."""
    given: dict[str, Any] = _frames(model, frames)
    if model.frames_in == "content":
        text = [{"type": "text", "text": request.prompt}] if request.prompt else []
        given["content"] = [*text, *given["content"]]
    elif request.prompt:
        given["prompt"] = request.prompt
    if request.negative_prompt and "negative_prompt" in model.extras:
        given["negative_prompt"] = request.negative_prompt
    parameters: dict[str, Any] = {"duration": request.duration_s}
    if model.frames_in == "image":
        parameters |= {"kling_v3_type": "i2v"} | _bare_frames(frames)
    tier = tier_for(request, model.tiers)
    if model.has_mode:
        parameters["mode"] = _MODES[tier]
    elif model.has_resolution:
        parameters["resolution"] = tier.lower() if model.spells_tiers_small else tier
    return {"model": model.name, "input": given, "parameters": parameters | _extras(model, request)}


def _has(model: ModelverseModel) -> Has:
    return Has(
        last_frame=model.has_last_frame,
        negative_prompt="negative_prompt" in model.extras,
        watermark=not model.extras.isdisjoint({"watermark", "watermark_enabled"}),
        sound=not model.is_silent,
    )


def _extras(model: ModelverseModel, request: VideoRequest) -> dict[str, Any]:
    # Where the request's model has no such field, each has the default of its own document.
    values: dict[Extra, Any] = {
        "seed": request.seed,
        "watermark": request.watermark,
        "watermark_enabled": request.watermark,
        "prompt_extend": request.options.get("prompt_extend", True),
        "enable_prompt_expansion": request.options.get("prompt_extend", False),
        "audio": request.generate_audio,
        "generate_audio": request.generate_audio,
        "sound": _SOUND.get(request.generate_audio),
    }
    return {
        name: value for name, value in values.items() if name in model.extras and value is not None
    }


def _frames(model: ModelverseModel, frames: Mapping[Role, str]) -> dict[str, Any]:
    roles = [role for role in ROLES if role in frames]
    match model.frames_in:
        case "media":
            return {"media": [{"type": f"{role}_frame", "url": frames[role]} for role in roles]}
        case "first_frame_url":
            return {f"{role}_frame_url": frames[role] for role in roles}
        case "img_url":
            return {"img_url": frames["first"]}
        case "content":
            return {"content": [_content_frame(role, frames[role]) for role in roles]}
        case "image":
            return {}  # its frames are parameters


def _content_frame(role: Role, url: str) -> dict[str, Any]:
    return {"type": "image_url", "role": f"{role}_frame", "image_url": {"url": url}}


def _bare_frames(frames: Mapping[Role, str]) -> dict[str, str]:
    """Base64 without what makes a data URL of it, as the document of kling-v2-6 has it."""
    names: Mapping[Role, str] = {"first": "image", "last": "image_tail"}
    return {names[role]: bare_base64(frame) for role, frame in frames.items()}
