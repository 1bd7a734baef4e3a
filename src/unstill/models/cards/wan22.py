"""Wan-AI/Wan2.2-I2V, as Modelverse documents it."""

import msgspec

from unstill.domain.request import TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Tier, Whole
from unstill.models.shared_fields import (
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    PROMPT,
    RANDOM_SEED,
)

_TIERS: tuple[TierName, ...] = ("480P", "720P")
_DOCUMENT = "Modelverse, Wan-AI/Wan2.2-I2V"

CARD = Card(
    id="Wan-AI/Wan2.2-I2V",
    title="Wan 2.2 image to video",
    created=1_753_660_800,  # 2025-07-28, the open release of Wan 2.2
    fields=(
        FIRST_FRAME,
        LAST_FRAME,
        msgspec.structs.replace(PROMPT, is_required=True, source=f"{_DOCUMENT}, input.prompt"),
        NEGATIVE_PROMPT,
        # The document names no default: 720P is its sample's, 5 s was its only length at first.
        Field("resolution", Tier(_TIERS), default="720P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="docs/decisions/003-sizes.md"),
        Field("duration", Whole((5, 8)), default=5, source=f"{_DOCUMENT}, parameters.duration"),
        RANDOM_SEED,
    ),
    frame_rate=24,  # the 5B weights' own; the A14B weights' 16 is that engine's to say
    frame_rule=FrameRule(
        least_side_px=240,
        most_side_px=8000,
        most_ratio=8.0,
        source="DashScope, legacy image-to-video, img_url of wan2.2; ratio as for wan2.7",
    ),
    usage=("duration",),
    source=_DOCUMENT,
    # DashScope, legacy image-to-video: lists of media began with wan2.7.
    own_names={"dashscope": {"first_frame": "input.img_url"}},
    # DashScope, usage: what `duration` is the sum of came with wan2.6.
    own_usage={"dashscope": ("duration", "SR", "video_count")},
    examples={
        "tasks": CallExample(
            "Wan2.2, first and last frame",
            {
                "model": "Wan-AI/Wan2.2-I2V",
                "input": {
                    "first_frame_url": "https://example.com/cat.jpg",
                    "last_frame_url": "https://example.com/cat.jpg",
                    "prompt": "Convert to quick pencil sketch",
                },
                "parameters": {"resolution": "720P"},
            },
        ),
    },
)
