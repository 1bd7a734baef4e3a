"""Sizes and lengths as upstreams offer them: the nearest one, and how a choice is spelt. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from math import inf, log, sqrt

from unstill.domain.errors import BadField
from unstill.domain.request import Size, TierName, VideoRequest
from unstill.models.sizes import nearest_tier
from unstill.models.tiers import NAMED_SIZES

# An exact size that is so much larger than the largest tier is made in that tier. With more the
# caller would get less than was asked for, without a word.
STILL_OF_A_TIER = 1.1


def nearest_size(size: Size, sizes: Iterable[Size]) -> Size:
    """The size of whose sides the ratios to those of `size` are smallest together."""
    return min(
        sizes,
        key=lambda each: abs(log(each.width / size.width)) + abs(log(each.height / size.height)),
    )


def at_area(shape: Size, area: Size) -> Size:
    """The shape of one at the area of the other, both sides even; no longer than the shape is."""
    long, short = max(shape.width, shape.height), min(shape.width, shape.height)
    short_px = round(short * sqrt(area.area / shape.area) / 2) * 2
    long_px = short_px * long // short // 2 * 2
    return Size(long_px, short_px) if shape.width >= shape.height else Size(short_px, long_px)


def spelt(numbers: Sequence[int]) -> str:
    """A choice of lengths, for a message: `5 or 8`, `from 2 to 15`."""
    if len(numbers) > 3:
        return f"from {numbers[0]} to {numbers[-1]}"
    return " or ".join(str(number) for number in numbers)


def not_offered(
    request: VideoRequest,
    *,
    durations_s: Sequence[int],
    tiers: Sequence[TierName],
    sizes: Collection[Size] = (),
    most_ratio: float = inf,
) -> BadField | None:
    """The length, tier, shape or number of pixels asked for that an upstream model does not make.

    sizes: those that it makes exactly. most_ratio: of any others; r allows shapes from 1:r to r:1.
    """
    if request.duration_s not in durations_s:
        return BadField("duration", spelt(durations_s), request.duration_s)
    if request.size is None and request.tier not in tiers:
        return BadField("resolution", " or ".join(tiers), request.tier)
    if request.size is None or request.size in sizes:
        return None
    return _size_not_made(request.size, tiers, most_ratio)


def _size_not_made(size: Size, tiers: Sequence[TierName], most_ratio: float) -> BadField | None:
    if _ratio(size) > most_ratio:
        ratio = f"{most_ratio:g}"
        return BadField("size", f"of a ratio from 1:{ratio} to {ratio}:1", str(size))
    largest = max((NAMED_SIZES[tier] for tier in tiers), key=lambda each: each.area)
    if size.area > largest.area * STILL_OF_A_TIER:
        return BadField("size", f"of no more pixels than {largest}", str(size))
    return None


def tier_for(request: VideoRequest, tiers: Sequence[TierName]) -> TierName:
    """The tier asked for, or the one whose area is nearest to the exact size, by ratio."""
    if request.size is None:
        return request.tier
    return nearest_tier(request.size, tiers)


def frame_size(request: VideoRequest, tiers: Sequence[TierName]) -> Size | None:
    """What the frames are cropped to, where there is no exact size upstream.

    A frame of its shape gives a video of its shape.
    """
    if request.size is None:
        return None
    return at_area(request.size, NAMED_SIZES[tier_for(request, tiers)])


def _ratio(size: Size) -> float:
    return max(size.width, size.height) / min(size.width, size.height)
