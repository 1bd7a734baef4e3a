"""DashScope's image-to-video models: what each takes, and a request in its words. Pure.

Here, and not in its engine's room, since others sell the same models by the same bodies.

Numbers: "Wan image-to-video", "Wan image-to-video (legacy)", "Wan image-to-video by first and last
frame" and "HappyHorse image-to-video" of Alibaba Model Studio's API reference, read 2026-11-20;
its pages of Wan 3.0, Kling, PixVerse and Vidu, which mirrors have, read 2026-11-30.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from itertools import accumulate, takewhile
from typing import Any, Literal

import msgspec

from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.media.picture_formats import Format
from unstill.upstreams.port import FrameForm
from unstill.upstreams.sizes import frame_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, unsupported

ROLES: tuple[Role, ...] = ("first", "last")
_PICTURES: frozenset[Format] = frozenset({"JPEG", "PNG", "WebP", "BMP"})
_ALL_TIERS: tuple[TierName, ...] = ("480P", "720P", "1080P")
_MODES: Mapping[TierName, str] = {"720P": "std", "1080P": "pro"}  # Kling, mode


class DashScopeModel(msgspec.Struct, frozen=True):
    """An upstream model as its page describes it."""

    name: str
    frames_in: Literal["media", "img_url", "pair"]
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    prompt_chars: int  # longer ones are cut upstream; we cut them where it can be seen
    negative_chars: int = 500  # 0: has no negative prompt
    counts_wide_twice: bool = False  # an East Asian character counts as two
    needs_prompt: bool = False
    media_type: str = ""  # each picture in `media` has one; empty: first_frame and last_frame
    has_last_frame: bool = False
    needs_last_frame: bool = False
    last_frame_model: str = ""  # another model that does first and last frame
    tier_in: Literal["resolution", "mode"] = "resolution"
    has_prompt_extend: bool = True
    has_seed: bool = True
    has_watermark: bool = True
    has_audio_switch: bool = False
    is_silent: bool = False
    picture_formats: frozenset[Format] = _PICTURES
    picture_bytes: int = 20 * 2**20
    picture_sides_px: tuple[int, int | None] = (240, 8000)  # from, to
    most_ratio: float = 8.0  # 1:r to r:1; 8 where the page says nothing, as for wan2.7
    frames_by: Literal["data", "upload", "either"] = "either"  # upload: by oss:// addresses alone


_WAN22 = DashScopeModel(
    "wan2.2-i2v-flash",
    "img_url",
    durations_s=(5,),
    tiers=_ALL_TIERS,
    prompt_chars=800,
    last_frame_model="wan2.2-kf2v-flash",
    is_silent=True,
    picture_bytes=10 * 2**20,
)
_WAN26 = DashScopeModel(
    "wan2.6-i2v",
    "img_url",
    durations_s=tuple(range(2, 16)),
    tiers=("720P", "1080P"),
    prompt_chars=1500,
)
_HAPPYHORSE = DashScopeModel(
    "happyhorse-1.0-i2v",
    "media",
    durations_s=tuple(range(3, 16)),
    tiers=_ALL_TIERS,
    prompt_chars=5000,
    negative_chars=0,
    counts_wide_twice=True,
    has_prompt_extend=False,
    picture_formats=_PICTURES - {"BMP"},
    picture_sides_px=(300, None),
    most_ratio=2.5,
    frames_by="data",  # the page lists http(s) and base64 only
)
_WAN30 = DashScopeModel(
    "wan3.0-video",
    "media",
    durations_s=tuple(range(2, 31)),
    tiers=_ALL_TIERS,
    prompt_chars=20_000,
    negative_chars=0,
    has_last_frame=True,
    has_audio_switch=True,
)
# The pages of the other makers have addresses alone; ours are those of DashScope's own uploads.
_KLING = DashScopeModel(
    "kling/kling-v3-video-generation",
    "media",
    durations_s=tuple(range(3, 16)),
    tiers=("720P", "1080P"),
    prompt_chars=2500,
    negative_chars=0,
    has_last_frame=True,
    tier_in="mode",
    has_prompt_extend=False,
    has_seed=False,
    has_watermark=False,  # it comes as another file
    has_audio_switch=True,
    picture_formats=frozenset({"JPEG", "PNG"}),
    picture_bytes=10 * 2**20,
    picture_sides_px=(300, 8000),
    most_ratio=2.5,
    frames_by="upload",
)
_PIXVERSE = DashScopeModel(
    "pixverse/pixverse-v6-it2v",
    "media",
    durations_s=tuple(range(1, 16)),
    tiers=("720P", "1080P"),  # and 360P and 540P, which no card has
    prompt_chars=5000,
    negative_chars=0,
    media_type="image_url",
    last_frame_model="pixverse/pixverse-v6-kf2v",
    has_prompt_extend=False,
    has_audio_switch=True,
    picture_formats=_PICTURES - {"BMP"},
    picture_sides_px=(0, None),  # none documented
    frames_by="upload",
)
_VIDU = DashScopeModel(
    "vidu/viduq3-pro_img2video",
    "media",
    durations_s=tuple(range(1, 17)),
    tiers=("720P", "1080P"),  # and 540P
    prompt_chars=5000,
    negative_chars=0,
    media_type="image",
    last_frame_model="vidu/viduq3-pro_start-end2video",
    has_prompt_extend=False,
    has_audio_switch=True,
    picture_formats=_PICTURES - {"BMP"},
    picture_bytes=50 * 2**20,
    picture_sides_px=(0, None),  # none documented
    most_ratio=4.0,
    frames_by="upload",
)
_replace = msgspec.structs.replace


def _with_last_frame(model: DashScopeModel, *, media_type: str = "") -> DashScopeModel:
    """The model beside one that takes a first frame: it needs both frames and a prompt."""
    return _replace(
        model,
        name=model.last_frame_model,
        media_type=media_type,
        last_frame_model="",
        has_last_frame=True,
        needs_last_frame=True,
        needs_prompt=True,
    )


_PIXVERSE_C1 = _replace(
    _PIXVERSE,
    name="pixverse/pixverse-c1-it2v",
    last_frame_model="pixverse/pixverse-c1-kf2v",
)
_PIXVERSE_56 = _replace(
    _PIXVERSE,
    name="pixverse/pixverse-v5.6-it2v",
    durations_s=(5, 8),  # what all of its tiers have
    prompt_chars=2048,
    last_frame_model="pixverse/pixverse-v5.6-kf2v",
)
_VIDU_TURBO = _replace(
    _VIDU,
    name="vidu/viduq3-turbo_img2video",
    last_frame_model="vidu/viduq3-turbo_start-end2video",
)

MODELS: Mapping[str, DashScopeModel] = {
    model.name: model
    for model in (
        DashScopeModel(
            "wan2.7-i2v",
            "media",
            durations_s=tuple(range(2, 16)),
            tiers=("720P", "1080P"),
            prompt_chars=5000,
            has_last_frame=True,
        ),
        _HAPPYHORSE,
        _replace(_HAPPYHORSE, name="happyhorse-1.1-i2v"),
        _WAN26,
        _replace(_WAN26, name="wan2.6-i2v-flash", has_audio_switch=True),
        _replace(_WAN26, name="wan2.6-i2v-us", durations_s=(5, 10, 15)),
        _replace(_WAN26, name="wan2.5-i2v-preview", durations_s=(5, 10), tiers=_ALL_TIERS),
        _WAN22,
        _replace(_WAN22, name="wan2.2-i2v-plus", tiers=("480P", "1080P")),
        _replace(
            _WAN22,
            name="wan2.2-kf2v-flash",
            frames_in="pair",
            has_last_frame=True,
            needs_last_frame=True,
            last_frame_model="",
        ),
        _WAN30,
        _replace(_WAN30, name="wan3.0-video-prime"),
        _KLING,
        _replace(_KLING, name="kling/kling-v3-omni-video-generation"),
        *(
            each
            for model in (_PIXVERSE, _PIXVERSE_C1, _PIXVERSE_56)
            for each in (model, _with_last_frame(model))
        ),
        *(
            each
            for model in (_VIDU, _VIDU_TURBO)
            for each in (model, _with_last_frame(model, media_type=model.media_type))
        ),
        _replace(_VIDU, name="vidu/viduq3-pro-fast_img2video", last_frame_model=""),
    )
}


def misfit(model: DashScopeModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    missing = unsupported(request, _has(model), name=model.name)
    if missing is not None:
        return missing
    if request.last_frame is None and model.needs_last_frame:
        return MissingField("last_frame", f"{model.name} needs a first and a last frame")
    missing = not_offered(
        request,
        durations_s=model.durations_s,
        tiers=model.tiers,
        most_ratio=model.most_ratio,
    )
    if missing is not None:
        return missing
    if model.needs_prompt and not request.prompt.strip():
        return MissingField("prompt", f"{model.name} needs one")
    return None


def frame_form(model: DashScopeModel, request: VideoRequest) -> FrameForm:
    """No model has a `size`: an exact one is had by a first frame of its shape, in its tier."""
    least_px, most_px = model.picture_sides_px
    return FrameForm(
        model.picture_formats,
        model.picture_bytes,
        size=frame_size(request, model.tiers),
        takes_alpha=False,
        least_side_px=least_px,
        most_side_px=most_px,
        most_ratio=model.most_ratio,
    )


def body_of(
    model: DashScopeModel, request: VideoRequest, frames: Mapping[Role, str]
) -> dict[str, dict[str, Any] | str]:
    """The documented body; `frames` are data URLs or oss:// addresses."""
    given: dict[str, Any] = _frames(model, frames)
    if request.prompt:
        given["prompt"] = _cut(model, request.prompt)
    if request.negative_prompt and model.negative_chars:
        given["negative_prompt"] = request.negative_prompt[: model.negative_chars]
    tier = tier_for(request, model.tiers)
    parameters: dict[str, Any] = {
        model.tier_in: tier if model.tier_in == "resolution" else _MODES[tier],
        "duration": request.duration_s,
        "watermark": request.watermark,  # the vendors' defaults differ, so it is always said
    }
    if model.has_seed:
        parameters["seed"] = request.seed
    if model.has_prompt_extend:
        parameters["prompt_extend"] = request.options.get("prompt_extend", True)
    if model.has_audio_switch and request.generate_audio is not None:
        parameters["audio"] = request.generate_audio
    return {"model": model.name, "input": given, "parameters": parameters}


def _has(model: DashScopeModel) -> Has:
    return Has(
        last_frame=model.has_last_frame,
        negative_prompt=bool(model.negative_chars),
        watermark=model.has_watermark,
        sound=not model.is_silent,
    )


def _cut(model: DashScopeModel, prompt: str) -> str:
    """`prompt` as long as the model reads it."""
    if not model.counts_wide_twice:
        return prompt[: model.prompt_chars]
    widths = (2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in prompt)
    fitting = takewhile(lambda count: count <= model.prompt_chars, accumulate(widths))
    return prompt[: sum(1 for _ in fitting)]


def _frames(model: DashScopeModel, frames: Mapping[Role, str]) -> dict[str, Any]:
    roles: list[Role] = [role for role in ROLES if role in frames]
    match model.frames_in:
        case "media":
            types = {role: model.media_type or f"{role}_frame" for role in roles}
            return {"media": [{"type": types[role], "url": frames[role]} for role in roles]}
        case "pair":
            return {f"{role}_frame_url": frames[role] for role in roles}
        case "img_url":
            return {"img_url": frames["first"]}
