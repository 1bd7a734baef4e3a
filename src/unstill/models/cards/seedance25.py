"""doubao-seedance-2.5, as Volcengine Ark documents it; abroad it is called dreamina."""

from unstill.domain.request import Size, TierName
from unstill.models.card import CallExample, Card, Field, FrameRule
from unstill.models.field_kinds import Exact, Flag, Tier, Whole
from unstill.models.shared_fields import FIRST_FRAME, LAST_FRAME, PROMPT, watermark

_TIERS: tuple[TierName, ...] = ("480P", "720P", "1080P")
_DOCUMENT = "Ark, create a video generation task, Seedance 2.5"

CARD = Card(
    id="doubao-seedance-2.5",
    title="Seedance 2.5 image to video",
    created=1_782_604_800,  # 2026-06-28, the dated snapshot
    aliases=("doubao-seedance-2-5-260628", "dreamina-seedance-2-5-260628"),
    fields=(
        FIRST_FRAME,
        LAST_FRAME,
        PROMPT,
        Field("resolution", Tier(_TIERS), default="720P", source=f"{_DOCUMENT}, resolution"),
        Field("size", Exact(_TIERS), source="docs/decisions/003-sizes.md"),
        # The default of the document is -1, with which the model chooses; 5 is that of 2.0.
        Field("duration", Whole(least=4, most=30), default=5, source=f"{_DOCUMENT}, duration"),
        Field("generate_audio", Flag(), default=True, source=f"{_DOCUMENT}, generate_audio"),
        watermark(default=False, source=f"{_DOCUMENT}, watermark"),
    ),
    frame_rate=24,
    frame_rule=FrameRule(
        least_side_px=300, most_side_px=6000, most_ratio=2.5, source=f"{_DOCUMENT}, image_url"
    ),
    usage=("duration",),
    source=_DOCUMENT,
    # Ark, ratio: a frame's own is the nearest of these.
    tier_sizes={
        "480P": (Size(854, 480), Size(992, 432), Size(752, 560), Size(640, 640)),
        "720P": (Size(1280, 720), Size(1470, 630), Size(1112, 834), Size(960, 960)),
        "1080P": (Size(1920, 1080), Size(2206, 946), Size(1664, 1248), Size(1440, 1440)),
    },
    examples={
        "videos": CallExample(
            "Seedance 2.5, first and last frame",
            {
                "model": "doubao-seedance-2.5",
                "prompt": "女孩睁开眼,温柔地看向镜头",
                "resolution": "720p",
                "ratio": "adaptive",
                "seconds": "5",
                "generate_audio": True,
                "input_reference": {
                    "content": [
                        {
                            "type": "image_url",
                            "role": "first_frame",
                            "image_url": {"url": "https://example.com/first-frame.png"},
                        },
                        {
                            "type": "image_url",
                            "role": "last_frame",
                            "image_url": {"url": "https://example.com/last-frame.png"},
                        },
                    ]
                },
            },
        ),
    },
)
