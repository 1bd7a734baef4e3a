"""The size of the video: exact sizes that are taken, and what a tier gives for a photo."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from support.requests import a_request
from unstill.domain.errors import BadField
from unstill.domain.request import GivenValue, Ratio, Size, TierName, VideoRequest
from unstill.models.card import Card
from unstill.models.catalogue import CARDS
from unstill.models.field_kinds import Exact
from unstill.models.sizes import (
    charged_tier,
    kept_part,
    output_size,
    size_at,
    size_in_ratio,
    tier_height,
    too_large_for_here,
)
from unstill.models.tiers import NAMED_SIZES

BY_ID = {card.id: card for card in CARDS}
WAN27 = BY_ID["wan2.7-i2v"]
SORA = BY_ID["openai/sora-2/image-to-video-pro"]
SEEDANCE20 = BY_ID["doubao-seedance-2.0"]
SEEDANCE25 = BY_ID["doubao-seedance-2.5"]
KLING, MINIMAX = BY_ID["kling-v3"], BY_ID["minimax-h3"]
EXACT = Exact(("720P", "1080P"))


def given_size(text: object) -> GivenValue:
    return GivenValue("size", text)


@pytest.mark.parametrize(
    "text",
    [
        *("1280x720", "1280X720", "1280*720", " 1280 x 720 ", "01280x0720"),
        *("1280\u00d7720", "1280:720", "1280 : 720", "1280\uff1a720", "1280/720"),
    ],
)
def test_a_size_is_read_in_every_documented_spelling(text: str) -> None:
    assert EXACT.read(given_size(text)) == Size(1280, 720)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("256:256", Size(256, 256)),
        ("255:256", Ratio(255, 256)),  # smaller than any side may be
        ("239:100", Ratio(239, 100)),  # the cinema has it
        ("16:9", Ratio(16, 9)),
    ],
)
def test_two_numbers_with_a_colon_are_a_size_where_they_can_be_its_sides(
    text: str, read: Size | Ratio
) -> None:
    assert EXACT.read(given_size(text)) == read


@pytest.mark.parametrize("text", ["1280:722x", "1281:720", "4096:2160", "16x9", "64x64"])
def test_a_size_with_a_colon_keeps_to_the_same_limits(text: str) -> None:
    with pytest.raises(BadField, match="even sides from 256 to 2048"):
        EXACT.read(given_size(text))


# OpenAI, POST /videos, size; the guide adds 1920x1080 for sora-2-pro.
@pytest.mark.parametrize(
    "text", ["720x1280", "1280x720", "1024x1792", "1792x1024", "1920x1080", "1080x1920"]
)
@pytest.mark.parametrize("card", CARDS, ids=lambda card: str(card.id))
def test_every_size_that_openai_documents_is_taken_by_every_model(card: Card, text: str) -> None:
    field = card.field("size")

    assert field is not None
    assert isinstance(field.kind, Exact)
    assert str(field.kind.read(given_size(text))) == text


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ("256x256", True),
        ("254x256", False),
        ("256x254", False),
        ("2048x1018", True),
        ("2050x1000", False),
        ("1000x2048", True),
        ("1000x2050", False),
        ("1281x720", False),
        ("1280x721", False),
        ("1024x256", True),  # 4:1
        ("1026x256", False),
        ("256x1024", True),
        ("256x1026", False),
        ("1920x1088", True),
        ("1088x1920", True),
        ("1920x1090", False),
        ("1448x1442", True),  # 2,088,016 pixels, the limit is 2,088,960
        ("1448x1444", False),
    ],
)
def test_a_size_keeps_to_sides_parity_ratio_and_area(text: str, *, is_taken: bool) -> None:
    if is_taken:
        assert str(EXACT.read(given_size(text))) == text
    else:
        with pytest.raises(BadField, match="even sides from 256 to 2048, ratio 1:4 to 4:1"):
            EXACT.read(given_size(text))


@pytest.mark.parametrize(
    ("tiers", "text", "is_taken"),
    [
        (("768P", "2K"), "2560x1440", True),
        (("768P", "2K"), "1440x2560", True),
        (("768P", "2K"), "2562x1000", False),
        (("768P", "2K"), "2560x1442", False),
        (("768P", "2K"), "1920x1920", True),  # as many pixels as 2560x1440
        (("768P", "2K"), "1922x1920", False),
        (("720P", "4K"), "3840x2160", True),
        (("720P", "4K"), "2160x3840", True),
        (("720P", "4K"), "3842x1000", False),
        (("720P", "4K"), "3840x2162", False),
        (("720P", "4K"), "254x1000", False),
        (("768P",), "2560x1440", False),
    ],
)
def test_a_model_with_a_larger_tier_takes_sizes_as_large(
    tiers: tuple[TierName, ...], text: str, *, is_taken: bool
) -> None:
    if is_taken:
        assert str(Exact(tiers).read(given_size(text))) == text
    else:
        most = Exact(tiers).limits.most_side_px
        with pytest.raises(BadField, match=f"even sides from 256 to {most}, ratio 1:4 to 4:1"):
            Exact(tiers).read(given_size(text))


@pytest.mark.parametrize("tiers", [("1080P",), ("2K",), ("4K",)], ids=lambda tiers: str(tiers[0]))
def test_the_pattern_of_a_side_is_its_limits(tiers: tuple[TierName, ...]) -> None:
    limits = Exact(tiers).limits
    fits = {side for side in range(1, 9999) if re.fullmatch(limits.side, str(side))}

    assert fits == {*range(256, limits.most_side_px + 1, 2)}


@pytest.mark.parametrize(
    "value",
    ["", "x", "1280", "1280x", "x720", "1280x720x3", "-1280x720", "1280.0x720", "480P"],
)
def test_what_is_no_size_is_refused_with_the_tiers_of_the_model(value: str) -> None:
    with pytest.raises(BadField, match=r"size must be .* or 720P or 1080P, got"):
        EXACT.read(given_size(value))


@pytest.mark.parametrize("value", [720, None, True, ["1280x720"], {"width": 1280}])
def test_a_size_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(BadField):
        EXACT.read(given_size(value))


@pytest.mark.parametrize("frame", [Size(300, 300), Size(4000, 250)])
@pytest.mark.parametrize("card", [WAN27, SORA], ids=lambda card: str(card.id))
def test_an_exact_size_is_the_size_whatever_the_frame(card: Card, frame: Size) -> None:
    assert output_size(card, a_request(size=Size(640, 360)), frame) == Size(640, 360)


# DashScope, image-to-video FAQ: 750x1000 at 720P gives 816x1104. The others by the same formula:
# the tier's area at the frame's ratio, both sides floored to multiples of 16.
@pytest.mark.parametrize(
    ("tier", "frame", "size"),
    [
        ("720P", Size(750, 1000), Size(816, 1104)),
        ("480P", Size(500, 500), Size(624, 624)),
        ("720P", Size(500, 500), Size(960, 960)),
        ("1080P", Size(500, 500), Size(1440, 1440)),
        ("480P", Size(400, 300), Size(720, 544)),
        ("720P", Size(400, 300), Size(1104, 816)),
        ("1080P", Size(400, 300), Size(1648, 1232)),
        ("720P", Size(4000, 1000), Size(1920, 480)),
        ("720P", Size(8000, 1000), Size(1920, 480)),  # beyond 4:1 the frame is cropped
        ("720P", Size(1000, 8000), Size(480, 1920)),
    ],
)
def test_a_tier_is_an_area_at_the_frames_own_ratio(tier: TierName, frame: Size, size: Size) -> None:
    assert output_size(WAN27, a_request(tier=tier), frame) == size


@pytest.mark.parametrize(
    ("tier", "size"),
    [
        ("480P", Size(832, 480)),
        ("720P", Size(1280, 720)),
        ("768P", Size(1344, 768)),
        ("1080P", Size(1920, 1080)),
        ("2K", Size(2560, 1440)),
        ("4K", Size(3840, 2160)),
    ],
)
def test_a_frame_of_16_to_9_gives_the_named_size_upright_or_not(tier: TierName, size: Size) -> None:
    assert output_size(WAN27, a_request(tier=tier), Size(1600, 900)) == size
    upright = output_size(WAN27, a_request(tier=tier), Size(900, 1600))
    assert upright == Size(size.height, size.width)


@pytest.mark.parametrize(
    ("ratio", "is_named"),
    [(16 / 9 * 1.028, True), (16 / 9 * 0.972, True), (16 / 9 * 1.034, False), (1.7, False)],
)
def test_a_frame_within_3_percent_of_16_to_9_counts_as_it(ratio: float, *, is_named: bool) -> None:
    wide = Size(round(3000 * ratio), 3000)

    assert (output_size(WAN27, a_request(), wide) == Size(1280, 720)) is is_named
    upright = Size(wide.height, wide.width)
    assert (output_size(WAN27, a_request(), upright) == Size(720, 1280)) is is_named


# OpenAI, video generation guide: sora-2-pro renders 1280x720 and 1920x1080, either way up.
@pytest.mark.parametrize(("tier", "size"), [("720P", Size(1280, 720)), ("1080P", Size(1920, 1080))])
@pytest.mark.parametrize("ratio", [1.0, 1.3, 1.78, 6.0])
def test_soras_tiers_are_fixed_sizes_that_turn_with_the_frame(
    tier: TierName, size: Size, ratio: float
) -> None:
    wide = Size(int(1000 * ratio), 1000)

    assert output_size(SORA, a_request(tier=tier), wide) == size
    if ratio > 1:
        upright = output_size(SORA, a_request(tier=tier), Size(wide.height, wide.width))
        assert upright == Size(size.height, size.width)


# Ark, Seedance 2.0 and 2.5, sizes of `resolution` and `ratio`: adaptive is the nearest of them.
@pytest.mark.parametrize(
    ("card", "tier", "frame", "size"),
    [
        (SEEDANCE20, "480P", Size(1600, 900), Size(864, 496)),
        (SEEDANCE25, "480P", Size(1600, 900), Size(854, 480)),
        (SEEDANCE20, "720P", Size(900, 1600), Size(720, 1280)),
        (SEEDANCE20, "720P", Size(1200, 900), Size(1112, 834)),
        (SEEDANCE20, "720P", Size(3000, 2000), Size(1112, 834)),  # 3:2, nearer to 4:3 than to 16:9
        (SEEDANCE20, "720P", Size(500, 490), Size(960, 960)),
        (SEEDANCE20, "1080P", Size(2500, 1000), Size(2206, 946)),
        (SEEDANCE20, "4K", Size(1600, 900), Size(3840, 2160)),
        (SEEDANCE20, "4K", Size(900, 1200), Size(2880, 3840)),
        (SEEDANCE20, "4K", Size(700, 700), Size(3840, 3840)),
        # MiniMax H3 and Kling: an area at the frame's own ratio.
        (MINIMAX, "768P", Size(1600, 900), Size(1344, 768)),
        (MINIMAX, "2K", Size(900, 1600), Size(1440, 2560)),
        (KLING, "4K", Size(1600, 900), Size(3840, 2160)),
        (KLING, "4K", Size(500, 500), Size(2880, 2880)),
    ],
)
def test_newer_tiers_have_the_sizes_of_their_documents(
    card: Card, tier: TierName, frame: Size, size: Size
) -> None:
    assert tier in card.tiers
    assert output_size(card, a_request(model=card.id, tier=tier), frame) == size


def test_a_ratio_that_a_tier_has_a_size_for_gives_it_and_another_its_area() -> None:
    assert size_in_ratio(SEEDANCE20, "480P", Ratio(4, 3)) == Size(752, 560)
    assert size_in_ratio(SEEDANCE20, "480P", Ratio(9, 16)) == Size(496, 864)
    assert size_in_ratio(SEEDANCE20, "480P", Ratio(3, 2)) == size_at("480P", Size(3, 2))


@given(
    st.sampled_from(sorted(NAMED_SIZES)),
    st.integers(64, 8000),
    st.integers(64, 8000),
)
def test_a_tiers_sides_are_even_and_its_area_is_never_more_than_named(
    tier: TierName, width: int, height: int
) -> None:
    size = size_at(tier, Size(width, height))
    named = NAMED_SIZES[tier]

    assert size.width % 2 == size.height % 2 == 0
    assert 0.9 < size.width * size.height / (named.width * named.height) <= 1


@pytest.mark.parametrize(
    ("request_", "height"),
    [
        (a_request(tier="480P"), 480),
        (a_request(tier="720P"), 720),
        (a_request(tier="768P"), 768),
        (a_request(tier="1080P"), 1080),
        (a_request(tier="2K"), 1440),
        (a_request(tier="4K"), 2160),
        (a_request(size=Size(1280, 720)), 720),
        (a_request(size=Size(720, 1280)), 720),
    ],
)
def test_usage_counts_a_tier_or_the_short_side(request_: VideoRequest, height: int) -> None:
    assert tier_height(request_) == height


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (a_request(tier="1080P"), None),
        (a_request(tier="2K"), "resolution"),
        (a_request(tier="4K"), "resolution"),
        (a_request(size=Size(1920, 1088)), None),
        (a_request(size=Size(1088, 1920), tier="4K"), None),
        (a_request(size=Size(1920, 1090)), "size"),
        (a_request(size=Size(3840, 2160)), "size"),
    ],
)
def test_engines_of_this_machine_make_at_most_1920x1088(
    request_: VideoRequest, param: str | None
) -> None:
    misfit = too_large_for_here(request_)

    assert (misfit and misfit.param) == param
    assert misfit is None or "1920x1088" in misfit.message


# --- the tier that is charged --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "tier", "charged"),
    [
        (None, "720P", "720P"),
        (None, "1080P", "1080P"),
        # By its area, whatever the tier is by default.
        (Size(1280, 720), "1080P", "720P"),
        (Size(720, 1280), "1080P", "720P"),
        (Size(256, 256), "1080P", "720P"),
        (Size(1920, 1080), "720P", "1080P"),
        # 1382400 px is as many times 720P's as 1080P's is of it.
        (Size(1380, 1000), "1080P", "720P"),
        (Size(1386, 1000), "720P", "1080P"),
    ],
)
def test_a_video_is_charged_by_the_tier_asked_for_or_the_nearest_to_its_size(
    size: Size | None, tier: TierName, charged: TierName
) -> None:
    assert charged_tier(WAN27, a_request(size=size, tier=tier)) == charged


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.id)
@pytest.mark.parametrize("ratio", [Ratio(1, 1), Ratio(16, 9), Ratio(3, 4), Ratio(9, 21)], ids=str)
def test_a_tier_in_any_ratio_is_charged_as_that_tier(card: Card, ratio: Ratio) -> None:
    for tier in card.tiers:
        size = size_in_ratio(card, tier, ratio)

        assert charged_tier(card, a_request(model=card.id, size=size)) == tier


# --- what is kept of a picture -------------------------------------------------------------------

SIDES = st.integers(min_value=64, max_value=2000)


@given(st.builds(Size, SIDES, SIDES), st.builds(Size, SIDES, SIDES))
def test_what_is_kept_of_a_picture_lies_in_its_middle_and_has_the_videos_ratio(
    frame: Size, size: Size
) -> None:
    kept = kept_part(frame, size)

    assert kept.width == frame.width or kept.height == frame.height
    assert 0 <= frame.width - 2 * kept.x - kept.width <= 1
    assert 0 <= frame.height - 2 * kept.y - kept.height <= 1
    assert abs(kept.width * size.height - kept.height * size.width) <= max(size.width, size.height)


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (Size(800, 600), Size(640, 320)),
        (Size(800, 600), Size(320, 640)),
        (Size(1201, 500), Size(720, 720)),
        (Size(499, 1001), Size(1280, 720)),
    ],
)
def test_it_is_what_a_frame_is_cropped_to_for_an_upstream(frame: Size, size: Size) -> None:
    assert darkest_of_fitted(frame, size, beyond_px=1) == 255
    assert darkest_of_fitted(frame, size, beyond_px=-2) < 255


def darkest_of_fitted(frame: Size, size: Size, *, beyond_px: int) -> int:
    """Of a picture that is white where it is kept, and so far beyond, and black elsewhere."""
    kept = kept_part(frame, size)
    upper_left = (kept.x - beyond_px, kept.y - beyond_px)
    sides = (kept.width + 2 * beyond_px, kept.height + 2 * beyond_px)
    picture = Image.new("L", (frame.width, frame.height), 0)
    picture.paste(Image.new("L", sides, 255), upper_left)
    fitted = ImageOps.fit(picture, (size.width, size.height), Image.Resampling.BOX)
    return min(fitted.tobytes())
