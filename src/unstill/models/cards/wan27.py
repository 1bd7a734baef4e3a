"""wan2.7-i2v: the unified /v1/videos document, with the ranges of DashScope's own page."""

from unstill.domain.request import TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Flag, Tier, Whole
from unstill.models.shared_fields import (
    FIRST_FRAME,
    LAST_FRAME,
    NEGATIVE_PROMPT,
    PROMPT,
    RANDOM_SEED,
    watermark,
)

_TIERS: tuple[TierName, ...] = ("720P", "1080P")
_DOCUMENT = "DashScope, image-to-video general API, wan2.7-i2v"

CARD = Card(
    id="wan2.7-i2v",
    title="Wan 2.7 image to video",
    created=1_777_075_200,  # 2026-04-25, the dated snapshot
    aliases=("wan2.7-i2v-2026-04-25",),
    fields=(
        FIRST_FRAME,
        LAST_FRAME,
        PROMPT,
        NEGATIVE_PROMPT,
        Field("resolution", Tier(_TIERS), default="1080P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="unified /v1/videos, wan2.7-i2v, size"),
        Field("duration", Whole(least=2, most=15), default=5, source=f"{_DOCUMENT}, duration"),
        Field("generate_audio", Flag(), source="unified /v1/videos, generate_audio"),
        RANDOM_SEED,
        watermark(default=False, source=f"{_DOCUMENT}, watermark"),
        Field("prompt_extend", Flag(), default=True, source=f"{_DOCUMENT}, prompt_extend"),
    ),
    frame_rate=30,
    frame_rule=FrameRule(
        least_side_px=240, most_side_px=8000, most_ratio=8.0, source=f"{_DOCUMENT}, media"
    ),
    usage=("duration",),
    source="unified /v1/videos, wan2.7-i2v",
    examples={
        "videos": CallExample(
            "wan2.7-i2v",
            {
                "model": "wan2.7-i2v",
                "prompt": "让画面中的角色向前走两步,镜头轻微推进,电影感光影。",
                "size": "1280x720",
                "seconds": "5",
                "generate_audio": False,
                "input_reference": {
                    "content": [
                        {
                            "type": "image_url",
                            "role": "first_frame",
                            "image_url": {"url": "https://example.com/first-frame.png"},
                        }
                    ]
                },
            },
        ),
        "dashscope": CallExample(
            "wan2.7, first and last frame",
            {
                "model": "wan2.7-i2v",
                "input": {
                    "prompt": "一只猫在草地上奔跑",
                    "media": [
                        {"type": "first_frame", "url": "https://example.com/first.png"},
                        {"type": "last_frame", "url": "https://example.com/last.png"},
                    ],
                },
                "parameters": {"resolution": "720P", "duration": 5, "prompt_extend": True},
            },
        ),
    },
)
