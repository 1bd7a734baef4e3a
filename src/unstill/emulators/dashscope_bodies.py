"""Create bodies of DashScope's video API: what a model's row lets in, and what the job is then.

Source: as for dashscope_models.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from unstill.emulators.dashscope_models import (
    MODELS,
    MODES,
    MOST_SEED,
    NOISE,
    PICTURES,
    TIERS,
    DashScopeModelFields,
)
from unstill.emulators.jobs import EmulatedJob, EmulatedState, Terms
from unstill.emulators.pictures import (
    PictureFault,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import Refusal


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
    if model.needs_prompt and not wanted.get("prompt"):
        raise invalid("Field required: input.prompt")
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
    asked = parameters.get("audio")
    return Terms(
        model=name,
        duration_s=duration_s,
        tier=TIERS[_tier(name, model, parameters)],
        has_audio=asked is True
        if model.sounds_when_asked
        else model.has_audio and asked is not False,
    )


def _tier(name: str, model: DashScopeModelFields, parameters: Mapping[str, Any]) -> str:
    if "mode" in model.parameters:
        mode = _or_default(parameters.get("mode"), "pro")
        if mode not in MODES:
            raise invalid(f"parameters.mode of {name} must be one of {list(MODES)}")
        return MODES[mode]
    tier = _or_default(parameters.get("resolution"), model.default_tier)
    if tier not in model.tiers:
        raise invalid(f"parameters.resolution of {name} must be one of {list(model.tiers)}")
    return str(tier)


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
    if tuple(sorted(kinds)) not in model.media:
        raise invalid(f"input.media does not allow the types {kinds}")
    named = [(each["type"], each["url"]) for each in media]
    pictures = tuple(each for each in named if each[0] in PICTURES)
    return pictures, tuple(each for each in named if each[0] not in PICTURES)


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


def check_picture(address: str, model: DashScopeModelFields) -> None:
    """A picture by its address or in a data URL. Raises PictureFault."""
    data = bytes_of_data_url(address)
    if data is not None and not model.takes_base64:
        raise PictureFault("the media resource must be an address")
    if data is not None:
        check_bytes(data, model.picture)
    elif not is_address(address):
        raise PictureFault("the media resource is no address that can be downloaded")


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
        case "others":
            return {
                "duration": terms.duration_s,
                "fps": 24,
                "video_count": 1,
                "audio": terms.has_audio,
                "SR": str(terms.tier),
            }
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
