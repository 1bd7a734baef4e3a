"""Runware's image-to-video models: what each takes, and a request in its words. Pure.

Numbers: Runware's page of Wan2.7 and pages of its clients for HappyHorse, as of 2026-11-28. Each
model has a schema of its own, and a field that is not in it is refused (`unsupportedParameter`).
So nothing is sent that was not read: a negative prompt, a watermark, sound and the rewriting of
prompts are left as they come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.upstreams.sizes import not_offered, tier_for
from unstill.upstreams.unsupported import Has, unsupported

ROLES: tuple[Role, ...] = ("first", "last")


class RunwareModel(msgspec.Struct, frozen=True):
    """An upstream model, by its AIR."""

    name: str
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    has_last_frame: bool = False


MODELS: Mapping[str, RunwareModel] = {
    model.name: model
    for model in (
        RunwareModel(
            "alibaba:wan@2.7",
            durations_s=tuple(range(2, 16)),
            tiers=("720P", "1080P"),
            has_last_frame=True,
        ),
        RunwareModel(
            "alibaba:happyhorse@1.0", durations_s=tuple(range(3, 16)), tiers=("720P", "1080P")
        ),
        RunwareModel(
            "alibaba:happyhorse@1.1", durations_s=tuple(range(3, 16)), tiers=("720P", "1080P")
        ),
    )
}

# The engine's own choice of an upstream model.
CHOICES: Mapping[str, str] = {
    "wan2.7-i2v": "alibaba:wan@2.7",
    "happyhorse-1.0-i2v": "alibaba:happyhorse@1.0",
    "happyhorse-1.1-i2v": "alibaba:happyhorse@1.1",
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
    missing = unsupported(request, has, name=model.name)
    return missing or not_offered(request, durations_s=model.durations_s, tiers=model.tiers)


def task_of(
    model: RunwareModel, request: VideoRequest, frames: Mapping[Role, str], key: str
) -> dict[str, Any]:
    """The task; `frames` are data URLs, `key` is its id.

    With a frame there is neither width nor height: the video has the picture's shape.
    """
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
        "resolution": tier_for(request, model.tiers).lower(),
        "inputs": {"frameImages": images},
    }
    if request.prompt:
        task["positivePrompt"] = request.prompt
    if request.seed is not None:
        task["seed"] = request.seed
    return task
