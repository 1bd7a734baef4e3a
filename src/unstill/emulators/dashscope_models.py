"""What DashScope's image-to-video models take, as its documents say, and nothing more.

Covers the Wan, HappyHorse, Kling, PixVerse and Vidu models that make a video from a first frame, or
from a first and a last one. Source: DashScope's pages image-to-video general API (wan2.7), legacy
image-to-video (wan2.1 to 2.6), legacy first and last frame (kf2v) and HappyHorse image-to-video,
read 2026-11-20; of Wan 3.0, Kling, PixVerse and Vidu, read 2026-11-30 in mirrors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from unstill.emulators.pictures import PictureRule

Usage = Literal["2.6", "2.2", "2.1", "others"]  # the families of usage fields

MEGABYTE = 1024**2
MOST_SEED = 2**31 - 1
TIERS = {"360P": 360, "480P": 480, "540P": 540, "720P": 720, "1080P": 1080}
MODES = {"std": "720P", "pro": "1080P"}  # Kling

_COMMON = frozenset({"resolution", "duration", "prompt_extend", "watermark", "seed"})
# What the 1.x SDK adds to every input; the service has to take its own SDK's words.
NOISE = frozenset({"extend_prompt", "function"})
PICTURE_FIELDS = frozenset({"media", "img_url", "first_frame_url", "last_frame_url", "audio_url"})
_TEXTS = frozenset({"prompt", "negative_prompt"})

_WAN_PICTURE = PictureRule(
    formats=("JPEG", "PNG", "BMP", "WebP"),
    least_side_px=240,
    most_side_px=8000,
    most_bytes=20 * MEGABYTE,
)
_WAN27_PICTURE = msgspec.structs.replace(_WAN_PICTURE, most_ratio=8.0)
_WAN22_PICTURE = msgspec.structs.replace(_WAN_PICTURE, most_bytes=10 * MEGABYTE)
_HAPPYHORSE_PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP"),
    least_side_px=300,
    most_side_px=2**31,
    most_bytes=20 * MEGABYTE,
    most_ratio=2.5,
)

_KLING_PICTURE = msgspec.structs.replace(
    _HAPPYHORSE_PICTURE,
    formats=("JPEG", "PNG"),
    most_side_px=8000,
    most_bytes=10 * MEGABYTE,
)
_VIDU_PICTURE = msgspec.structs.replace(
    _HAPPYHORSE_PICTURE, least_side_px=1, most_bytes=50 * MEGABYTE, most_ratio=4.0
)

# The types of media that may come together, each sorted.
_FIRST = ("first_frame",)
_FIRST_AND_LAST = ("first_frame", "last_frame")
_WAN27_MEDIA = (
    _FIRST,
    ("driving_audio", "first_frame"),
    _FIRST_AND_LAST,
    ("driving_audio", "first_frame", "last_frame"),
    ("first_clip",),
    ("first_clip", "last_frame"),
)
PICTURES = frozenset({"first_frame", "last_frame", "image", "image_url"})


class DashScopeModelFields(msgspec.Struct, frozen=True, kw_only=True):
    """One model's fields; `media` empty: the pictures are in fields of `input`."""

    durations_s: Collection[int]
    tiers: Collection[str]
    default_tier: str
    picture: PictureRule
    usage: Usage
    media: Collection[tuple[str, ...]] = ()
    takes_base64: bool = True
    needs_prompt: bool = False
    picture_fields: tuple[str, ...] = ()
    texts: Collection[str] = _TEXTS
    other_input: Collection[str] = ()
    parameters: Collection[str] = _COMMON
    has_audio: bool = False
    sounds_when_asked: bool = False  # with `audio`, false by default
    path: Literal["video-generation", "image2video"] = "video-generation"

    @property
    def input_fields(self) -> frozenset[str]:
        media = {"media"} if self.media else set()
        return frozenset({*self.texts, *self.picture_fields, *self.other_input, *media})


