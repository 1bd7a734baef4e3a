"""Kling 3.0 omni at Comfy Router: what it takes, and a request in its words. Pure.

Of Kling's own first API, which Comfy passes on: texts for numbers, a mode for a tier, pictures in a
list. Source: Comfy Router, the schema of kling/kling-v3-omni, read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unstill.domain.errors import BadField
from unstill.domain.request import Role, TierName, VideoRequest
from unstill.media.picture_formats import Format
from unstill.upstreams.pictures import bare_base64
from unstill.upstreams.port import FrameForm
from unstill.upstreams.sizes import frame_size, not_offered, tier_for
from unstill.upstreams.unsupported import Has, prompt_misfit, unsupported

NAME = "kling/kling-v3-omni"
DURATIONS_S = tuple(range(3, 16))
MOST_PROMPT_CHARS = 2500
_MODES: Mapping[TierName, str] = {"720P": "std", "1080P": "pro"}
TIERS: tuple[TierName, ...] = tuple(_MODES)
_FRAME_TYPES: Mapping[Role, str] = {"first": "first_frame", "last": "end_frame"}
_PICTURES: frozenset[Format] = frozenset({"JPEG", "PNG"})
_PICTURE_BYTES = 10 * 10**6
_LEAST_SIDE_PX = 300
_MOST_SIDE_PX = 8000  # none documented; DashScope's, which sells the same vendor's models
_MOST_RATIO = 2.5  # a limit of the pictures, which the videos follow
# A mark would come as a second video, in a field of which no page shows what it is billed at.
_HAS = Has(last_frame=True, negative_prompt=False, watermark=False, sound=True)


def misfit(request: VideoRequest) -> BadField | None:
    """What it cannot do of `request`."""
    return (
        unsupported(request, _HAS, name=NAME)
        or not_offered(request, durations_s=DURATIONS_S, tiers=TIERS, most_ratio=_MOST_RATIO)
        or prompt_misfit(request.prompt, name=NAME, is_needed=True, most=MOST_PROMPT_CHARS)
    )


def frame_form(request: VideoRequest) -> FrameForm:
    """No exact size upstream: it is had by a first frame of its shape, in its tier."""
    return FrameForm(
        _PICTURES,
        _PICTURE_BYTES,
        size=frame_size(request, TIERS),
        takes_alpha=False,
        least_side_px=_LEAST_SIDE_PX,
        most_side_px=_MOST_SIDE_PX,
        most_ratio=_MOST_RATIO,
    )


def body_of(request: VideoRequest, frames: Mapping[Role, str]) -> dict[str, Any]:
    """The documented body; `frames` are data URLs.

    That base64 stands there without `data:` is said of the first API's other models. Whose account
    an id of ours would have to be new in is not: none is sent.
    """
    return {
        "prompt": request.prompt,
        "image_list": [
            {"image_url": bare_base64(frames[role]), "type": name}
            for role, name in _FRAME_TYPES.items()
            if role in frames
        ],
        "mode": _MODES[tier_for(request, TIERS)],
        "duration": str(request.duration_s),
        "sound": "on" if request.generate_audio else "off",
        "multi_shot": False,  # one shot is what was asked for
    }
