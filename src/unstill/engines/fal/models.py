"""fal's image-to-video endpoints: what each takes, and a request in its words. Pure.

Every endpoint spells its fields otherwise: one row each. Source: the pages and schemas of fal's
model endpoints, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.upstreams.sizes import not_offered, tier_for
from unstill.upstreams.unsupported import Has, unsupported

WAN22_RATE = 16  # frames a second that wan/v2.2-a14b generates; what it adds between is more


class FalModel(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as its page describes it."""

    name: str  # owner, app and path: what its requests are sent to
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    first: str = "image_url"  # the names of its fields
    last: str = "end_image_url"  # empty: it has none
    length: Literal["int", "text", "frames"] = "int"  # how `duration` is spelt
    has_resolution: bool = True  # else its one tier cannot be told
    needs_prompt: bool = False
    prompt_chars: int = 0  # 0: no limit is documented
    has_negative_prompt: bool = False
    has_seed: bool = False
    sound: Literal["switch", "always", "unknown"] = "unknown"
    picture_bytes: int = 10 * 2**20  # none documented; ours
    at_tiers: Mapping[TierName, str] = {}  # tiers that another endpoint of the same model makes

    @property
    def all_tiers(self) -> tuple[TierName, ...]:
        return (*self.tiers, *self.at_tiers)


def _happy_horse(name: str) -> FalModel:
    return FalModel(
        name=name,
        durations_s=tuple(range(3, 16)),
        tiers=("720P", "1080P"),
        last="",
        prompt_chars=2500,
        has_seed=True,
    )


_SEEDANCE = FalModel(
    name="bytedance/seedance-2.0/image-to-video",
    durations_s=tuple(range(4, 16)),
    tiers=("480P", "720P", "1080P", "4K"),
    length="text",
    has_seed=True,
    sound="switch",
)
_KLING = FalModel(
    name="fal-ai/kling-video/v3/pro/image-to-video",
    durations_s=tuple(range(3, 16)),
    tiers=("1080P",),
    first="start_image_url",
    length="text",
    has_resolution=False,
    prompt_chars=2500,
    sound="switch",
)
_replace = msgspec.structs.replace

MODELS: Mapping[str, FalModel] = {
    model.name: model
    for model in (
        FalModel(
            name="fal-ai/wan/v2.2-a14b/image-to-video",
            durations_s=tuple(range(1, 11)),  # 17 to 161 frames
            tiers=("480P", "720P"),
            length="frames",
            needs_prompt=True,
            has_negative_prompt=True,
            has_seed=True,
        ),
        FalModel(
            name="fal-ai/wan/v2.7/image-to-video",
            durations_s=tuple(range(2, 16)),
            tiers=("720P", "1080P"),
            prompt_chars=5000,
            has_negative_prompt=True,
            has_seed=True,
            picture_bytes=20 * 10**6,
        ),
        _happy_horse("alibaba/happy-horse/image-to-video"),
        _happy_horse("alibaba/happy-horse/v1.1/image-to-video"),
        _SEEDANCE,
        _replace(
            _SEEDANCE,
            name="bytedance/seedance-2.0/fast/image-to-video",
            tiers=("480P", "720P"),
        ),
        _replace(
            _KLING,
            name="fal-ai/kling-video/v3/standard/image-to-video",
            tiers=("720P",),
            at_tiers={"1080P": _KLING.name},
        ),
        _KLING,
        FalModel(
            name="minimax/h3/image-to-video",
            durations_s=tuple(range(5, 16)),
            tiers=("2K",),
            has_resolution=False,
            needs_prompt=True,
            prompt_chars=2000,
            sound="always",
        ),
    )
}

# The engine's own choice of an upstream model.
CHOICES: Mapping[str, str] = {
    "Wan-AI/Wan2.2-I2V": "fal-ai/wan/v2.2-a14b/image-to-video",
    # No Sora is left there: this one has its lengths, sound and tiers.
    "openai/sora-2/image-to-video-pro": "bytedance/seedance-2.0/image-to-video",
    "wan2.7-i2v": "fal-ai/wan/v2.7/image-to-video",
    "happyhorse-1.0-i2v": "alibaba/happy-horse/image-to-video",
    "happyhorse-1.1-i2v": "alibaba/happy-horse/v1.1/image-to-video",
    "doubao-seedance-2.0": "bytedance/seedance-2.0/image-to-video",
    "kling-v3": "fal-ai/kling-video/v3/standard/image-to-video",
    "minimax-h3": "minimax/h3/image-to-video",
}


def endpoint_for(model: FalModel, request: VideoRequest) -> FalModel:
    """The endpoint of the same model that makes the tier."""
    other = model.at_tiers.get(tier_for(request, model.all_tiers))
    return model if other is None else MODELS[other]


def misfit(model: FalModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    missing = unsupported(request, _has(model), name=model.name)
    missing = missing or not_offered(request, durations_s=model.durations_s, tiers=model.all_tiers)
    if missing is not None:
        return missing
    if model.needs_prompt and not request.prompt.strip():
        return MissingField("prompt", f"{model.name} needs one")
    if model.prompt_chars and len(request.prompt) > model.prompt_chars:
        allowed = f"at most {model.prompt_chars} characters for {model.name}"
        return BadField("prompt", allowed, request.prompt)
    return None


def body_of(model: FalModel, request: VideoRequest, frames: Mapping[Role, str]) -> dict[str, Any]:
    """The documented body for the endpoint `model`; `frames` are data URLs."""
    body: dict[str, Any] = {model.first: frames["first"]}
    if "last" in frames:
        body[model.last] = frames["last"]
    if request.prompt:
        body["prompt"] = request.prompt
    if request.negative_prompt:
        body["negative_prompt"] = request.negative_prompt
    body |= _length(model, request.duration_s)
    if model.has_resolution:
        body["resolution"] = tier_for(request, model.all_tiers).lower()
    if model.has_seed and request.seed is not None:
        body["seed"] = request.seed
    if model.sound == "switch" and request.generate_audio is not None:
        body["generate_audio"] = request.generate_audio
    return body


def _length(model: FalModel, duration_s: int) -> dict[str, Any]:
    match model.length:
        case "int":
            return {"duration": duration_s}
        case "text":
            return {"duration": str(duration_s)}
        case "frames":
            return {
                "num_frames": WAN22_RATE * duration_s + 1,
                "frames_per_second": WAN22_RATE,
            }


def _has(model: FalModel) -> Has:
    return Has(
        last_frame=bool(model.last),
        negative_prompt=model.has_negative_prompt,
        watermark=False,
        sound=model.sound != "unknown",
    )
