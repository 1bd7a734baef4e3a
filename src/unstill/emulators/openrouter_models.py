"""What OpenRouter's list of video models says of some, and what a submit to one may be.

Source: OpenRouter, video generation, and the types of its official client 1.3.84, read 2026-11-28.
Lengths and frames of Wan 2.7 and HappyHorse are those of its list; the rest is made up in its form.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from unstill.emulators.callbacks import is_here
from unstill.emulators.jobs import Terms
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.wire import Refusal

FIRST = ("first_frame",)
BOTH = ("first_frame", "last_frame")
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "WebP", "GIF"),
    least_side_px=1,  # no limits are documented
    most_side_px=2**16,
    most_bytes=30 * 2**20,
)
# Every field of a submit; what a model does with it is in its row.
FIELDS = frozenset(
    {
        "aspect_ratio",
        "callback_url",
        "duration",
        "frame_images",
        "generate_audio",
        "input_references",
        "model",
        "prompt",
        "provider",
        "resolution",
        "seed",
        "session_id",
        "size",
        "trace",
        "user",
    }
)


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list; null where it does not say."""

    id: str
    durations: Collection[int]
    resolutions: tuple[str, ...] | None
    frames: tuple[str, ...] | None = BOTH
    sizes: tuple[str, ...] | None = None
    has_audio: bool | None = True
    has_seed: bool | None = None
    usd_a_second: float = 0.1

    def shown(self) -> dict[str, Any]:
        """As the list has it."""
        author, _, slug = self.id.partition("/")
        return {
            "id": self.id,
            "canonical_slug": f"{self.id}-20260801",
            "name": f"{author}: {slug}",
            "created": 1_785_542_400,
            "description": "",
            "supported_durations": list(self.durations),
            "supported_resolutions": self.resolutions,
            "supported_aspect_ratios": RATIOS,
            "supported_sizes": self.sizes,
            "supported_frame_images": self.frames,
            "generate_audio": self.has_audio,
            "seed": self.has_seed,
            "creativity": None,
            "upscale_factor": None,
            "pricing_skus": {"second": f"{self.usd_a_second:g}"},
            "allowed_passthrough_parameters": [],
        }


_HAPPYHORSE = ListedModel(
    id="alibaba/happyhorse-1.0",
    durations=range(3, 16),
    resolutions=("720p", "1080p"),
    frames=FIRST,
    has_seed=True,
    usd_a_second=0.14,
)
_SEEDANCE = ListedModel(
    id="bytedance/seedance-2.0",
    durations=range(4, 16),
    resolutions=("480p", "720p", "1080p"),
    sizes=("1280x720", "720x1280", "960x960", "1920x1080", "1080x1920"),
)
_KLING = ListedModel(
    id="kwaivgi/kling-v3.0-pro", durations=range(3, 16), resolutions=("720p", "1080p")
)
_replace = msgspec.structs.replace

LISTED: Mapping[str, ListedModel] = {
    model.id: model
    for model in (
        ListedModel(
            id="alibaba/wan-2.7",
            durations=range(2, 11),
            resolutions=("720p", "1080p"),
            has_seed=True,
        ),
        _HAPPYHORSE,
        _replace(_HAPPYHORSE, id="alibaba/happyhorse-1.1"),
        _SEEDANCE,
        _replace(_SEEDANCE, id="bytedance/seedance-2.0-fast", resolutions=("480p", "720p")),
        _replace(
            _SEEDANCE,
            id="bytedance/seedance-2.5",
            durations=range(4, 31),
            resolutions=("480p", "720p"),
        ),
        _KLING,
        _replace(_KLING, id="kwaivgi/kling-v3.0-std", resolutions=("720p",)),
        ListedModel(id="minimax/hailuo-3", durations=range(4, 16), resolutions=("768p", "2K")),
        ListedModel(
            id="google/veo-3.1", durations=(4, 6, 8), resolutions=("720p", "1080p"), frames=None
        ),
    )
}


def read_order(body: Mapping[str, Any]) -> Terms:
    """What a submit asks for. Raises Refusal, a 400 or a 404."""
    for field in body:
        if field not in FIELDS:
            raise bad_request(f"Unrecognized key: {field}")
    model = LISTED.get(str(body.get("model")))
    if model is None:
        raise Refusal(404, "not_found", f"No endpoints found for {body.get('model')}")
    for field in ("prompt", "user", "session_id"):
        if not isinstance(body.get(field, ""), str):
            raise bad_request(f"{field}: expected string")
    _one_of(body, "resolution", model.resolutions)
    _one_of(body, "aspect_ratio", RATIOS)
    _one_of(body, "size", model.sizes)
    _check_switches(body)
    _check_frames(body, model)
    duration_s = body.get("duration", 5)
    if isinstance(duration_s, bool) or duration_s not in model.durations:
        raise bad_request(f"duration: {model.id} supports {list(model.durations)}")
    resolution = str(body.get("resolution", ""))
    return Terms(
        model=model.id,
        duration_s=int(duration_s),
        tier=int(resolution[:-1]) if resolution.endswith("p") else None,
        size=body.get("size"),
        has_audio=model.has_audio is True and body.get("generate_audio") is not False,
    )


def bad_request(message: str) -> Refusal:
    return Refusal(400, "invalid_request", message)


def _one_of(body: Mapping[str, Any], field: str, allowed: Collection[str] | None) -> None:
    if field in body and body[field] not in (allowed or ()):
        raise bad_request(f"{field}: expected one of {', '.join(allowed or ('none',))}")


def _check_switches(body: Mapping[str, Any]) -> None:
    if not isinstance(body.get("generate_audio", False), bool):
        raise bad_request("generate_audio: expected boolean")
    seed = body.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise bad_request("seed: expected integer")
    address = body.get("callback_url", "https://")
    if not isinstance(address, str) or not (address.startswith("https://") or is_here(address)):
        raise bad_request("callback_url: must be HTTPS")


def _check_frames(body: Mapping[str, Any], model: ListedModel) -> None:
    """`input_references` beside frames are taken, and have no effect."""
    kinds: list[str] = []
    for each in body.get("frame_images", []):
        match each:
            case {"type": "image_url", "image_url": {"url": str() as url}, "frame_type": str(kind)}:
                kinds.append(kind)
                _check_picture(url)
            case _:
                raise bad_request("frame_images: expected type, image_url.url and frame_type")
    for kind in kinds:
        if kind not in (model.frames or ()):
            raise bad_request(f"frame_images: {model.id} does not support {kind}")
    if len(set(kinds)) != len(kinds):
        raise bad_request("frame_images: each frame_type once")
    if not kinds and not re.search(r"\S", body.get("prompt", "")):
        raise bad_request("prompt: required")


def _check_picture(url: str) -> None:
    try:
        if is_address(url):
            return
        data = bytes_of_data_url(url)
        if data is None:
            raise PictureFault("expected an https or data URL")
        check_bytes(data, PICTURE)
    except PictureFault as fault:
        raise Refusal(400, "invalid_image", f"frame_images: {fault}") from None
