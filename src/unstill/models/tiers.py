"""The resolution tiers: each an area in pixels under a name, shown here as its size at 16:9."""

from unstill.domain.request import Size, TierName

NAMED_SIZES: dict[TierName, Size] = {
    "480P": Size(832, 480),  # DashScope: its text-to-video sizes
    "720P": Size(1280, 720),  # DashScope, image-to-video FAQ: a tier is a total of pixels
    "768P": Size(1344, 768),  # MiniMax H3: at most 1032192 pixels
    "1080P": Size(1920, 1080),  # DashScope, as 720P
    "2K": Size(2560, 1440),  # MiniMax H3
    "4K": Size(3840, 2160),  # Ark and Kling
}
