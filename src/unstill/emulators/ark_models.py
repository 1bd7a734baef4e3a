"""What Ark's video models take, as its page says: an unknown or unfit field is a 400.

Covers Seedance from text and from frames. References, drafts and tools are refused, although some
models have them. Source: Volcengine Ark, "create a video generation task", and the models of
BytePlus ModelArk, read 2026-11-28. The tiers of 1.5 are believed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from unstill.emulators.jobs import Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import Refusal

FRAME_RATE = 24
RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "adaptive")
ROLES = ("first_frame", "last_frame", "reference_image")
MODEL_CHOOSES = -1  # as `duration`
ENDPOINT = "ep-"  # believed to be of Seedance 2.0, whoever made it
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP", "BMP", "GIF"),
    least_side_px=300,
    most_side_px=6000,
    most_bytes=30 * 10**6,
    most_ratio=2.5,
)
_DATA_URL = re.compile(r"data:image/[a-z]+;base64,")  # the format in small letters
_OF_ALL = frozenset(
    {
        "model",
        "content",
        "resolution",
        "ratio",
        "duration",
        "watermark",
        "return_last_frame",
        "execution_expires_after",
        "safety_identifier",
        "callback_url",
    }
)
_FLAGS = ("watermark", "return_last_frame", "generate_audio", "camera_fixed", "draft")
_RANGES: Mapping[str, tuple[int, int]] = {
    "seed": (-1, 2**31 - 1),
    "priority": (0, 9),
    "execution_expires_after": (3600, 259_200),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ratio": RATIOS,
    "service_tier": ("default", "flex"),
    "output_format": ("mp4", "mov"),
}
_TEXTS = ("safety_identifier", "callback_url")


class ArkModelFields(msgspec.Struct, frozen=True, kw_only=True):
    """One model's fields."""

    tiers: tuple[str, ...] = ("480p", "720p", "1080p")
    default_tier: str = "720p"
    durations_s: Collection[int]
    chooses_length: bool = True  # duration -1
    fields: frozenset[str]  # beside those of all
    follows_frames: bool = False  # with frames no other ratio than adaptive
    hevc_tiers: tuple[str, ...] = ()

    @property
    def has_sound(self) -> bool:
        return "generate_audio" in self.fields


_SEEDANCE_20 = ArkModelFields(
    tiers=("480p", "720p", "1080p", "4k"),
    durations_s=range(4, 16),
    fields=frozenset({"generate_audio", "priority"}),
    hevc_tiers=("4k",),
)
_SMALL_20 = msgspec.structs.replace(_SEEDANCE_20, tiers=("480p", "720p"))
_SEEDANCE_10 = ArkModelFields(
    default_tier="1080p",
    durations_s=range(2, 13),
    chooses_length=False,
    fields=frozenset({"frames", "seed", "camera_fixed", "service_tier"}),
)
_AT_VOLCENGINE: Mapping[str, ArkModelFields] = {
    "doubao-seedance-2-5-260628": ArkModelFields(
        durations_s=range(4, 31),
        fields=frozenset({"generate_audio", "output_format", "draft", "priority"}),
        follows_frames=True,
        hevc_tiers=("1080p",),
    ),
    "doubao-seedance-2-0-260128": _SEEDANCE_20,
    "doubao-seedance-2-0-fast-260128": _SMALL_20,
    "doubao-seedance-2-0-mini-260615": _SMALL_20,
    "doubao-seedance-1-5-pro-251215": ArkModelFields(
        tiers=("480p", "720p"),
        durations_s=range(4, 13),
        fields=frozenset({"generate_audio", "draft", "service_tier"}),
    ),
    "doubao-seedance-1-0-pro-250528": _SEEDANCE_10,
    "doubao-seedance-1-0-pro-fast-251015": _SEEDANCE_10,
}
MODELS: Mapping[str, ArkModelFields] = {
    **_AT_VOLCENGINE,
    "dreamina-seedance-2-5-260628": _AT_VOLCENGINE["doubao-seedance-2-5-260628"],
    "dreamina-seedance-2-0-260128": _SEEDANCE_20,
    "dreamina-seedance-2-0-fast-260128": _SMALL_20,
    "dreamina-seedance-2-0-mini-260615": _SMALL_20,
    "seedance-1-5-pro-251215": _AT_VOLCENGINE["doubao-seedance-1-5-pro-251215"],
    "seedance-1-0-pro-250528": _SEEDANCE_10,
    "seedance-1-0-pro-fast-251015": _SEEDANCE_10,
}


class ArkCreate(msgspec.Struct, frozen=True):
    terms: Terms
    prompt: str | None


def model_named(name: object) -> ArkModelFields | None:
    if not isinstance(name, str):
        return None
    return _SEEDANCE_20 if name.startswith(ENDPOINT) else MODELS.get(name)


