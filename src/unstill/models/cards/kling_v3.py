"""kling-v3, as Kling's own document of the 3.0 API has it."""

from unstill.domain.request import TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Flag, Text, Tier, Whole
from unstill.models.shared_fields import FIRST_FRAME, LAST_FRAME, watermark

_TIERS: tuple[TierName, ...] = ("720P", "1080P", "4K")
_DOCUMENT = "Kling, image to video, kling-3.0"

CARD = Card(
    id="kling-v3",
    title="Kling 3.0 image to video",
    created=1_774_569_600,  # 2026-03-27, the first job that a page of DashScope's shows
    aliases=("kling-3.0",),
    fields=(
        FIRST_FRAME,
        LAST_FRAME,
        Field("prompt", Text(most_chars=3072), source=f"{_DOCUMENT}, contents"),
        Field("resolution", Tier(_TIERS), default="720P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="docs/decisions/003-sizes.md"),
        Field("duration", Whole(least=3, most=15), default=5, source=f"{_DOCUMENT}, duration"),
        # `audio` is native or off there.
        Field("generate_audio", Flag(), default=False, source=f"{_DOCUMENT}, audio"),
        watermark(default=False, source=f"{_DOCUMENT}, watermark_info"),
    ),
    frame_rate=24,  # DashScope, Kling video generation, usage
    frame_rule=FrameRule(
        least_side_px=300,
        most_side_px=8000,
        most_ratio=2.5,
        source=f"{_DOCUMENT}, contents; the longest side is DashScope's",
    ),
    usage=("duration",),
    source=_DOCUMENT,
    examples={
        "tasks": CallExample(
            "Kling 3.0",
            {
                "model": "kling-v3",
                "input": {
                    "prompt": "The cat turns its head",
                    "first_frame_url": "https://example.com/cat.jpg",
                },
                "parameters": {"resolution": "1080P", "duration": 5},
            },
        ),
        "dashscope": CallExample(
            "Kling 3.0, first and last frame",
            {
                "model": "kling-v3",
                "input": {
                    "prompt": "一只黑色小猫好奇地看向天空",
                    "media": [
                        {"type": "first_frame", "url": "https://example.com/first.png"},
                        {"type": "last_frame", "url": "https://example.com/last.png"},
                    ],
                },
                "parameters": {"resolution": "720P", "duration": 5, "audio": False},
            },
        ),
    },
)
