"""happyhorse-1.1-i2v, as DashScope documents it."""

from unstill.domain.request import TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Tier, Whole
from unstill.models.shared_fields import FIRST_FRAME, PROMPT, RANDOM_SEED, watermark

_TIERS: tuple[TierName, ...] = ("480P", "720P", "1080P")
_DOCUMENT = "DashScope, HappyHorse image-to-video"

CARD = Card(
    id="happyhorse-1.1-i2v",
    title="HappyHorse 1.1 image to video",
    created=1_791_763_200,  # 2026-10-12, the newest copy of its page
    fields=(
        FIRST_FRAME,
        PROMPT,
        Field("resolution", Tier(_TIERS), default="1080P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="docs/decisions/003-sizes.md"),
        Field("duration", Whole(least=3, most=15), default=5, source=f"{_DOCUMENT}, duration"),
        watermark(default=True, source=f"{_DOCUMENT}, watermark"),
        RANDOM_SEED,
    ),
    frame_rate=24,
    frame_rule=FrameRule(
        least_side_px=300,
        most_side_px=8000,
        most_ratio=2.5,
        source=f"{_DOCUMENT}, media; the longest side is ours",
    ),
    usage=("duration", "output_video_duration", "video_count", "SR"),
    source=_DOCUMENT,
    examples={
        "dashscope": CallExample(
            "HappyHorse 1.1",
            {
                "model": "happyhorse-1.1-i2v",
                "input": {
                    "prompt": "一只猫在草地上奔跑",
                    "media": [{"type": "first_frame", "url": "https://example.com/cat.png"}],
                },
                "parameters": {"resolution": "480P", "duration": 5, "watermark": False},
            },
        ),
    },
)
