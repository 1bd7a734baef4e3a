"""What Modelverse's image-to-video models take, as its documents say.

Covers those whose cards unstill has and their Wan and Sora neighbours. A parameter that a document
does not name is ignored: one of its own samples sends such a one. Source: Modelverse's model pages
and their mirror, read 2026-11-20; wan2.7-i2v has no page, its fields are those that a published
client sends.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from unstill.emulators.jobs import Terms
from unstill.emulators.wire import Refusal

INT32 = 2**31 - 1
_LOWER = ("480p", "720p", "1080p")


class ModelverseModelFields(msgspec.Struct, frozen=True, kw_only=True):
    """One model's fields; `first_frames` are the names that its first frame may have."""

    first_frames: tuple[str, ...] = ("first_frame_url",)
    has_last_frame: bool = False
    has_media: bool = False
    has_content: bool = False  # the prompt and the frames, as Ark has them
    frame_parameters: tuple[str, ...] = ()  # names of the frames, where they are parameters
    has_mode: bool = False  # std or pro in the place of a resolution
    most_prompt_chars: int = 0  # 0: any
    needs_frame: bool = True
    takes_base64: bool = False
    needs_prompt: bool = False
    durations_s: Collection[int]
    default_duration_s: int = 5
    tiers: Collection[str] = ()  # spelt as documented; none: the model has no resolution
    default_tier: str | None = None  # None: it must be named
    seeds: tuple[int, int] | None = None
    flags: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = {}
    texts: tuple[str, ...] = ("prompt",)
    usage: tuple[str, ...] = ("duration",)
    has_audio: bool = False
    sounds_with: tuple[str, object] | None = None  # a parameter, and its value with sound
    takes_data_urls: bool = True


_SORA = ModelverseModelFields(
    takes_base64=True, durations_s=(4, 8, 12), default_duration_s=4, has_audio=True
)

MODELS: Mapping[str, ModelverseModelFields] = {
    "Wan-AI/Wan2.2-I2V": ModelverseModelFields(
        has_last_frame=True,
        takes_base64=True,
        needs_prompt=True,
        durations_s=(5, 8),
        tiers=("720P", "480P"),
        default_tier="720P",  # not stated: the sample's
        seeds=(0, INT32),
        texts=("prompt", "negative_prompt"),
    ),
    "Wan-AI/Wan2.5-I2V": ModelverseModelFields(
        needs_prompt=True,
        durations_s=(5, 10),
        tiers=_LOWER,
        seeds=(-1, INT32),
        flags=("enable_prompt_expansion",),
        texts=("prompt", "negative_prompt", "audio_url"),
        has_audio=True,
    ),
    "Wan-AI/Wan2.6-I2V": ModelverseModelFields(
        first_frames=("img_url",),
        needs_frame=False,
        needs_prompt=True,
        durations_s=(5, 10, 15),
        tiers=("720P", "1080P"),
        default_tier="1080P",
        seeds=(0, 2**32 - 1),
        flags=("prompt_extend",),
        choices={"shot_type": ("single", "multi")},
        texts=("prompt", "negative_prompt", "audio_url"),
        has_audio=True,
    ),
    "wan2.7-i2v": ModelverseModelFields(
        first_frames=(),
        has_media=True,
        durations_s=(5, 10, 15),
        tiers=("720P", "1080P"),
        default_tier="1080P",
        seeds=(0, INT32),
        flags=("audio",),
        has_audio=True,
    ),
    "openai/sora-2/image-to-video": _SORA,
    "openai/sora-2/image-to-video-pro": msgspec.structs.replace(
        _SORA, tiers=("720p", "1080p"), default_tier="720p"
    ),
    "happyhorse-1.0-i2v": ModelverseModelFields(
        first_frames=("img_url", "first_frame_url", "images"),
        durations_s=range(3, 16),
        tiers=("720P", "1080P"),
        default_tier="1080P",
        seeds=(0, INT32),
        flags=("watermark",),
        usage=("duration", "output_video_duration", "video_count", "SR"),
        has_audio=True,
    ),
    "doubao-seedance-2-0-260128": ModelverseModelFields(
        first_frames=(),
        has_content=True,
        durations_s=range(4, 16),
        tiers=_LOWER,
        default_tier="720p",
        flags=("generate_audio", "watermark"),
        texts=(),
        sounds_with=("generate_audio", True),
    ),
    "kling-v3": ModelverseModelFields(
        first_frames=(),
        frame_parameters=("image", "image_tail"),
        takes_base64=True,
        takes_data_urls=False,
        needs_prompt=True,
        most_prompt_chars=2500,
        durations_s=range(3, 16),
        has_mode=True,
        flags=("watermark_enabled", "multi_shot"),
        choices={"mode": ("std", "pro"), "sound": ("off", "on"), "kling_v3_type": ("i2v",)},
        sounds_with=("sound", "on"),
    ),
}


class ModelverseCreate(msgspec.Struct, frozen=True):
    terms: Terms
    prompt: str | None
    pictures: tuple[tuple[str, str], ...]  # the field's name and what it holds


