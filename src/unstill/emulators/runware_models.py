"""What Runware's video models take, each by its own schema, with frames alone.

Source: Runware's page of Wan2.7, read 2026-11-28; its schemas of Seedance 2.5 and of H3, its SDK
1.8.0 and adapters of careful clients for Seedance 2.0, read 2026-11-30. No schema has limits of
pictures: those here are the makers' own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.emulators.jobs import Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_base64,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import Refusal

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
QUALITIES = range(20, 100)
LINES = {"480p": 480, "720p": 720, "768p": 768, "1080p": 1080, "1440p": 1440, "4k": 2160}
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP"), least_side_px=240, most_side_px=8000, most_bytes=20 * 1024**2
)
OF_SEEDANCE = msgspec.structs.replace(PICTURE, least_side_px=300, most_side_px=6000, most_ratio=2.5)
OF_H3 = msgspec.structs.replace(PICTURE, least_side_px=256, most_side_px=5760, most_ratio=2.5)


class RunwareModelFields(msgspec.Struct, frozen=True):
    """One model, as its page or its schema has it."""

    durations_s: range
    usd_per_s: Mapping[int, float]  # by lines
    frames: int = 1
    resolution: str | None = "720p"  # its default; None: it has to be said
    lacks: frozenset[str] = frozenset({"settings"})  # fields of others
    seeds: range = range(2**63)
    needs_prompt: bool = False
    prompt_chars: tuple[int, int] = (0, 2**31)
    picture: PictureRule = PICTURE
    hevc_lines: tuple[int, ...] = ()  # the maker's own: H.265 with 10 bits


# Prices: of the schemas and, for Seedance 2.0, of an adapter. Seedance 2.5 is by tokens, 10.7 and,
# at 1080p, 12.52 dollars for a million: here what a second of 16:9 comes to.
_SEEDANCE_25 = RunwareModelFields(
    range(4, 31),
    {480: 0.103, 720: 0.231, 1080: 0.608},
    frames=2,
    lacks=frozenset({"seed"}),
    prompt_chars=(2, 10_000),
    picture=OF_SEEDANCE,
    hevc_lines=(1080,),
)
_H3 = RunwareModelFields(
    range(5, 16),
    {768: 0.08, 1440: 0.13},
    frames=2,
    resolution=None,
    seeds=range(2**32),
    needs_prompt=True,
    prompt_chars=(2, 7000),
    picture=OF_H3,
)
MODELS: Mapping[str, RunwareModelFields] = {
    "alibaba:wan@2.7": RunwareModelFields(range(2, 16), {720: 0.10, 1080: 0.15}, frames=2),
    "alibaba:happyhorse@1.0": RunwareModelFields(range(3, 16), {720: 0.14, 1080: 0.18}),
    "alibaba:happyhorse@1.1": RunwareModelFields(range(3, 16), {720: 0.14, 1080: 0.18}),
    "bytedance:seedance@2.0": msgspec.structs.replace(
        _SEEDANCE_25,
        durations_s=range(4, 16),
        usd_per_s={480: 0.07, 720: 0.16, 1080: 0.40, 2160: 0.856},
        needs_prompt=True,
        hevc_lines=(2160,),
    ),
    "bytedance:seedance@2.5": _SEEDANCE_25,
    "minimax:h3@0": _H3,
    "minimax:h3@max": msgspec.structs.replace(_H3, usd_per_s={480: 0.05, 768: 0.08}),
}
FIELDS: Mapping[str, type] = {
    "taskType": str,
    "taskUUID": str,
    "model": str,
    "deliveryMethod": str,
    "positivePrompt": str,
    "duration": int,
    "resolution": str,
    "seed": int,
    "width": int,
    "height": int,
    "includeCost": bool,
    "outputType": str,
    "outputFormat": str,
    "outputQuality": int,
    "numberResults": int,
    "webhookURL": str,
    "ttl": int,
    "settings": dict,
    "inputs": dict,
}


def read_terms(task: Mapping[str, Any]) -> Terms:
    """What the task is for. Raises Refusal."""
    _check_kinds(task)
    if not UUID4.fullmatch(task.get("taskUUID", "")):
        raise _invalid("taskUUID")
    model = MODELS.get(task.get("model", ""))
    if model is None:
        raise Refusal(404, "modelNotFound", "There is no such model", param="model")
    for name in model.lacks & task.keys():
        raise Refusal(400, "unsupportedParameter", f"{name} is none of this model's", param=name)
    lines = LINES.get(task.get("resolution", model.resolution))
    if lines not in model.usd_per_s:
        raise _invalid("resolution")
    numbers = {"duration": (5, model.durations_s), "seed": (0, model.seeds)}
    for name, (default, allowed) in (numbers | {"outputQuality": (95, QUALITIES)}).items():
        if task.get(name, default) not in allowed:
            raise _invalid(name)
    _check_choices(task)
    _check_prompt(model, task)
    _check_frames(model, task)
    return Terms(
        model=task["model"],
        duration_s=task.get("duration", 5),
        tier=lines,
        has_audio=_wants_sound(task.get("settings", {})),
        is_hevc=lines in model.hevc_lines,
    )


def _check_kinds(task: Mapping[str, Any]) -> None:
    for name, value in task.items():
        kind = FIELDS.get(name)
        if kind is None:
            raise Refusal(400, "unsupportedParameter", f"{name} is not known", param=name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _invalid(name)


def price_of(terms: Terms) -> float:
    """In US dollars."""
    return round(MODELS[terms.model].usd_per_s[terms.tier or 720] * terms.duration_s, 6)


def _check_prompt(model: RunwareModelFields, task: Mapping[str, Any]) -> None:
    prompt = task.get("positivePrompt")
    if prompt is None:
        if model.needs_prompt:
            message = "positivePrompt is needed"
            raise Refusal(400, "missingPositivePrompt", message, param="positivePrompt")
    elif not model.prompt_chars[0] <= len(prompt.strip()) <= model.prompt_chars[1]:
        raise _invalid("positivePrompt")


def _wants_sound(settings: Mapping[str, Any]) -> bool:
    match settings:
        case {"audio": bool() as is_heard, **others} if not others:
            return is_heard
        case {**others} if not others:
            return True
        case _:
            raise _invalid("settings")


def _check_choices(task: Mapping[str, Any]) -> None:
    choices: Mapping[str, Sequence[Any]] = {
        "deliveryMethod": ("async",),
        "outputType": ("URL",),
        "outputFormat": ("MP4", "WEBM", "MOV"),
        "numberResults": (1,),  # more are not emulated
    }
    for name, allowed in choices.items():
        if task.get(name, allowed[0]) not in allowed:
            raise _invalid(name)


def _check_frames(model: RunwareModelFields, task: Mapping[str, Any]) -> None:
    """Frames and a size exclude each other: the video has the picture's shape."""
    inputs = task.get("inputs", {})
    if set(inputs) - {"frameImages"}:
        raise Refusal(400, "unsupportedParameter", "inputs has frameImages alone", param="inputs")
    frames = inputs.get("frameImages", [])
    if "width" in task or "height" in task or not frames:
        message = "Provide exactly one of: inputs.frameImages or width/height"
        raise Refusal(400, "invalidParameterCombination", message, param="inputs.frameImages")
    if any(isinstance(frame, dict) and frame.keys() - {"image", "frame"} for frame in frames):
        raise Refusal(400, "unsupportedParameter", "a frame has more", param="inputs.frameImages")
    places = [frame.get("frame") if isinstance(frame, dict) else None for frame in frames]
    if places not in (["first"], ["first", "last"][: model.frames]):
        raise _invalid("inputs.frameImages")
    for frame in frames:
        try:
            _check_picture(frame.get("image"), model.picture)
        except PictureFault as fault:
            message = f"A frame cannot be used: {fault}"
            raise Refusal(400, "invalidImage", message, param="inputs.frameImages") from None


def _check_picture(image: object, rule: PictureRule) -> None:
    """Raises PictureFault."""
    if not isinstance(image, str):
        raise PictureFault("it must be a text")
    if is_address(image) or UUID4.fullmatch(image):
        return
    data = bytes_of_data_url(image)
    check_bytes(bytes_of_base64(image) if data is None else data, rule)


def _invalid(name: str) -> Refusal:
    return Refusal(400, "invalidParameter", f"The value of {name} is not allowed", param=name)
