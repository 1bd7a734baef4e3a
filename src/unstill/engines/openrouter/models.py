"""OpenRouter's image-to-video models: what each takes, and a request in its words. Pure.

What a model takes is told by OpenRouter's own list, `GET /videos/models`, which is read while the
server runs. The rows here stand in for it until then. Source: OpenRouter, video generation, and
its official client 1.3.84, read 2026-11-28; of the rows, lengths and frames of Wan 2.7 and
HappyHorse; the rest is what the models' own vendors document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, Size, TierName, VideoRequest
from unstill.models.sizes import nearest_tier
from unstill.models.tiers import NAMED_SIZES
from unstill.upstreams.replies import MOST_ITEMS
from unstill.upstreams.sizes import at_area, nearest_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, unsupported

# How it spells the tiers that both have.
SPELT: Mapping[TierName, str] = {
    "480P": "480p",
    "720P": "720p",
    "768P": "768p",
    "1080P": "1080p",
    "2K": "2K",
    "4K": "4K",
}
ALL_TIERS: tuple[TierName, ...] = tuple(NAMED_SIZES)
ANY_LENGTH = tuple(range(1, 61))  # where it says nothing of lengths
NAME = re.compile(r"[\w.-]+/[\w.:-]+", re.ASCII)


class OpenRouterModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the list describes it."""

    name: str
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]
    has_resolution: bool = True
    has_first_frame: bool = True
    has_last_frame: bool = False
    has_sound: bool = False
    has_seed: bool = False
    sizes: frozenset[Size] = frozenset()


def _wan(name: str, most_s: int) -> OpenRouterModel:
    return OpenRouterModel(
        name=name,
        durations_s=tuple(range(2, most_s + 1)),
        tiers=("720P", "1080P"),
        has_last_frame=True,
        has_sound=True,
        has_seed=True,
    )


def _happyhorse(name: str) -> OpenRouterModel:
    return OpenRouterModel(
        name=name,
        durations_s=tuple(range(3, 16)),
        tiers=("720P", "1080P"),
        has_sound=True,
        has_seed=True,
    )


def _seedance(name: str, most_s: int, tiers: tuple[TierName, ...]) -> OpenRouterModel:
    return OpenRouterModel(
        name=name,
        durations_s=tuple(range(4, most_s + 1)),
        tiers=tiers,
        has_last_frame=True,
        has_sound=True,
    )


def _kling(name: str, tier: TierName) -> OpenRouterModel:
    return OpenRouterModel(
        name=name,
        durations_s=tuple(range(3, 16)),
        tiers=(tier,),
        has_resolution=False,
        has_last_frame=True,
        has_sound=True,
    )


MODELS: Mapping[str, OpenRouterModel] = {
    model.name: model
    for model in (
        _wan("alibaba/wan-2.7", 10),
        _happyhorse("alibaba/happyhorse-1.0"),
        _happyhorse("alibaba/happyhorse-1.1"),
        _seedance("bytedance/seedance-2.5", 30, ("480P", "720P")),
        _seedance("bytedance/seedance-2.0", 15, ("480P", "720P", "1080P")),
        _seedance("bytedance/seedance-2.0-fast", 15, ("480P", "720P")),
        _kling("kwaivgi/kling-v3.0-std", "720P"),
        _kling("kwaivgi/kling-v3.0-pro", "1080P"),
        OpenRouterModel(
            name="minimax/hailuo-3",
            durations_s=tuple(range(4, 16)),
            tiers=("768P", "2K"),
            has_last_frame=True,
            has_sound=True,
        ),
    )
}

# The engine's own choice of an upstream model.
CHOICES: Mapping[str, str] = {
    # No Sora is left: this one has its lengths, sound and tiers.
    "openai/sora-2/image-to-video-pro": "bytedance/seedance-2.0",
    "wan2.7-i2v": "alibaba/wan-2.7",
    "happyhorse-1.0-i2v": "alibaba/happyhorse-1.0",
    "happyhorse-1.1-i2v": "alibaba/happyhorse-1.1",
    "doubao-seedance-2.0": "bytedance/seedance-2.0",
    "doubao-seedance-2.5": "bytedance/seedance-2.5",
    "kling-v3": "kwaivgi/kling-v3.0-pro",
    "minimax-h3": "minimax/hailuo-3",
}


class ModelRow(msgspec.Struct, frozen=True):
    """What the list says of a model; null where it does not say."""

    id: str
    supported_durations: list[int] | None = None
    supported_resolutions: list[str] | None = None
    supported_sizes: list[str] | None = None
    supported_frame_images: list[str] | None = None
    generate_audio: bool | None = None
    seed: bool | None = None