_WAN27 = DashScopeModelFields(
    durations_s=range(2, 16),
    tiers=("720P", "1080P"),
    default_tier="1080P",
    picture=_WAN27_PICTURE,
    usage="2.6",
    media=_WAN27_MEDIA,
    has_audio=True,
)
_WAN26 = DashScopeModelFields(
    durations_s=range(2, 16),
    tiers=("720P", "1080P"),
    default_tier="1080P",
    picture=_WAN_PICTURE,
    usage="2.6",
    picture_fields=("img_url",),
    other_input={"audio_url", "template"},
    parameters=_COMMON | {"shot_type"},
    has_audio=True,
)
_WAN25 = DashScopeModelFields(
    durations_s=(5, 10),
    tiers=("480P", "720P", "1080P"),
    default_tier="1080P",
    picture=_WAN_PICTURE,
    usage="2.2",
    picture_fields=("img_url",),
    other_input={"audio_url", "template"},
    has_audio=True,
)
_WAN22 = DashScopeModelFields(
    durations_s=(5,),
    tiers=("480P", "720P", "1080P"),
    default_tier="720P",
    picture=_WAN22_PICTURE,
    usage="2.2",
    picture_fields=("img_url",),
    other_input={"template"},
)
_WAN21 = DashScopeModelFields(
    durations_s=(3, 4, 5),
    tiers=("480P", "720P"),
    default_tier="720P",
    picture=_WAN22_PICTURE,
    usage="2.1",
    picture_fields=("img_url",),
    other_input={"template"},
)
_HAPPYHORSE = DashScopeModelFields(
    durations_s=range(3, 16),
    tiers=("480P", "720P", "1080P"),
    default_tier="1080P",
    picture=_HAPPYHORSE_PICTURE,
    usage="2.6",
    media=(_FIRST,),
    texts={"prompt"},
    parameters={"resolution", "duration", "watermark", "seed"},
    has_audio=True,
)
_WAN30 = DashScopeModelFields(
    durations_s=range(2, 31),
    tiers=("480P", "720P", "1080P"),
    default_tier="1080P",
    picture=_WAN27_PICTURE,
    usage="2.6",
    media=(_FIRST, _FIRST_AND_LAST),
    texts={"prompt"},
    parameters=_COMMON | {"audio", "ratio"},
    has_audio=True,
)
_KLING = DashScopeModelFields(
    durations_s=range(3, 16),
    tiers=tuple(MODES.values()),
    default_tier="1080P",
    picture=_KLING_PICTURE,
    usage="others",
    media=(_FIRST, _FIRST_AND_LAST),
    takes_base64=False,
    texts={"prompt"},
    parameters={"mode", "duration", "audio", "watermark"},  # and with frames no aspect_ratio
    sounds_when_asked=True,
)
_PIXVERSE = DashScopeModelFields(
    durations_s=range(1, 16),
    tiers=("360P", "540P", "720P", "1080P"),
    default_tier="",  # it must be named
    picture=msgspec.structs.replace(_VIDU_PICTURE, most_bytes=20 * MEGABYTE, most_ratio=None),
    usage="others",
    media=(("image_url",),),
    takes_base64=False,
    texts={"prompt"},
    parameters={"resolution", "duration", "audio", "watermark", "seed"},
    sounds_when_asked=True,
)
_VIDU = DashScopeModelFields(
    durations_s=range(1, 17),
    tiers=("540P", "720P", "1080P"),
    default_tier="720P",
    picture=_VIDU_PICTURE,
    usage="others",
    media=(("image",),),
    takes_base64=False,
    texts={"prompt"},
    parameters={"resolution", "duration", "audio", "watermark", "seed"},
    sounds_when_asked=True,
)
_with = msgspec.structs.replace
_PIXVERSE_PAIR = _with(_PIXVERSE, media=(_FIRST_AND_LAST,), needs_prompt=True)
_VIDU_PAIR = _with(_VIDU, media=(("image", "image"),), needs_prompt=True)

MODELS: Mapping[str, DashScopeModelFields] = {
    "wan2.7-i2v": _WAN27,
    "wan2.7-i2v-2026-04-25": _WAN27,
    "wan2.6-i2v": _WAN26,
    "wan2.6-i2v-flash": _with(_WAN26, parameters=_WAN26.parameters | {"audio"}),  # type: ignore[operator]
    "wan2.6-i2v-us": _with(_WAN26, durations_s=(5, 10, 15)),
    "wan2.5-i2v-preview": _WAN25,
    "wan2.2-i2v-flash": _WAN22,
    "wan2.2-i2v-plus": _with(_WAN22, tiers=("480P", "1080P"), default_tier="1080P"),
    "wan2.2-kf2v-flash": _with(
        _WAN22, picture_fields=("first_frame_url", "last_frame_url"), path="image2video"
    ),
    "wanx2.1-i2v-turbo": _WAN21,
    "wanx2.1-i2v-plus": _with(_WAN21, durations_s=(5,), tiers=("720P",)),
    "happyhorse-1.0-i2v": _HAPPYHORSE,
    "happyhorse-1.1-i2v": _HAPPYHORSE,
    "wan3.0-video": _WAN30,
    "wan3.0-video-prime": _WAN30,
    "kling/kling-v3-video-generation": _KLING,
    "kling/kling-v3-omni-video-generation": _KLING,
    "pixverse/pixverse-v6-it2v": _PIXVERSE,
    "pixverse/pixverse-v6-kf2v": _PIXVERSE_PAIR,
    "pixverse/pixverse-c1-it2v": _PIXVERSE,
    "pixverse/pixverse-c1-kf2v": _PIXVERSE_PAIR,
    "pixverse/pixverse-v5.6-it2v": _with(_PIXVERSE, durations_s=(5, 8)),
    "pixverse/pixverse-v5.6-kf2v": _with(_PIXVERSE_PAIR, durations_s=(5, 8)),
    "vidu/viduq3-pro_img2video": _VIDU,
    "vidu/viduq3-pro_start-end2video": _VIDU_PAIR,
    "vidu/viduq3-turbo_img2video": _VIDU,
    "vidu/viduq3-turbo_start-end2video": _VIDU_PAIR,
    "vidu/viduq3-pro-fast_img2video": _VIDU,
}
