"""Comfy Router's image-to-video models, each asked for in its own vendor's words. Pure.

`wan/*` has DashScope's body, `byteplus/*` Ark's and `minimax/*` MiniMax's, `model` left out: the
address names it. What each takes is as its vendor documents it (upstreams/dashscope_models.py,
ark_models.py, minimax_models.py). Of `kling/*` the omni model alone takes frames there
(kling_omni.py). Source: Comfy Router, models, read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.engines.comfy import kling_omni
from unstill.upstreams import ark_models, dashscope_models, minimax_models
from unstill.upstreams.port import FrameForm

# Its catalogue has this one without the date that BytePlus has.
_OWN_NAMES: Mapping[str, str] = {
    "dreamina-seedance-2-0-mini-260615": "dreamina-seedance-2-0-mini",
}
PICTURE_BYTES = 5 * 2**20  # none documented; ours: two of these have 14 MB as base64
_OF_WAN = (
    "wan2.7-i2v",
    "wan2.6-i2v",
    "wan2.5-i2v-preview",
    "wan3.0-video",
    "wan3.0-video-prime",
    "happyhorse-1.0-i2v",
    "happyhorse-1.1-i2v",
)


class ComfyModel(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's model as Comfy sells it; what a request comes to is by the vendor's rules."""

    name: str  # provider/model
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    misfit: Callable[[VideoRequest], BadField | None]
    vendor_form: Callable[[VideoRequest], FrameForm]
    vendor_body: Callable[[VideoRequest, Mapping[Role, str]], Mapping[str, Any]]


def _at_wan(name: str) -> ComfyModel:
    model = dashscope_models.MODELS[name]
    return ComfyModel(
        name=f"wan/{name}",
        durations_s=model.durations_s,
        tiers=model.tiers,
        misfit=partial(dashscope_models.misfit, model),
        vendor_form=partial(dashscope_models.frame_form, model),
        vendor_body=partial(dashscope_models.body_of, model),
    )


def _at_byteplus(name: str) -> ComfyModel:
    model = ark_models.MODELS[name]
    return ComfyModel(
        name=f"byteplus/{_OWN_NAMES.get(name, name)}",
        durations_s=model.durations_s,
        tiers=model.tiers,
        misfit=partial(ark_models.misfit, model),
        vendor_form=partial(ark_models.frame_form, model),
        vendor_body=partial(ark_models.body_of, model),
    )


# Comfy's page has it from 5 seconds on, MiniMax's own from 4.
_H3 = msgspec.structs.replace(
    minimax_models.MODELS["MiniMax-H3"], name="minimax/minimax-h3", durations_s=tuple(range(5, 16))
)

MODELS: Mapping[str, ComfyModel] = {
    model.name: model
    for model in (
        *map(_at_wan, _OF_WAN),
        *map(_at_byteplus, ark_models.ABROAD.values()),
        ComfyModel(
            name=kling_omni.NAME,
            durations_s=kling_omni.DURATIONS_S,
            tiers=kling_omni.TIERS,
            misfit=kling_omni.misfit,
            vendor_form=kling_omni.frame_form,
            vendor_body=kling_omni.body_of,
        ),
        ComfyModel(
            name=_H3.name,
            durations_s=_H3.durations_s,
            tiers=_H3.tiers,
            misfit=partial(minimax_models.misfit, _H3),
            vendor_form=partial(minimax_models.frame_form, _H3),
            vendor_body=partial(minimax_models.body_of, _H3),
        ),
    )
}

# The engine's own choice of an upstream model; for Sora as at Ark. Kling 3.0 itself makes videos
# from texts alone there, its omni model from frames too.
CHOICES: Mapping[str, str] = {
    "wan2.7-i2v": "wan/wan2.7-i2v",
    "happyhorse-1.0-i2v": "wan/happyhorse-1.0-i2v",
    "happyhorse-1.1-i2v": "wan/happyhorse-1.1-i2v",
    "doubao-seedance-2.0": "byteplus/dreamina-seedance-2-0-260128",
    "doubao-seedance-2.5": "byteplus/dreamina-seedance-2-5-260628",
    "kling-v3": "kling/kling-v3-omni",
    "minimax-h3": "minimax/minimax-h3",
    "openai/sora-2/image-to-video-pro": "byteplus/dreamina-seedance-2-0-260128",
}


def frame_form(model: ComfyModel, request: VideoRequest) -> FrameForm:
    """As the vendor takes them, and smaller: they go along in the body."""
    form = model.vendor_form(request)
    return msgspec.structs.replace(form, most_bytes=min(form.most_bytes, PICTURE_BYTES))


def body_of(model: ComfyModel, request: VideoRequest, frames: Mapping[Role, str]) -> dict[str, Any]:
    """The vendor's body without its `model`; `frames` are data URLs."""
    body = model.vendor_body(request, frames)
    return {name: value for name, value in body.items() if name != "model"}
