"""What a pipeline is asked to render, so that the video is exactly what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from support.profiles import a_profile
from support.requests import WAN22, a_request
from unstill.domain.request import Size
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.profile import FrameCounts
from unstill.engines.diffusers.shapes import (
    Cut,
    cut_out,
    cut_to,
    is_too_long,
    longest_s,
    shape_of,
)

LANDSCAPE, UPRIGHT = Size(1280, 720), Size(720, 1280)


def frames(duration_s: int, *, fps: int = 0, **fields: Any) -> tuple[int, int, int]:
    """Rate, frames asked for, frames kept; `fps` is the operator's."""
    shape = shape_of(
        duration_s=duration_s,
        size=LANDSCAPE,
        options=PipelineOptions(path="", fps=fps),
        profile=a_profile(**fields),
    )
    return shape.frame_rate, shape.frames_asked, shape.frames_kept


@pytest.mark.parametrize(
    ("duration_s", "fps", "expected"),
    [
        (5, 0, (16, 81, 80)),
        (8, 0, (16, 129, 128)),
        (5, 24, (24, 121, 120)),
        (8, 24, (24, 193, 192)),
    ],
)
def test_the_next_legal_number_of_frames_is_asked_for_and_the_first_ones_are_kept(
    duration_s: int, fps: int, expected: tuple[int, int, int]
) -> None:
    assert frames(duration_s, fps=fps) == expected


@pytest.mark.parametrize("fps", range(1, 61))
def test_any_rate_of_the_operators_has_exactly_its_frames(fps: int) -> None:
    for duration_s in (5, 8):
        rate, asked, kept = frames(duration_s, fps=fps)

        assert (rate, kept) == (fps, duration_s * fps)
        assert asked % 4 == 1
        assert kept <= asked < kept + 4


def test_a_rate_of_one_frame_a_second_is_the_least_and_a_legal_count_is_asked_for_as_it_is() -> (
    None
):
    assert frames(5, fps=1) == (1, 5, 5)
    assert frames(5, fps=1, frames=FrameCounts(8)) == (1, 9, 5)
    assert frames(9, fps=1, frames=FrameCounts(8)) == (1, 9, 9)
    assert frames(10, fps=1, frames=FrameCounts(8)) == (1, 17, 10)


def rendered(size: Size, **fields: Any) -> Size:
    profile = a_profile(**fields)
    return shape_of(
        duration_s=5, size=size, options=PipelineOptions(path=""), profile=profile
    ).render


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [
        (Size(832, 480), 16, Size(832, 480)),
        (Size(832, 480), 32, Size(832, 480)),
        (Size(1280, 720), 16, Size(1280, 720)),
        (Size(1280, 720), 32, Size(1280, 736)),
        (Size(720, 1280), 32, Size(736, 1280)),
        (Size(1000, 562), 16, Size(1008, 576)),
        (Size(1008, 576), 16, Size(1008, 576)),
        (Size(1010, 578), 16, Size(1024, 592)),
        (Size(256, 1024), 32, Size(256, 1024)),
    ],
    ids=str,
)
def test_a_render_has_the_next_multiple_in_both_sides(
    size: Size, multiple: int, expected: Size
) -> None:
    assert rendered(size, size_multiple=multiple) == expected


@pytest.mark.parametrize("size", [LANDSCAPE, UPRIGHT, Size(1000, 562), Size(258, 1022)], ids=str)
@pytest.mark.parametrize("multiple", [16, 32])
def test_what_is_too_large_is_cut_off_evenly_and_nothing_is_scaled(
    size: Size, multiple: int
) -> None:
    profile = a_profile(size_multiple=multiple)
    shape = shape_of(duration_s=5, size=size, options=PipelineOptions(path=""), profile=profile)

    cut = cut_out(shape, profile, shape.render)

    assert (cut.scaled, cut.kept) == (shape.render, size)
    for begin, whole, kept in (
        (cut.left, shape.render.width, size.width),
        (cut.top, shape.render.height, size.height),
    ):
        assert 0 <= begin <= whole - kept - begin <= begin + 1


def test_a_pipeline_that_goes_by_the_pictures_shape_has_its_result_scaled_to_cover() -> None:
    profile = a_profile(size_from_image=True)
    shape = shape_of(
        duration_s=5, size=LANDSCAPE, options=PipelineOptions(path=""), profile=profile
    )

    assert cut_out(shape, profile, Size(848, 480)) == Cut(Size(1280, 725), 0, 2, LANDSCAPE)
    assert cut_out(shape, profile, Size(640, 480)) == Cut(Size(1280, 960), 0, 120, LANDSCAPE)
    assert cut_out(shape, profile, LANDSCAPE) == Cut(LANDSCAPE, 0, 0, LANDSCAPE)


def test_a_pipeline_that_renders_another_size_than_asked_for_still_makes_the_videos() -> None:
    profile = a_profile()
    shape = shape_of(
        duration_s=5, size=LANDSCAPE, options=PipelineOptions(path=""), profile=profile
    )

    assert cut_out(shape, profile, Size(640, 352)) == Cut(Size(1309, 720), 14, 0, LANDSCAPE)


@pytest.mark.parametrize("picture", [Size(3000, 20), Size(20, 3000), Size(7, 7), Size(1281, 720)])
def test_a_picture_of_any_shape_covers_the_render_in_its_middle(picture: Size) -> None:
    cut = cut_to(picture, LANDSCAPE)

    assert cut.kept == LANDSCAPE
    assert cut.left + 1280 <= cut.scaled.width
    assert cut.top + 720 <= cut.scaled.height
    assert cut.scaled.width == 1280 or cut.scaled.height == 720


def too_long(duration_s: int, *, fps: int = 0, **fields: Any) -> bool:
    request = a_request(model=WAN22, duration_s=duration_s)
    return is_too_long(request, PipelineOptions(path="", fps=fps), a_profile(**fields))


def test_a_request_is_too_long_where_more_frames_would_be_asked_for_than_ever_are() -> None:
    assert not too_long(8)
    assert too_long(9)
    assert not too_long(5, fps=25)  # 125 kept, 125 asked for
    assert too_long(5, fps=26)
    assert not too_long(5, longest_frames=81)
    assert too_long(5, longest_frames=80)  # 80 kept of 81


@pytest.mark.parametrize(
    ("fps", "longest_frames", "expected"),
    [(0, 129, 8), (0, 128, 7), (24, 129, 5), (24, 120, 4), (60, 121, 2), (60, 59, 0), (1, 1, 1)],
)
def test_the_longest_video_is_told_in_whole_seconds_and_is_not_too_long(
    fps: int, longest_frames: int, expected: int
) -> None:
    profile = a_profile(longest_frames=longest_frames)

    assert longest_s(PipelineOptions(path="", fps=fps), profile) == expected
    assert not too_long(expected, fps=fps, longest_frames=longest_frames)
    assert too_long(expected + 1, fps=fps, longest_frames=longest_frames)