def read_wish(name: str, model: ModelverseModelFields, body: Mapping[str, Any]) -> ModelverseCreate:
    """Raises Refusal, as param_error."""
    wanted = _object(body.get("input"), "input")
    parameters = _object(body.get("parameters", {}), "parameters")
    for field in model.texts:
        if not isinstance(wanted.get(field, ""), str):
            raise bad_param(f"input.{field} must be a string")
    if model.needs_prompt and not wanted.get("prompt"):
        raise bad_param("input.prompt is required")
    prompt = _text(wanted) if model.has_content else wanted.get("prompt")
    if 0 < model.most_prompt_chars < len(prompt or ""):
        raise bad_param(f"input.prompt may have {model.most_prompt_chars} characters")
    return ModelverseCreate(
        terms=_terms(name, model, parameters),
        prompt=prompt,
        pictures=_given_pictures(model, wanted, parameters),
    )


def _given_pictures(
    model: ModelverseModelFields, wanted: Mapping[str, Any], parameters: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    if model.has_media:
        return _media(wanted)
    if model.has_content:
        return _content_frames(wanted)
    if model.frame_parameters:
        first, last = model.frame_parameters
        if not isinstance(parameters.get(first), str):
            raise bad_param(f"parameters.{first} is required")
        return tuple((each, parameters[each]) for each in (first, last) if parameters.get(each))
    return _pictures(model, wanted)


def _terms(name: str, model: ModelverseModelFields, parameters: Mapping[str, Any]) -> Terms:
    for field in model.flags:
        if not isinstance(parameters.get(field, False), bool):
            raise bad_param(f"parameters.{field} must be a boolean")
    for field, allowed in model.choices.items():
        if parameters.get(field, allowed[0]) not in allowed:
            raise bad_param(f"parameters.{field} must be one of {', '.join(allowed)}")
    _check_seed(model, parameters)
    duration_s = parameters.get("duration", model.default_duration_s)
    if not _is_whole(duration_s) or duration_s not in model.durations_s:
        raise bad_param(f"parameters.duration must be one of {list(model.durations_s)}")
    has_audio = model.has_audio and parameters.get("audio") is not False
    if model.sounds_with is not None:
        field, value = model.sounds_with
        has_audio = parameters.get(field) == value
    return Terms(
        model=name,
        duration_s=duration_s,
        tier=_tier(model, parameters),
        has_audio=has_audio,
    )


def _check_seed(model: ModelverseModelFields, parameters: Mapping[str, Any]) -> None:
    if model.seeds is None or "seed" not in parameters:
        return
    least, most = model.seeds
    seed = parameters["seed"]
    if not _is_whole(seed) or not least <= seed <= most:
        raise bad_param(f"parameters.seed must be an integer from {least} to {most}")


def _tier(model: ModelverseModelFields, parameters: Mapping[str, Any]) -> int | None:
    if model.has_mode:
        return 1080 if parameters.get("mode") == "pro" else 720
    if not model.tiers:
        return None
    tier = parameters.get("resolution", model.default_tier)
    if tier not in model.tiers:
        raise bad_param(f"parameters.resolution must be one of {', '.join(model.tiers)}")
    return int(tier[:-1])


def _pictures(
    model: ModelverseModelFields, wanted: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    names = [*model.first_frames, *(["last_frame_url"] if model.has_last_frame else [])]
    given = [(name, _first_of_list(wanted[name])) for name in names if wanted.get(name)]
    if not any(name in model.first_frames for name, _ in given) and model.needs_frame:
        raise bad_param(f"input.{model.first_frames[0]} is required")
    for name, value in given:
        if not isinstance(value, str):
            raise bad_param(f"input.{name} must be a string")
    return tuple(given)


def _first_of_list(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _media(wanted: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    media = wanted.get("media")
    is_list = isinstance(media, list) and all(
        isinstance(each, dict) and isinstance(each.get("url"), str) for each in media
    )
    if not is_list or not media:
        raise bad_param("input.media must be a list of objects with a type and a url")
    kinds = [each.get("type") for each in media]
    if sorted(kinds, key=str) not in (["first_frame"], ["first_frame", "last_frame"]):
        raise bad_param(f"input.media does not allow the types {kinds}")
    return tuple((each["type"], each["url"]) for each in media)


def _content(wanted: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    content = wanted.get("content")
    if not isinstance(content, list) or not all(isinstance(each, dict) for each in content):
        raise bad_param("input.content must be a list of objects")
    return [each for each in content if each.get("type") == kind]


def _text(wanted: Mapping[str, Any]) -> str | None:
    return next((str(each.get("text")) for each in _content(wanted, "text")), None)


def _content_frames(wanted: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Two frames have to say their roles."""
    frames = _content(wanted, "image_url")
    roles = [each.get("role") for each in frames]
    if roles not in ([None], ["first_frame"], ["first_frame", "last_frame"]):
        raise bad_param(f"input.content does not allow the roles {roles}")
    urls = [_object(each.get("image_url"), "input.content.image_url") for each in frames]
    return tuple(
        (role or "first_frame", str(url.get("url"))) for role, url in zip(roles, urls, strict=True)
    )


def bad_param(message: str) -> Refusal:
    return Refusal(400, "param_error", f"Invalid param: {message}", kind="invalid_request_error")


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise bad_param(f"{field} must be an object")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
