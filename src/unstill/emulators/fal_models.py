"""What fal's image-to-video endpoints take, as their pages say.

A field that a page does not have is refused here, and so is a number where it has a text. Source:
the pages and schemas of fal's model endpoints, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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

INT32 = 2**31 - 1
FRAMES = (17, 161)  # the range that wan/v2.2-a14b has
RATES = (4, 60)
DEFAULT_FRAMES = 81
DEFAULT_RATE = 16


class FalEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint's fields."""

    first: str = "image_url"
    last: str = "end_image_url"  # empty: it has none
    durations: Collection[int | str] = ()  # none: it counts frames
    default_duration: int | str = 5
    tiers: tuple[str, ...] = ()  # the first is the default; none: it has no resolution
    needs_prompt: bool = False
    prompt_chars: int | None = None
    texts: tuple[str, ...] = ("prompt",)
    flags: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = {}
    has_seed: bool = False
    has_audio: bool = False
    picture_bytes: int = 20 * 10**6


def _texts(least: int, most: int) -> tuple[str, ...]:
    return tuple(str(length) for length in range(least, most + 1))


_RATIOS = ("auto", "21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
_HAPPY_HORSE = FalEndpoint(
    last="",
    durations=range(3, 16),
    tiers=("1080p", "720p"),
    prompt_chars=2500,
    has_seed=True,
)
_SEEDANCE = FalEndpoint(
    durations=("auto", *_texts(4, 15)),
    default_duration="auto",
    tiers=("720p", "480p", "1080p", "4k"),
    flags=("generate_audio",),
    choices={"aspect_ratio": _RATIOS},
    has_seed=True,
    has_audio=True,
)
_KLING = FalEndpoint(
    first="start_image_url",
    durations=_texts(3, 15),
    default_duration="5",
    prompt_chars=2500,
    flags=("generate_audio",),
    has_audio=True,
)

ENDPOINTS: Mapping[str, FalEndpoint] = {
    "fal-ai/wan/v2.2-a14b/image-to-video": FalEndpoint(
        tiers=("720p", "580p", "480p"),
        needs_prompt=True,
        texts=("prompt", "negative_prompt"),
        choices={
            "aspect_ratio": ("auto", "16:9", "9:16", "1:1"),
            "acceleration": ("regular", "none"),
            "interpolator_model": ("film", "none"),
        },
        has_seed=True,
    ),
    "fal-ai/wan/v2.7/image-to-video": FalEndpoint(
        durations=range(2, 16),
        tiers=("1080p", "720p"),
        prompt_chars=5000,
        texts=("prompt", "negative_prompt"),
        has_seed=True,
    ),
    "alibaba/happy-horse/image-to-video": _HAPPY_HORSE,
    "alibaba/happy-horse/v1.1/image-to-video": _HAPPY_HORSE,
    "bytedance/seedance-2.0/image-to-video": _SEEDANCE,
    "bytedance/seedance-2.0/fast/image-to-video": msgspec.structs.replace(
        _SEEDANCE, tiers=("720p", "480p")
    ),
    "fal-ai/kling-video/v3/pro/image-to-video": _KLING,
    "fal-ai/kling-video/v3/standard/image-to-video": _KLING,
    "minimax/h3/image-to-video": FalEndpoint(
        durations=range(5, 16),
        needs_prompt=True,
        prompt_chars=2000,
        has_audio=True,
    ),
}


def read_input(name: str, endpoint: FalEndpoint, body: Mapping[str, Any]) -> Terms:
    """What an input asks for. Raises Refusal, a 422."""
    _check_names(endpoint, body)
    _check_texts(endpoint, body)
    for field in endpoint.flags:
        if not isinstance(body.get(field, False), bool):
            raise bad_input(field, "Input should be a valid boolean", "bool_type")
    for field, allowed in _choices(endpoint).items():
        if body.get(field, allowed[0]) not in allowed:
            message = f"Input should be {' or '.join(map(repr, allowed))}"
            raise bad_input(field, message, "literal_error")
    if endpoint.has_seed and "seed" in body:
        _whole(body, "seed", 0, INT32)
    for field in filter(None, (endpoint.first, endpoint.last)):
        if field in body:
            _check_picture(field, body[field], endpoint)
    tier = str(body.get("resolution", (*endpoint.tiers, "")[0]))
    return Terms(
        model=name,
        duration_s=_seconds(endpoint, body),
        tier=int(tier[:-1]) if tier.endswith("p") else None,
        has_audio=endpoint.has_audio and body.get("generate_audio") is not False,
    )


def bad_input(field: str, message: str, kind: str) -> Refusal:
    """As FastAPI says it: `kind` is its word for what is wrong."""
    return Refusal(422, "", message, param=field, kind=kind)


def _choices(endpoint: FalEndpoint) -> dict[str, tuple[str, ...]]:
    own = dict(endpoint.choices)
    return own | ({"resolution": endpoint.tiers} if endpoint.tiers else {})


def _check_names(endpoint: FalEndpoint, body: Mapping[str, Any]) -> None:
    counted = ("num_frames", "frames_per_second", "num_interpolated_frames")
    lengths = ("duration",) if endpoint.durations else counted
    known = {
        endpoint.first,
        endpoint.last,
        *endpoint.texts,
        *endpoint.flags,
        *_choices(endpoint),
        *lengths,
        *(("seed",) if endpoint.has_seed else ()),
    }
    for field in body:
        if field not in known:
            raise bad_input(field, "Extra inputs are not permitted", "extra_forbidden")
    needed = (endpoint.first, *(("prompt",) if endpoint.needs_prompt else ()))
    for field in needed:
        if field not in body:
            raise bad_input(field, "Field required", "missing")


def _check_texts(endpoint: FalEndpoint, body: Mapping[str, Any]) -> None:
    for field in endpoint.texts:
        text = body.get(field, "")
        if not isinstance(text, str):
            raise bad_input(field, "Input should be a valid string", "string_type")
    if endpoint.needs_prompt and not body["prompt"]:
        raise bad_input("prompt", "String should have at least 1 character", "string_too_short")
    most = endpoint.prompt_chars
    if most is not None and len(body.get("prompt", "")) > most:
        message = f"String should have at most {most} characters"
        raise bad_input("prompt", message, "string_too_long")


def _seconds(endpoint: FalEndpoint, body: Mapping[str, Any]) -> int:
    if not endpoint.durations:
        frames = _whole(body, "num_frames", *FRAMES, default=DEFAULT_FRAMES)
        rate = _whole(body, "frames_per_second", *RATES, default=DEFAULT_RATE)
        _whole(body, "num_interpolated_frames", 0, 4, default=1)
        return max(1, round(frames / rate))
    length = body.get("duration", endpoint.default_duration)
    # In Python True is 1 and equal to it.
    if isinstance(length, bool) or length not in endpoint.durations:
        allowed = ", ".join(map(repr, endpoint.durations))
        raise bad_input("duration", f"Input should be one of {allowed}", "literal_error")
    return 5 if length == "auto" else int(length)


def _whole(
    body: Mapping[str, Any], field: str, least: int, most: int, *, default: int | None = None
) -> int:
    value = body.get(field, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_input(field, "Input should be a valid integer", "int_type")
    if not least <= value <= most:
        raise bad_input(field, f"Input should be from {least} to {most}", "value_error")
    return value


def _check_picture(field: str, value: object, endpoint: FalEndpoint) -> None:
    rule = PictureRule(
        formats=("JPEG", "PNG", "WebP", "GIF", "AVIF"),
        least_side_px=1,  # no sides are documented
        most_side_px=2**16,
        most_bytes=endpoint.picture_bytes,
    )
    try:
        if not isinstance(value, str):
            raise PictureFault("Input should be a valid string")
        if is_address(value):
            return
        data = bytes_of_data_url(value)
        if data is None:
            raise PictureFault("Input should be an address or a data URI")
        check_bytes(data, rule)
    except PictureFault as fault:
        raise bad_input(field, str(fault), "image_load_error") from None
