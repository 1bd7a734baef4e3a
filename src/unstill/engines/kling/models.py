"""Kling's image-to-video models: what each takes, and a request in its words. Pure.

Numbers: Kling, image to video, kling-3.0 and kling-3.0-turbo, read 2026-11-30 in mirrors. A model
is a part of the route, and no field of the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.media.picture_formats import Format
from unstill.upstreams.pictures import bare_base64
from unstill.upstreams.port import FrameForm
from unstill.upstreams.sizes import frame_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, prompt_misfit, unsupported

ROLES: tuple[Role, ...] = ("first", "last")
_PICTURES: frozenset[Format] = frozenset({"JPEG", "PNG"})
# 50 MB are documented, and nothing of them as base64: its older API takes 10 MB, and so much
# base64 is kept to.
_PICTURE_BYTES = 7_500_000
_LEAST_SIDE_PX = 300
_MOST_SIDE_PX = 8000  # none documented; DashScope's, which sells the same model
_MOST_RATIO = 2.5  # a limit of the pictures, which the videos follow


class KlingModel(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream model as its page describes it."""

    name: str
    tiers: tuple[TierName, ...]
    most_prompt_chars: int
    durations_s: tuple[int, ...] = tuple(range(3, 16))
    has_last_frame: bool = False
    has_switches: bool = False  # for the sound, and for cuts into several shots


MODELS: Mapping[str, KlingModel] = {
    model.name: model
    for model in (
        KlingModel(
            name="kling-3.0",
            tiers=("720P", "1080P", "4K"),
            most_prompt_chars=3072,
            has_last_frame=True,
            has_switches=True,
        ),
        KlingModel(name="kling-3.0-turbo", tiers=("720P", "1080P"), most_prompt_chars=2500),
    )
}

# The engine's own choice of an upstream model.
CHOICES: Mapping[str, str] = {"kling-v3": "kling-3.0"}


def misfit(model: KlingModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    has = Has(
        last_frame=model.has_last_frame,
        negative_prompt=False,
        watermark=True,
        sound=model.has_switches,
    )
    return (
        unsupported(request, has, name=model.name)
        or not_offered(
            request, durations_s=model.durations_s, tiers=model.tiers, most_ratio=_MOST_RATIO
        )
        or prompt_misfit(request.prompt, name=model.name, most=model.most_prompt_chars)
    )


def frame_form(model: KlingModel, request: VideoRequest) -> FrameForm:
    """No exact size upstream: it is had by a first frame of its shape, in its tier."""
    return FrameForm(
        _PICTURES,
        _PICTURE_BYTES,
        size=frame_size(request, model.tiers),
        takes_alpha=False,
        least_side_px=_LEAST_SIDE_PX,
        most_side_px=_MOST_SIDE_PX,
        most_ratio=_MOST_RATIO,
    )


def body_of(
    model: KlingModel, request: VideoRequest, frames: Mapping[Role, str], key: str
) -> dict[str, Any]:
    """The documented body; `frames` are data URLs, `key` is the task's external id."""
    prompt = [{"type": "prompt", "text": request.prompt}] if request.prompt.strip() else []
    # "URL or Base64" is all that its page says; its older API wants base64 without `data:`.
    pictures = [
        {"type": f"{role}_frame", "url": bare_base64(frames[role])}
        for role in ROLES
        if role in frames
    ]
    settings: dict[str, Any] = {
        "resolution": tier_for(request, model.tiers).lower(),
        "duration": request.duration_s,
    }
    if model.has_switches:
        # Several shots are the default: one is what was asked for.
        settings |= {"audio": "native" if request.generate_audio else "off", "multi_shot": False}
    return {
        "contents": [*prompt, *pictures],
        "settings": settings,
        "options": {
            "external_task_id": key,
            "watermark_info": {"enabled": request.watermark},
        },
    }
