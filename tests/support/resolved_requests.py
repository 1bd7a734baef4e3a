"""Requests that the cards have resolved, and the table of what documents say of the models."""

from __future__ import annotations

from typing import Any

import pytest

from support.requests import (
    HAPPYHORSE,
    HAPPYHORSE11,
    KLING,
    MINIMAX,
    SEEDANCE20,
    SEEDANCE25,
    SORA,
    WAN22,
    WAN27,
)
from unstill.domain.errors import BadField
from unstill.domain.request import CreateCall, Frame, GivenValue, Role, VideoRequest
from unstill.models.catalogue import CARDS, resolve

EVERY = (
    *(WAN22, SORA, WAN27, HAPPYHORSE),
    *(HAPPYHORSE11, SEEDANCE20, SEEDANCE25, KLING, MINIMAX),
)
BY_ID = {card.id: card for card in CARDS}
FRAMES: dict[Role, Frame] = {"first": Frame("first", "image", url="https://example.com/a.png")}
# Modelverse, Wan-AI/Wan2.2-I2V; OpenAI/Sora2-I2V-Pro; HappyHorse-1.0-I2V. Unified /v1/videos,
# wan2.7-i2v, with the ranges of DashScope's image-to-video page for it. DashScope, HappyHorse; Ark,
# create a video generation task; Kling, kling-3.0; MiniMax, POST /v2/video_generation.
_PLAIN = {"first_frame", "prompt", "resolution", "size", "duration"}
_SEEDANCE = _PLAIN | {"last_frame", "generate_audio", "watermark"}
FIELDS = {
    WAN22: {
        *("first_frame", "last_frame", "prompt", "negative_prompt"),
        *("resolution", "size", "duration", "seed"),
    },
    SORA: _PLAIN,
    WAN27: {
        *("first_frame", "last_frame", "prompt", "negative_prompt", "resolution", "size"),
        *("duration", "generate_audio", "seed", "watermark", "prompt_extend"),
    },
    HAPPYHORSE: _PLAIN | {"watermark", "seed"},
    HAPPYHORSE11: _PLAIN | {"watermark", "seed"},
    SEEDANCE20: _SEEDANCE,
    SEEDANCE25: _SEEDANCE,
    KLING: _SEEDANCE,
    MINIMAX: _PLAIN | {"last_frame", "watermark"},
}
DEFAULTS: dict[str, dict[str, Any]] = {
    WAN22: {"resolution": "720P", "duration": 5},  # none documented: chosen, see the card
    SORA: {"resolution": "720P", "duration": 4},
    WAN27: {"resolution": "1080P", "duration": 5, "watermark": False, "prompt_extend": True},
    HAPPYHORSE: {"resolution": "1080P", "duration": 5, "watermark": True},
    HAPPYHORSE11: {"resolution": "1080P", "duration": 5, "watermark": True},
    # 2.5's document has -1 for the duration, with which the model chooses; MiniMax's demands both.
    SEEDANCE20: {"resolution": "720P", "duration": 5, "generate_audio": True, "watermark": False},
    SEEDANCE25: {"resolution": "720P", "duration": 5, "generate_audio": True, "watermark": False},
    KLING: {"resolution": "720P", "duration": 5, "generate_audio": False, "watermark": False},
    MINIMAX: {"resolution": "768P", "duration": 5, "watermark": False},
}
DURATIONS_S = {
    WAN22: {5, 8},
    SORA: {4, 8, 12},
    WAN27: {*range(2, 16)},
    HAPPYHORSE: {*range(3, 16)},
    HAPPYHORSE11: {*range(3, 16)},
    SEEDANCE20: {*range(4, 16)},
    SEEDANCE25: {*range(4, 31)},
    KLING: {*range(3, 16)},
    MINIMAX: {*range(4, 16)},
}
TIERS = {
    WAN22: {"480P", "720P"},
    SORA: {"720P", "1080P"},
    WAN27: {"720P", "1080P"},
    HAPPYHORSE: {"720P", "1080P"},
    HAPPYHORSE11: {"480P", "720P", "1080P"},
    SEEDANCE20: {"480P", "720P", "1080P", "4K"},
    SEEDANCE25: {"480P", "720P", "1080P"},
    KLING: {"720P", "1080P", "4K"},
    MINIMAX: {"768P", "2K"},
}
# DashScope and OpenAI; Wan 2.2 5B; the others 24 by their documents.
FRAME_RATES = dict.fromkeys(EVERY, 24) | {SORA: 30, WAN27: 30}
# OpenAI, POST /videos, prompt, where the document cuts longer ones or says nothing.
PROMPT_CHARS = dict.fromkeys(EVERY, 32_000) | {KLING: 3072, MINIMAX: 7000}
PROMPTED = [WAN22, MINIMAX]  # cannot do without a prompt
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
