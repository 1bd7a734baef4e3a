"""Requests that the cards have resolved, and the table of what documents say of the models."""

from __future__ import annotations

from typing import Any

import pytest

from support.requests import HAPPYHORSE, SORA, WAN22, WAN27
from unstill.domain.errors import BadField
from unstill.domain.request import CreateCall, Frame, GivenValue, Role, VideoRequest
from unstill.models.catalogue import CARDS, resolve

EVERY = (WAN22, SORA, WAN27, HAPPYHORSE)
BY_ID = {card.id: card for card in CARDS}
FRAMES: dict[Role, Frame] = {"first": Frame("first", "image", url="https://example.com/a.png")}
# Modelverse, Wan-AI/Wan2.2-I2V; OpenAI/Sora2-I2V-Pro; HappyHorse-1.0-I2V. Unified /v1/videos,
# wan2.7-i2v, with the ranges of DashScope's image-to-video page for it.
FIELDS = {
    WAN22: {
        *("first_frame", "last_frame", "prompt", "negative_prompt"),
        *("resolution", "size", "duration", "seed"),
    },
    SORA: {"first_frame", "prompt", "resolution", "size", "duration"},
    WAN27: {
        *("first_frame", "last_frame", "prompt", "negative_prompt", "resolution", "size"),
        *("duration", "generate_audio", "seed", "watermark", "prompt_extend"),
    },
    HAPPYHORSE: {"first_frame", "prompt", "resolution", "size", "duration", "watermark", "seed"},
}
DEFAULTS: dict[str, dict[str, Any]] = {
    WAN22: {"resolution": "720P", "duration": 5},  # none documented: chosen, see the card
    SORA: {"resolution": "720P", "duration": 4},
    WAN27: {"resolution": "1080P", "duration": 5, "watermark": False, "prompt_extend": True},
    HAPPYHORSE: {"resolution": "1080P", "duration": 5, "watermark": True},
}
DURATIONS_S = {WAN22: {5, 8}, SORA: {4, 8, 12}, WAN27: {*range(2, 16)}, HAPPYHORSE: {*range(3, 16)}}
TIERS = {model: {"720P", "1080P"} for model in EVERY} | {WAN22: {"480P", "720P"}}
FRAME_RATES = {WAN22: 24, SORA: 30, WAN27: 30, HAPPYHORSE: 24}  # DashScope and OpenAI; Wan 2.2 5B
SEEDED = [model for model in EVERY if "seed" in FIELDS[model]]
MARKED = [model for model in EVERY if "watermark" in FIELDS[model]]


def create_call(values: dict[str, object], *, unknown: tuple[str, ...] = ()) -> CreateCall:
    fields = {name: GivenValue(f"parameters.{name}", value) for name, value in values.items()}
    names = {"first_frame": "input.first_frame_url", "prompt": "input.prompt"}
    return CreateCall(GivenValue("model", "any"), fields, (), names, unknown)


def made(
    model: str, frames: dict[Role, Frame] | None = None, /, **values: object
) -> tuple[VideoRequest, tuple[str, ...]]:
    values = {"prompt": "a cat"} | values
    return resolve(BY_ID[model], create_call(values), frames or FRAMES, random_seed=77)


def request_of(model: str, /, **values: object) -> VideoRequest:
    return made(model, **values)[0]


def refused(model: str, /, **values: object) -> BadField:
    with pytest.raises(BadField) as raised:
        made(model, **values)
    return raised.value
