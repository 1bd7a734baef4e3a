"""The size of the video that a request gets, once its first frame is known."""

from collections.abc import Sequence
from math import isclose, log, sqrt

import msgspec

from unstill.domain.errors import BadField
from unstill.domain.request import Ratio, Size, TierName, VideoRequest
from unstill.models.card import Card
from unstill.models.field_kinds import SIZE_MOST_RATIO
from unstill.models.tiers import NAMED_SIZES

LARGEST_OF_HERE = Size(1920, 1088)  # what engines of this machine make: so many pixels
_STEP_PX = 16  # DashScope, image-to-video FAQ: both sides are multiples of 16
SAME_WITHIN = 0.03  # it may differ so from 16:9 or 9:16; 2 % gave 842x474 for a 16:9 photo at 480P


class Crop(msgspec.Struct, frozen=True):
    """A part of a picture, in its pixels from the upper left."""

    x: int
    y: int
    width: int
    height: int


def output_size(card: Card, request: VideoRequest, frame: Size) -> Size:
    """The exact size asked for, or the tier's area at the frame's own ratio.

    Of a tier with sizes of its own, the one whose ratio is nearest.

    Source: DashScope's worked example, 750x1000 at 720P gives 816x1104.
    """
    if request.size is not None:
        return request.size
    documented = card.tier_sizes.get(request.tier)
    if documented is not None:
        return _nearest(documented, frame)
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
    documented = card.tier_sizes.get(tier)
    if documented is not None:
        size = _nearest(documented, frame)
        if isclose(size.width * ratio.height, size.height * ratio.width, rel_tol=SAME_WITHIN):
            return size
    return size_at(tier, frame)


def tier_height(request: VideoRequest) -> int:
    """480, 720, 1440 and so on, as usage counts it; of an exact size, its short side."""
    size = request.size or NAMED_SIZES[request.tier]
    return min(size.width, size.height)


def too_large_for_here(request: VideoRequest) -> BadField | None:
    """What of a request is a larger video than engines of this machine make."""
    most = f"{LARGEST_OF_HERE}, which is as much as engines of this machine make"
    if request.size is not None:
        if request.size.area > LARGEST_OF_HERE.area:
            return BadField("size", f"at most as many pixels as {most}", str(request.size))
    elif NAMED_SIZES[request.tier].area > LARGEST_OF_HERE.area:
        return BadField("resolution", f"a tier of at most {most}", request.tier)
    return None


def nearest_tier(size: Size, tiers: Sequence[TierName]) -> TierName:
    """The tier whose area is nearest to that of `size`, by ratio."""
    return min(tiers, key=lambda tier: abs(log(size.area / NAMED_SIZES[tier].area)))


def charged_tier(card: Card, request: VideoRequest) -> TierName:
    """The tier that a video is charged by: as asked for, or the nearest to its exact size."""
    if request.size is None or not card.tiers:
        return request.tier
    return nearest_tier(request.size, card.tiers)


def _nearest(sizes: Sequence[Size], frame: Size) -> Size:
    """The one whose ratio is nearest to the frame's, turned as the frame is."""
    ratio = log(max(frame.width, frame.height) / min(frame.width, frame.height))
    lying = min(sizes, key=lambda each: abs(log(each.width / each.height) - ratio))
    return _turned(lying, frame)


def _turned(size: Size, frame: Size) -> Size:
    return Size(size.height, size.width) if frame.is_upright else size


def _floored(side: float) -> int:
    return int(side + 1e-6) // _STEP_PX * _STEP_PX
