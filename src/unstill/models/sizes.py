"""The size of the video that a request gets, once its first frame is known."""

from collections.abc import Sequence
from math import isclose, log, sqrt

import msgspec

from unstill.domain.request import Ratio, Size, TierName, VideoRequest
from unstill.models.card import Card
from unstill.models.field_kinds import SIZE_MOST_RATIO

# DashScope, image-to-video FAQ: a tier is a total of pixels. 480P: its text-to-video sizes.
NAMED_SIZES: dict[TierName, Size] = {
    "480P": Size(832, 480),
    "720P": Size(1280, 720),
    "1080P": Size(1920, 1080),
}
_STEP_PX = 16  # DashScope, same page: both sides are multiples of 16
SAME_WITHIN = 0.03  # it may differ so from 16:9 or 9:16; 2 % gave 842x474 for a 16:9 photo at 480P


class Crop(msgspec.Struct, frozen=True):
    """A part of a picture, in its pixels from the upper left."""

    x: int
    y: int
    width: int
    height: int


def output_size(card: Card, request: VideoRequest, frame: Size) -> Size:
    """The exact size asked for, or the tier's area at the frame's own ratio.

    Source: DashScope's worked example, 750x1000 at 720P gives 816x1104.
    """
    if request.size is not None:
        return request.size
    named = card.tier_sizes.get(request.tier)
    if named is not None:
        return _turned(named, frame)
    return size_at(request.tier, frame)


def kept_part(frame: Size, size: Size) -> Crop:
    """What is left of a frame that is scaled and cropped around its middle to a size.

    So it is done here (engines/camera/picture.py, Pillow's `ImageOps.fit` in media/convert.py);
    upstreams that are sent the whole frame may cut it in their own way.
    """
    scale = max(size.width / frame.width, size.height / frame.height)
    width = min(frame.width, max(1, round(size.width / scale)))
    height = min(frame.height, max(1, round(size.height / scale)))
    return Crop((frame.width - width) // 2, (frame.height - height) // 2, width, height)


def size_at(tier: TierName, frame: Size) -> Size:
    """The tier's area at the frame's ratio."""
    ratio = frame.width / frame.height
    named = _turned(NAMED_SIZES[tier], frame)
    if isclose(ratio, 16 / 9 if not frame.is_upright else 9 / 16, rel_tol=SAME_WITHIN):
        return named
    ratio = min(max(ratio, 1 / SIZE_MOST_RATIO), SIZE_MOST_RATIO)
    area = named.width * named.height
    return Size(_floored(sqrt(area * ratio)), _floored(sqrt(area / ratio)))


def size_in_ratio(card: Card, tier: TierName, ratio: Ratio) -> Size:
    """The tier's area in the ratio, as if the first frame had it."""
    frame = Size(ratio.width, ratio.height)
    named = card.tier_sizes.get(tier)
    if named is not None and isclose(
        max(frame.width, frame.height) * named.height,
        min(frame.width, frame.height) * named.width,
        rel_tol=SAME_WITHIN,
    ):
        return _turned(named, frame)
    return size_at(tier, frame)


def tier_height(request: VideoRequest) -> int:
    """480, 720 or 1080, as usage counts it; of an exact size, its short side."""
    if request.size is not None:
        return min(request.size.width, request.size.height)
    return int(request.tier.removesuffix("P"))


def nearest_tier(size: Size, tiers: Sequence[TierName]) -> TierName:
    """The tier whose area is nearest to that of `size`, by ratio."""
    return min(tiers, key=lambda tier: abs(log(size.area / NAMED_SIZES[tier].area)))


def charged_tier(card: Card, request: VideoRequest) -> TierName:
    """The tier that a video is charged by: as asked for, or the nearest to its exact size."""
    if request.size is None or not card.tiers:
        return request.tier
    return nearest_tier(request.size, card.tiers)


def _turned(size: Size, frame: Size) -> Size:
    return Size(size.height, size.width) if frame.is_upright else size


def _floored(side: float) -> int:
    return int(side + 1e-6) // _STEP_PX * _STEP_PX