def learnt(answer: Mapping[str, Any]) -> dict[str, OpenRouterModel]:
    """The models of the list, by name; a row that cannot be read is left out."""
    models: dict[str, OpenRouterModel] = {}
    rows = answer.get("data")
    for each in rows[: MOST_ITEMS * 10] if isinstance(rows, list) else ():
        try:
            row = msgspec.convert(each, ModelRow)
        except msgspec.ValidationError:
            continue
        models[row.id] = _learnt(row)
    return models


def unread(name: str) -> OpenRouterModel:
    """A model that only the operator knows: it takes anything until the list says what."""
    return MODELS.get(name) or OpenRouterModel(
        name=name,
        durations_s=ANY_LENGTH,
        tiers=ALL_TIERS,
        has_last_frame=True,
        has_sound=True,
        has_seed=True,
    )


def misfit(model: OpenRouterModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    if not model.has_first_frame:
        return BadField("model", f"one that takes a first frame: {model.name} has none")
    if not model.tiers and request.size not in model.sizes:
        return BadField("model", f"one of a known resolution: {model.name} has none")
    has = Has(
        last_frame=model.has_last_frame,
        negative_prompt=False,
        watermark=False,
        sound=model.has_sound,
    )
    missing = unsupported(request, has, name=model.name)
    return missing or not_offered(
        request, durations_s=model.durations_s, tiers=model.tiers, sizes=model.sizes
    )


def told_size(model: OpenRouterModel, request: VideoRequest, size: Size) -> Size | None:
    """The size of its own that `model` is asked for; None: a tier, or nothing.

    size: of the video as it was promised. Where sizes are all that the list has, a tier too can be
    told by one of them alone.
    """
    if request.size in model.sizes:
        return request.size
    if model.has_resolution or not model.sizes:
        return None
    tier = tier_for(request, model.tiers)
    of_tier = [each for each in model.sizes if _tier_of(each) == tier]
    return nearest_size(at_area(size, NAMED_SIZES[tier]), of_tier)


def body_of(
    model: OpenRouterModel,
    request: VideoRequest,
    frames: Mapping[Role, str],
    *,
    size: Size | None = None,
) -> dict[str, Any]:
    """The documented body; `frames` are data URLs, `size` is what `told_size` says."""
    body: dict[str, Any] = {
        "model": model.name,
        "frame_images": [
            {
                "type": "image_url",
                "image_url": {"url": frames[role]},
                "frame_type": f"{role}_frame",
            }
            for role in ("first", "last")
            if role in frames
        ],
        "duration": request.duration_s,
    }
    if request.prompt:
        body["prompt"] = request.prompt
    if size is not None:
        body["size"] = str(size)
    elif model.has_resolution:
        body["resolution"] = SPELT[tier_for(request, model.tiers or ALL_TIERS)]
    if model.has_seed and request.seed is not None:
        body["seed"] = request.seed
    if model.has_sound and request.generate_audio is not None:
        body["generate_audio"] = request.generate_audio
    return body


def _learnt(row: ModelRow) -> OpenRouterModel:
    frames = row.supported_frame_images or []
    sizes = frozenset(filter(None, map(_size, row.supported_sizes or [])))
    known = MODELS.get(row.id)
    durations_s = tuple(sorted(set(row.supported_durations or ())))
    if not durations_s:
        durations_s = ANY_LENGTH if known is None else known.durations_s
    return OpenRouterModel(
        name=row.id,
        durations_s=durations_s,
        tiers=_tiers(row.supported_resolutions, sizes),
        has_resolution=bool(row.supported_resolutions),
        has_first_frame="first_frame" in frames,
        has_last_frame="last_frame" in frames,
        has_sound=row.generate_audio is True,
        has_seed=row.seed is True,
        sizes=sizes,
    )


def _tiers(resolutions: Sequence[str] | None, sizes: frozenset[Size]) -> tuple[TierName, ...]:
    """Those of the list; without it, those of its sizes; without these, any: it cannot be told."""
    if resolutions:
        told = {each.casefold() for each in resolutions}
        return tuple(tier for tier, text in SPELT.items() if text.casefold() in told)
    if sizes:
        near = set(map(_tier_of, sizes))
        return tuple(tier for tier in ALL_TIERS if tier in near)
    return ALL_TIERS


def _tier_of(size: Size) -> TierName:
    return nearest_tier(size, ALL_TIERS)


def _size(text: str) -> Size | None:
    found = re.fullmatch(r"(\d{2,5})x(\d{2,5})", text, re.ASCII)
    return None if found is None else Size(int(found[1]), int(found[2]))
