"""openai/sora-2/image-to-video-pro, as Modelverse documented it.

Its aliases are the names that OpenAI sold it under until it switched the service off on
2026-09-24; the contract lives on here.
"""

from unstill.domain.request import Size, TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Tier, Whole
from unstill.models.shared_fields import FIRST_FRAME, PROMPT

_TIERS: tuple[TierName, ...] = ("720P", "1080P")
_DOCUMENT = "Modelverse, OpenAI/Sora2-I2V-Pro"

CARD = Card(
    id="openai/sora-2/image-to-video-pro",
    title="Sora 2 image to video, pro",
    created=1_759_708_800,  # 2025-10-06, the first snapshot's date
    aliases=(
        "sora-2",
        "sora-2-pro",
        "sora-2-2025-10-06",
        "sora-2-pro-2025-10-06",
        "sora-2-2025-12-08",
    ),
    fields=(
        FIRST_FRAME,
        PROMPT,
        Field("resolution", Tier(_TIERS), default="720P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="OpenAI, POST /videos, size"),
        Field("duration", Whole((4, 8, 12)), default=4, source=f"{_DOCUMENT}, duration"),
    ),
    frame_rate=30,  # OpenAI, video generation guide
    frame_rule=FrameRule(
        least_side_px=64,
        most_side_px=8000,
        most_ratio=32.0,
        source="none documented; ours, so that the picture carries a 256 px video, screenshots too",
    ),
    usage=("duration",),
    source=_DOCUMENT,
    tier_sizes={  # OpenAI, guide, sora-2-pro
        "720P": (Size(1280, 720),),
        "1080P": (Size(1920, 1080),),
    },
    default_at={"videos": "sora-2"},  # OpenAI, POST /videos, model; the unified document has none
    examples={
        "tasks": CallExample(
            "Sora 2 pro",
            {
                "model": "openai/sora-2/image-to-video-pro",
                "input": {
                    "first_frame_url": "https://example.com/cat.jpg",
                    "prompt": "The image is coming to life",
                },
                "parameters": {"resolution": "720p", "duration": 4},
            },
        ),
        "videos": CallExample(
            "sora-2",
            {
                "model": "sora-2",
                "prompt": "The image is coming to life",
                "size": "720x1280",
                "seconds": "4",
                "input_reference": {"image_url": "https://example.com/portrait.jpg"},
            },
        ),
    },
)
