"""MiniMax's image-to-video models: what each takes, and a request in its words. Pure.

Here, and not in its engine's room, since others sell the same models by the same bodies.

Numbers: MiniMax, video generation v2, MiniMax-H3, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.media.picture_formats import Format
from unstill.upstreams.content_parts import content_parts
from unstill.upstreams.port import FrameForm
from unstill.upstreams.sizes import frame_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, prompt_misfit, unsupported

MOST_PROMPT_CHARS = 7000
_PICTURES: frozenset[Format] = frozenset({"JPEG", "PNG", "WebP"})
# Each may have 30 MB, and a body 64 MB: two of these fit as base64.
_PICTURE_BYTES = 22 * 10**6
_PICTURE_SIDES_PX = (256, 5760)
_MOST_RATIO = 2.5  # a limit of the pictures, which the videos follow
# Sound is always made, and a mark drawn where it is asked for.
_HAS = Has(last_frame=True, negative_prompt=False, watermark=True, sound=True)


class MiniMaxModel(msgspec.Struct, frozen=True, kw_only=True):
    """An upstream model as the page describes it."""

    name: str
    durations_s: tuple[int, ...]
    tiers: tuple[TierName, ...]


MODELS: Mapping[str, MiniMaxModel] = {
    model.name: model
    for model in (
        MiniMaxModel(name="MiniMax-H3", durations_s=tuple(range(4, 16)), tiers=("768P", "2K")),
        MiniMaxModel(
            name="MiniMax-H3-Max", durations_s=tuple(range(5, 16)), tiers=("480P", "768P")
        ),
    )
}


def misfit(model: MiniMaxModel, request: VideoRequest) -> BadField | None:
    """What `model` cannot do of `request`."""
    return (
        unsupported(request, _HAS, name=model.name)
        or not_offered(
            request, durations_s=model.durations_s, tiers=model.tiers, most_ratio=_MOST_RATIO
        )
        or prompt_misfit(request.prompt, name=model.name, is_needed=True, most=MOST_PROMPT_CHARS)
    )


def frame_form(model: MiniMaxModel, request: VideoRequest) -> FrameForm:
    """No exact size upstream: it is had by a first frame of its shape, in its tier."""
    least_px, most_px = _PICTURE_SIDES_PX
    return FrameForm(
        _PICTURES,
        _PICTURE_BYTES,
        size=frame_size(request, model.tiers),
        takes_alpha=False,
        least_side_px=least_px,
        most_side_px=most_px,
        most_ratio=_MOST_RATIO,
    )


def body_of(
    model: MiniMaxModel, request: VideoRequest, frames: Mapping[Role, str]
) -> dict[str, Any]:
    """The documented body; `frames` are data URLs."""
    return {
        "model": model.name,
        "content": content_parts(request.prompt, frames),
        "resolution": tier_for(request, model.tiers),
        "duration": request.duration_s,
        "ratio": "adaptive",  # with frames it has no other
        "aigc_watermark": request.watermark,
    }
