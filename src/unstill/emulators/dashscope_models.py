"""What DashScope's image-to-video models take, as its documents say, and nothing more.

Covers the Wan 2.1 to 2.7 and HappyHorse models that make a video from a first frame, or from a
first and a last one. Source: DashScope's pages image-to-video general API (wan2.7), legacy
image-to-video (wan2.1 to 2.6), legacy first and last frame (kf2v) and HappyHorse image-to-video,
read 2026-11-20.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import PictureRule
from unstill.emulators.wire import Refusal

Usage = Literal["2.6", "2.2", "2.1"]  # the families of usage fields

MEGABYTE = 1024**2
MOST_SEED = 2**31 - 1
_TIERS = {"480P": 480, "720P": 720, "1080P": 1080}

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

_WAN27_MEDIA = frozenset(
    {
        frozenset({"first_frame"}),
        frozenset({"first_frame", "driving_audio"}),
        frozenset({"first_frame", "last_frame"}),
        frozenset({"first_frame", "last_frame", "driving_audio"}),
        frozenset({"first_clip"}),
        frozenset({"first_clip", "last_frame"}),
    }
)
_HAPPYHORSE_MEDIA = frozenset({frozenset({"first_frame"})})


class DashScopeModelFields(msgspec.Struct, frozen=True, kw_only=True):
    """One model's fields; `media` empty: the pictures are in fields of `input`."""

    durations_s: Collection[int]
    tiers: Collection[str]
    default_tier: str
    picture: PictureRule
    usage: Usage
    media: Collection[frozenset[str]] = ()
    picture_fields: tuple[str, ...] = ()
    texts: Collection[str] = _TEXTS
    other_input: Collection[str] = ()
    parameters: Collection[str] = _COMMON
    has_audio: bool = False
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
    media=_HAPPYHORSE_MEDIA,
    texts={"prompt"},
    parameters={"resolution", "duration", "watermark", "seed"},
    has_audio=True,
)
_with = msgspec.structs.replace

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
}


class DashScopeCreate(msgspec.Struct, frozen=True):
    """A checked create request."""

    terms: Terms
    prompt: str | None
    pictures: tuple[tuple[str, str], ...]  # the field's name and its address
    other_media: tuple[tuple[str, str], ...]


def read_wish(name: str, model: DashScopeModelFields, body: Mapping[str, Any]) -> DashScopeCreate:
    """Raises Refusal, as InvalidParameter."""
    wanted = _object(body, "input", is_required=True)
    parameters = _object(body, "parameters")
    _no_unknown(parameters, model.parameters, "parameters")
    _no_unknown(wanted, model.input_fields | NOISE, "input")
    for field in (*model.texts, *model.other_input):
        _check_kind(f"input.{field}", wanted.get(field), str, "a string")
    pictures, other_media = _media(model, wanted) if model.media else _pictures(model, wanted)
    return DashScopeCreate(
        terms=_terms(name, model, parameters),
        prompt=wanted.get("prompt"),
        pictures=pictures,
        other_media=other_media,
    )


def _terms(name: str, model: DashScopeModelFields, parameters: Mapping[str, Any]) -> Terms:
    for field in ("prompt_extend", "watermark", "audio"):
        _check_kind(f"parameters.{field}", parameters.get(field), bool, "a boolean")
    _check_shot_type(parameters)
    seed = parameters.get("seed")
    if seed is not None and not (_is_whole(seed) and 0 <= seed <= MOST_SEED):
        raise invalid(f"parameters.seed must be an integer from 0 to {MOST_SEED}")
    duration_s = _or_default(parameters.get("duration"), 5)
    if not _is_whole(duration_s) or duration_s not in model.durations_s:
        raise invalid(f"parameters.duration of {name} must be one of {list(model.durations_s)}")
    tier = _or_default(parameters.get("resolution"), model.default_tier)
    if tier not in model.tiers:
        raise invalid(f"parameters.resolution of {name} must be one of {list(model.tiers)}")
    return Terms(
        model=name,
        duration_s=duration_s,
        tier=_TIERS[tier],
        has_audio=model.has_audio and parameters.get("audio") is not False,
    )


def _check_shot_type(parameters: Mapping[str, Any]) -> None:
    shot_type = parameters.get("shot_type")
    if shot_type not in {None, "single", "multi"}:
        raise invalid("parameters.shot_type must be single or multi")
    if shot_type == "multi" and parameters.get("prompt_extend") is False:
        raise invalid("parameters.shot_type multi needs prompt_extend")


def _media(model: DashScopeModelFields, wanted: Mapping[str, Any]) -> tuple[Any, Any]:
    media = wanted.get("media")
    if media is None:
        raise invalid("Field required: input.media")
    if not isinstance(media, list) or not all(_is_medium(each) for each in media):
        raise invalid("input.media must be a list of objects with a type and a url")
    kinds = [each["type"] for each in media]
    if len(set(kinds)) < len(kinds) or frozenset(kinds) not in model.media:
        raise invalid(f"input.media does not allow the types {kinds}")
    named = [(each["type"], each["url"]) for each in media]
    pictures = tuple(each for each in named if each[0].endswith("_frame"))
    return pictures, tuple(each for each in named if not each[0].endswith("_frame"))


def _is_medium(each: object) -> bool:
    return (
        isinstance(each, dict)
        and set(each) == {"type", "url"}
        and all(isinstance(text, str) and text for text in each.values())
    )


def _pictures(model: DashScopeModelFields, wanted: Mapping[str, Any]) -> tuple[Any, Any]:
    for field in model.picture_fields:
        if not wanted.get(field):
            raise invalid(f"Field required: input.{field}")
        _check_kind(f"input.{field}", wanted[field], str, "a string")
    pictures = tuple((field, wanted[field]) for field in model.picture_fields)
    audio = wanted.get("audio_url")
    return pictures, (("audio_url", audio),) if audio else ()


def usage_of(job: EmulatedJob) -> dict[str, Any] | None:
    """Only successes are counted."""
    if job.state is not EmulatedState.DONE:
        return None
    terms = job.terms
    match MODELS[terms.model].usage:
        case "2.6":
            usage: dict[str, Any] = {
                "duration": terms.duration_s,
                "input_video_duration": 0,
                "output_video_duration": terms.duration_s,
                "video_count": 1,
                "SR": terms.tier,
            }
            is_flash = terms.model == "wan2.6-i2v-flash"
            return usage | ({"audio": terms.has_audio} if is_flash else {})
        case "2.2":
            return {"duration": terms.duration_s, "SR": terms.tier, "video_count": 1}
        case "2.1":
            return {
                "video_duration": terms.duration_s,
                "video_ratio": "standard",
                "video_count": 1,
            }


def invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidParameter", message)


def _object(body: Mapping[str, Any], field: str, *, is_required: bool = False) -> Mapping[str, Any]:
    value = body.get(field)
    if value is None and is_required:
        raise invalid(f"Field required: {field}")
    if value is not None and not isinstance(value, dict):
        raise invalid(f"{field} must be an object")
    return value or {}


def _no_unknown(given: Mapping[str, Any], known: Collection[str], section: str) -> None:
    """The SDK sends null for what it was not given."""
    unknown = sorted(
        name for name, value in given.items() if value is not None and name not in known
    )
    if unknown:
        raise invalid(f"{section}.{unknown[0]} is no parameter of this model")


def _check_kind(field: str, value: object, kind: type, words: str) -> None:
    if value is not None and not isinstance(value, kind):
        raise invalid(f"{field} must be {words}")


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _or_default(value: Any, default: Any) -> Any:
    return default if value is None else value
