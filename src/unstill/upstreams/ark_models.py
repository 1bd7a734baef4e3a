"""Ark's image-to-video models: what each takes, and a request in its words. Pure.

Here, and not in its engine's room, since others sell the same models by the same bodies.

Numbers: Volcengine Ark, "create a video generation task", and the models of BytePlus ModelArk,
read 2026-11-28. What no page says of a model is not offered: 1.5's tiers but 720P, and a last
frame of 1.0's fast one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.media.picture_formats import Format
from unstill.upstreams.content_parts import content_parts
from unstill.upstreams.port import FrameForm
from unstill.upstreams.sizes import frame_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, unsupported

_PICTURES: frozenset[Format] = frozenset({"JPEG", "PNG", "WebP", "BMP"})
# Each may have 30 MB, and a body 64 MB: two of these fit as base64.
_PICTURE_BYTES = 22 * 10**6
_PICTURE_SIDES_PX = (300, 6000)
_MOST_RATIO = 2.5  # a limit of the pictures, which the videos follow


class ArkModel(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream model as the page describes it."""

    name: str
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    has_last_frame: bool = True
    has_sound: bool = True
    has_seed: bool = False  # the newest page has it for 1.0 alone: elsewhere it would be a 400


_SEEDANCE_20 = ArkModel(
    name="doubao-seedance-2-0-260128",
    durations_s=tuple(range(4, 16)),
    tiers=("480P", "720P", "1080P", "4K"),
)
_SEEDANCE_10 = ArkModel(
    name="doubao-seedance-1-0-pro-250528",
    durations_s=tuple(range(2, 13)),
    tiers=("480P", "720P", "1080P"),
    has_sound=False,
    has_seed=True,
)
_replace = msgspec.structs.replace

_ROWS = (
    ArkModel(
        name="doubao-seedance-2-5-260628",
        durations_s=tuple(range(4, 31)),
        tiers=("480P", "720P", "1080P"),
    ),
    _SEEDANCE_20,
    _replace(_SEEDANCE_20, name="doubao-seedance-2-0-fast-260128", tiers=("480P", "720P")),
    _replace(_SEEDANCE_20, name="doubao-seedance-2-0-mini-260615", tiers=("480P", "720P")),
    ArkModel(
        name="doubao-seedance-1-5-pro-251215",
        durations_s=tuple(range(4, 13)),
        tiers=("720P",),
    ),
    _SEEDANCE_10,
    _replace(_SEEDANCE_10, name="doubao-seedance-1-0-pro-fast-251015", has_last_frame=False),
)
# The same at BytePlus.
ABROAD: Mapping[str, str] = {
    row.name: row.name.replace("doubao-seedance", "dreamina-seedance")
    if row.name.startswith("doubao-seedance-2")
    else row.name.removeprefix("doubao-")
    for row in _ROWS
}
MODELS: Mapping[str, ArkModel] = {row.name: row for row in _ROWS} | {
    ABROAD[row.name]: _replace(row, name=ABROAD[row.name]) for row in _ROWS
}


def misfit(model: ArkModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    has = Has(
        last_frame=model.has_last_frame,
        negative_prompt=False,
        watermark=True,
        sound=model.has_sound,
    )
    return unsupported(request, has, name=model.name) or not_offered(
        request, durations_s=model.durations_s, tiers=model.tiers, most_ratio=_MOST_RATIO
    )


def frame_form(model: ArkModel, request: VideoRequest) -> FrameForm:
    """No exact size upstream: it is had by a first frame of its shape, in its tier."""
    least_px, most_px = _PICTURE_SIDES_PX
    return FrameForm(
        _PICTURES,
        _PICTURE_BYTES,
        size=frame_size(request, model.tiers),
        takes_alpha=False,
        least_side_px=least_px,
        most_side_px=most_px,
        most_ratio=_MOST_RATIO,
    )


def body_of(model: ArkModel, request: VideoRequest, frames: Mapping[Role, str]) -> dict[str, Any]:
    """The documented body; `frames` are data URLs."""
    body = {
        "model": model.name,
        "content": content_parts(request.prompt, frames),
        "resolution": tier_for(request, model.tiers).lower(),
        # As the first frame: any other is a crop, and with frames a 400 of 2.5.
        "ratio": "adaptive",
        "duration": request.duration_s,
        "watermark": request.watermark,
    }
    if model.has_sound:
        body["generate_audio"] = request.generate_audio is not False
    if model.has_seed:
        body["seed"] = request.seed
    return body