def read_wish(name: str, model: ArkModelFields, body: Mapping[str, Any]) -> ArkCreate:
    """Raises Refusal. A field that is null is as absent: the official SDK sends such."""
    given = {field: value for field, value in body.items() if value is not None}
    _check_fields(given, model)
    prompt, frames = _content(given.get("content"))
    if frames and model.follows_frames and given.get("ratio", "adaptive") != "adaptive":
        message = "the task type with frames takes no ratio but adaptive"
        raise invalid(message, "ratio", code="InvalidParameter.TaskTypeConstraint")
    tier = given.get("resolution", model.default_tier)
    if tier not in model.tiers:
        raise invalid(f"resolution must be one of {', '.join(model.tiers)}", "resolution")
    terms = Terms(
        model=name,
        duration_s=_length(given, model),
        tier=2160 if tier == "4k" else int(tier[:-1]),
        size=given.get("ratio", "adaptive"),
        has_audio=model.has_sound and given.get("generate_audio", True),
        is_hevc=tier in model.hevc_tiers,
    )
    return ArkCreate(terms, prompt)


def tokens_of(terms: Terms) -> int:
    """Width x height x rate x seconds / 1024, at 16:9."""
    height = terms.tier or 720
    return int(height * height * 16 / 9 * FRAME_RATE / 1024 * terms.duration_s)


def invalid(message: str, param: str, *, code: str = "InvalidParameter") -> Refusal:
    text = f"The parameter `{param}` specified in the request is not valid: {message}."
    return Refusal(400, code, text, param=param, kind="BadRequest")


def _check_fields(given: Mapping[str, Any], model: ArkModelFields) -> None:
    for field, value in given.items():
        if field not in _OF_ALL | model.fields:
            raise invalid("this model has no such field", field)
        is_bad = (
            (field in _FLAGS and not isinstance(value, bool))
            or (field in _TEXTS and not isinstance(value, str))
            or (field in _CHOICES and value not in _CHOICES[field])
        )
        if field in _RANGES:
            least, most = _RANGES[field]
            is_bad = not _is_whole(value) or not least <= value <= most
        if is_bad:
            raise invalid(f"{value!r} is none that it takes", field)
    if len(given.get("safety_identifier", "")) > 64:
        raise invalid("at most 64 characters", "safety_identifier")


def _length(given: Mapping[str, Any], model: ArkModelFields) -> int:
    frames = given.get("frames")
    if frames is not None:
        if not _is_whole(frames) or not 29 <= frames <= 289 or (frames - 25) % 4:
            raise invalid("25 + 4n, from 29 to 289", "frames")
        return max(round(int(frames) / FRAME_RATE), 1)
    duration_s = given.get("duration", 5)
    if duration_s == MODEL_CHOOSES and model.chooses_length:
        return 5
    if not _is_whole(duration_s) or duration_s not in model.durations_s:
        raise invalid(f"{duration_s!r} seconds are none that this model makes", "duration")
    return int(duration_s)


def _content(content: object) -> tuple[str | None, int]:
    """The prompt, and how many frames there are. Raises Refusal."""
    if not isinstance(content, list) or not content:
        message = "The request failed because it is missing `content`"
        raise Refusal(400, "MissingParameter", message, param="content", kind="BadRequest")
    texts: list[str] = []
    roles: list[str | None] = []
    for at, part in enumerate(content):
        where = f"content[{at}]"
        match part:
            case {"type": "text", "text": str() as text, **others} if not others:
                texts.append(text)
            case {"type": "image_url", "image_url": {"url": str() as url}, **others} if not (
                others.keys() - {"role"}
            ):
                _check_picture(url, f"{where}.image_url")
                role = others.get("role")
                roles.append(None if role is None else str(role))
            case _:
                raise invalid("it is no text and no image_url", where)
    if len(texts) > 1:
        raise invalid("at most one text", "content")
    _check_roles(roles)
    return (texts[0] if texts else None), len(roles)


def _check_roles(roles: Sequence[str | None]) -> None:
    """First, first and last, or references; only one picture may go without its role."""
    is_known = all(role is None or role in ROLES for role in roles)
    if not is_known or sorted(map(str, roles)) not in (
        [],
        ["None"],
        ["first_frame"],
        ["first_frame", "last_frame"],
        *(["reference_image"] * count for count in range(1, 10)),
    ):
        raise invalid(f"the roles {list(roles)} do not go together", "content")


def _check_picture(url: str, param: str) -> None:
    if is_address(url) or url.startswith("asset://"):
        return
    try:
        data = bytes_of_data_url(url)
        if data is None or not _DATA_URL.match(url):
            raise PictureFault("it is no address and no data URL of a format in small letters")
        check_bytes(data, PICTURE)
    except PictureFault as fault:
        raise invalid(str(fault), param) from None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
