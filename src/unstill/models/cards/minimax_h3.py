"""minimax-h3, as MiniMax's document of its second API has it."""

from unstill.domain.request import TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Text, Tier, Whole
from unstill.models.shared_fields import FIRST_FRAME, LAST_FRAME, watermark

_TIERS: tuple[TierName, ...] = ("768P", "2K")
_DOCUMENT = "MiniMax, POST /v2/video_generation, MiniMax-H3"

CARD = Card(
    id="minimax-h3",
    title="MiniMax H3 image to video",
    created=1_785_369_600,  # 2026-07-30, its release
    fields=(
        FIRST_FRAME,
        LAST_FRAME,
        Field("prompt", Text(most_chars=7000), is_required=True, source=f"{_DOCUMENT}, content"),
        # The document demands both, and names no usual one.
        Field("resolution", Tier(_TIERS), default="768P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="docs/decisions/003-sizes.md"),
        Field("duration", Whole(least=4, most=15), default=5, source=f"{_DOCUMENT}, duration"),
        watermark(default=False, source=f"{_DOCUMENT}, aigc_watermark"),
    ),
    frame_rate=24,
    frame_rule=FrameRule(
        least_side_px=256, most_side_px=5760, most_ratio=2.5, source=f"{_DOCUMENT}, image_url"
    ),
    usage=("duration",),
    source=_DOCUMENT,
    examples={
        "videos": CallExample(
            "MiniMax H3",
            {
                "model": "minimax-h3",
                "prompt": "The wind moves her hair, and she smiles",
                "resolution": "2K",
                "seconds": "6",
                "input_reference": {"image_url": "https://example.com/portrait.jpg"},
            },
        ),
    },
)
