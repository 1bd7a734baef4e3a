"""Exact sizes at upstreams that have tiers alone: which are made, and by a frame of which sides."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.requests import KLING
from support.upstream_requests import request
from unstill.domain.request import Size, TierName
from unstill.models.tiers import NAMED_SIZES
from unstill.upstreams.sizes import at_area, frame_size, not_offered

SIDES = st.integers(128, 1920).map(lambda each: each * 2)
BOTH: Sequence[TierName] = ("720P", "1080P")


def ratio(size: Size) -> float:
    return max(size.width, size.height) / min(size.width, size.height)


@given(width=SIDES, height=SIDES, tier=st.sampled_from(sorted(NAMED_SIZES)))
def test_a_frame_is_no_longer_than_the_size_asked_for_and_has_the_tiers_area(
    width: int, height: int, tier: TierName
) -> None:
    shape, area = Size(width, height), NAMED_SIZES[tier]
    made = at_area(shape, area)

    assert ratio(made) <= ratio(shape)
    assert made.width % 2 == made.height % 2 == 0
    assert (made.width >= made.height) == (width >= height) or made.width == made.height
    if ratio(shape) <= 4:
        assert made.area == pytest.approx(area.area, rel=0.015)
        assert ratio(made) == pytest.approx(ratio(shape), rel=0.012)


@pytest.mark.parametrize(
    ("size", "made"),
    [
        (Size(1920, 1080), Size(1920, 1080)),
        (Size(1080, 1920), Size(1080, 1920)),
        (Size(640, 360), Size(1280, 720)),
        (Size(1000, 1000), Size(960, 960)),
        (Size(1860, 744), Size(2274, 910)),
        (Size(640, 256), Size(1520, 608)),
    ],
)
def test_the_frame_of_an_exact_size_has_the_area_of_its_tier(size: Size, made: Size) -> None:
    assert frame_size(request(KLING, size=size), BOTH) == made


@pytest.mark.parametrize(
    ("size", "tiers", "fault"),
    [
        (Size(1920, 1080), BOTH, ""),
        (Size(1920, 1088), BOTH, ""),
        (Size(1440, 1440), BOTH, ""),
        (Size(2112, 1080), BOTH, ""),  # a tenth more
        (Size(2114, 1080), BOTH, "of no more pixels than 1920x1080"),
        (Size(3840, 2160), BOTH, "of no more pixels than 1920x1080"),
        (Size(1920, 1080), ("480P", "720P"), "of no more pixels than 1280x720"),
        (Size(3840, 2160), ("1080P", "4K"), ""),
        (Size(256, 256), BOTH, ""),
        (Size(2500, 1000), ("2K",), ""),
        (Size(2502, 1000), ("2K",), "of a ratio from 1:2.5 to 2.5:1"),
    ],
)
def test_a_size_of_more_pixels_than_the_largest_tier_is_not_made(
    size: Size, tiers: Sequence[TierName], fault: str
) -> None:
    asked = request(KLING, size=size)
    found = not_offered(asked, durations_s=(5,), tiers=tiers, most_ratio=2.5)

    assert ("" if found is None else found.allowed) == fault
    assert not_offered(asked, durations_s=(5,), tiers=tiers, sizes=(size,), most_ratio=2) is None
