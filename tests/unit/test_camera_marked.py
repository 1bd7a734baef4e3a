"""Regions that a caller has marked: something moves inside of each, and nothing outside."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from support.requests import a_request
from support.stills import still
from unstill.domain.request import MarkedRegion, RegionKind, Size
from unstill.engines.camera.alive import Alive
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.marked import EFFECTS_OF, mark_of
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.path import CameraState
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import Leg, Plan
from unstill.engines.camera.regions import find_water
from unstill.engines.camera.scenes import blank
from unstill.engines.camera.strands import DOWN, MOST_REACH
from unstill.engines.camera.warp import Lens, PixelFetcher
from unstill.media.yuv import Plane, YuvPicture

SIZE = Size(480, 320)
DURATION_S = 5
FLAT = np.zeros((2, 2), np.float32)
BOX = (0.25, 0.3, 0.7, 0.8)
KINDS = list(RegionKind)


def marked(
    rgb: Plane, *regions: MarkedRegion, mask: Plane | None = None, size: Size = SIZE
) -> Photo:
    photo = fit_photo(rgb, size)
    marks = [mark_of(each, mask, rgb.shape, photo.remains) for each in regions]
    return replace(photo, marks=tuple(marks))


def boxed(kind: RegionKind, *boxes: tuple[float, float, float, float]) -> MarkedRegion:
    return MarkedRegion(kind=kind, boxes=boxes)


def alive(photo: Photo, *others: Effect, amount: float = 1.0, is_loop: bool = False) -> Alive:
    plan = Plan(
        legs=(Leg(moves=(Move.STATIC,), strength=1),),
        denied=frozenset(),
        side=1,
        effects=dict.fromkeys([*others, *(mark.effect for mark in photo.marks)], amount),
        is_loop=is_loop,
    )
    return Alive(photo, plan, a_request(duration_s=DURATION_S, seed=3))


def frame_at(photo: Photo, moving: Alive, time_s: float) -> YuvPicture:
    """The frame of a camera that stands still."""
    grid = Lens(photo, FLAT).grid(CameraState())
    frame = blank(photo.size)
    PixelFetcher(photo).fetch_picture(grid, photo.planes, frame)
    moving.draw(grid, time_s / DURATION_S, frame)
    return frame


def change(photo: Photo, time_s: float, moving: Alive | None = None) -> Plane:
    """How much each pixel of any plane differs from the still frame, at the frame's size."""
    moving = moving or alive(photo)
    one, other = frame_at(photo, moving, 0), frame_at(photo, moving, time_s)
    found = cv2.absdiff(one.y, other.y)
    for a, b in ((one.u, other.u), (one.v, other.v)):
        chroma = cv2.resize(cv2.absdiff(a, b), found.shape[::-1], interpolation=cv2.INTER_NEAREST)
        found = np.maximum(found, chroma)
    return found.astype(np.uint8)


def inside(box: tuple[float, float, float, float] = BOX, size: Size = SIZE) -> Plane:
    """True in a box of a picture that the frame shows all of."""
    mask = np.zeros((size.height, size.width), bool)
    left, top, right, bottom = box
    mask[
        round(top * size.height) : round(bottom * size.height),
        round(left * size.width) : round(right * size.width),
    ] = True
    return mask


@pytest.mark.parametrize("kind", KINDS)
def test_it_moves_inside_and_nothing_moves_outside(kind: RegionKind) -> None:
    photo = marked(still("coffee"), boxed(kind, BOX))
    moving = alive(photo)

    for time_s in (1.3, 2.6, 4.4):
        changed = change(photo, time_s, moving)
        assert changed[inside()].mean() > 0.3
        # a pixel is fetched from between two, and chroma from between two of its own
        assert not changed[
            ~cv2.dilate(inside().astype(np.uint8), np.ones((5, 5))).astype(bool)
        ].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_frame_is_the_photo_and_a_loop_ends_on_it(kind: RegionKind) -> None:
    photo = marked(still("coffee"), boxed(kind, BOX))
    looping = alive(photo, is_loop=True)

    assert not change(photo, DURATION_S, looping).any()
    assert change(photo, DURATION_S, alive(photo)).any()
    assert change(photo, DURATION_S / 2, looping).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same(kind: RegionKind) -> None:
    photo = marked(still("coffee"), boxed(kind, BOX))
    one, other = (frame_at(photo, alive(photo), 2.6) for _ in range(2))

    assert np.array_equal(one.y, other.y)
    assert np.array_equal(one.u, other.u)


@pytest.mark.parametrize("kind", KINDS)
def test_its_rim_is_soft(kind: RegionKind) -> None:
    photo = marked(still("coffee"), boxed(kind, BOX))
    moving = alive(photo)
    changed = np.max([change(photo, time_s, moving) for time_s in (1.5, 2.5, 3.5, 4.5)], axis=0)
    solid = inside().astype(np.uint8)
    rim = solid - cv2.erode(solid, np.ones((7, 7), np.uint8), borderValue=0)
    core = cv2.erode(solid, np.ones((61, 61), np.uint8), borderValue=0)

    assert changed[rim > 0].mean() < 0.25 * changed[core > 0].mean()


def test_water_ripples_where_the_engine_itself_finds_none() -> None:
    rgb = still("stream")
    photo = marked(rgb, boxed(RegionKind.WATER, (0, 0.5, 1, 1)))

    assert find_water(rgb, photo.sky) is None
    assert alive(photo).undrawn == frozenset()
    assert change(photo, 2.5)[SIZE.height * 3 // 4 :].mean() > 1


def test_where_the_caller_says_where_nothing_else_of_that_kind_is_looked_for() -> None:
    rgb = still("dandelion")
    found = alive(fit_photo(rgb, SIZE), Effect.WIND)
    photo = marked(rgb, boxed(RegionKind.LEAVES, (0.05, 0.05, 0.3, 0.3)))
    moving = alive(photo)
    grid = Lens(photo, FLAT).grid(CameraState())

    assert Effect.WIND in found.drawn
    assert moving.bent(grid, 0.5) is grid
    assert not change(photo, 2.5, moving)[SIZE.height // 2 :].any()


def test_a_mask_is_scaled_to_the_picture_and_white_is_in_it() -> None:
    mask = np.zeros((40, 10, 3), np.uint8)  # of another shape
    mask[20:, 5:] = 255
    photo = marked(still("coffee"), MarkedRegion(kind=RegionKind.HAIR, mask="mask1"), mask=mask)
    changed = change(photo, 2.6)
    right_below = (0.5, 0.5, 1.0, 1.0)

    assert changed[inside(right_below)].any()
    assert not changed[~inside((0.49, 0.49, 1.0, 1.0))].any()


def test_boxes_and_mask_are_one_region() -> None:
    mask = np.zeros((30, 60, 3), np.uint8)
    mask[:, :20] = 255
    region = MarkedRegion(kind=RegionKind.HAIR, boxes=((0.6, 0.0, 1.0, 1.0),), mask="mask1")
    changed = change(marked(still("coffee"), region, mask=mask), 2.6)

    assert changed[:, : SIZE.width // 4].any()
    assert changed[:, -SIZE.width // 4 :].any()
    assert not changed[:, SIZE.width * 2 // 5 : SIZE.width // 2].any()


def test_boxes_are_of_the_picture_and_not_of_the_frame_that_is_cut_out_of_it() -> None:
    rgb = np.ascontiguousarray(still("coffee")[:, :600])  # 3:2
    size = Size(320, 320)  # leaves off a sixth at each side
    photo = marked(rgb, boxed(RegionKind.HAIR, (0.5, 0, 0.75, 1)), size=size)
    changed = np.nonzero(change(photo, 2.6).any(axis=0))[0]

    # the middle of the picture is that of the frame; a quarter of it is three eighths of that
    assert abs(int(changed[0]) - 160) < 16
    assert abs(int(changed[-1]) - 280) < 16


@pytest.mark.parametrize(("right", "is_seen"), [(0.4, True), (0.001, False)])
def test_a_region_too_thin_to_be_seen_is_not_drawn(right: float, *, is_seen: bool) -> None:
    photo = marked(still("coffee"), boxed(RegionKind.SMOKE, (0, 0, right, 1)))
    moving = alive(photo)

    assert (Effect.SMOKE in moving.drawn) is is_seen
    assert (Effect.SMOKE in moving.undrawn) is not is_seen


def test_a_region_that_is_cropped_away_is_told() -> None:
    rgb = np.ascontiguousarray(still("coffee")[:60])  # 10:1: the frame shows its middle
    photo = marked(rgb, boxed(RegionKind.SMOKE, (0, 0, 0.03, 1)))

    assert photo.remains.left > 0.03
    assert alive(photo).undrawn == {Effect.SMOKE}


def test_drawn_lines_stand_still() -> None:
    photo = marked(still("coffee"), boxed(RegionKind.SMOKE, BOX))

    assert alive(photo, Effect.SKETCH).undrawn == {Effect.SMOKE}
    assert not change(photo, 2.5, alive(photo, Effect.SKETCH)).any()


def test_hair_goes_less_than_a_hundredth_of_the_width_however_strong_the_wind() -> None:
    # light that grows evenly from left to right, steep enough to measure a way by
    light = np.interp(np.arange(480), (200, 280), (20, 235))
    rgb = np.repeat(np.tile(light, (320, 1))[..., None], 3, axis=2).astype(np.uint8)
    photo = marked(rgb, boxed(RegionKind.HAIR, (0, 0, 1, 1)))
    moving = alive(photo, amount=2.2)
    still_frame = frame_at(photo, moving, 0).y.astype(float)
    slope = (still_frame[160, 270] - still_frame[160, 210]) / 60
    ways = [
        np.abs(frame_at(photo, moving, time_s).y[:, 210:270] - still_frame[:, 210:270]) / slope
        for time_s in np.arange(1.0, 5.0, 0.25)
    ]

    assert np.hypot(1, DOWN) * MOST_REACH < 0.008
    assert 0.003 < float(np.max(ways)) / SIZE.width < 0.008 + 1.5 / slope / SIZE.width


def test_what_has_hard_edges_is_not_seen_twice_through_smoke() -> None:
    squares = ((np.indices((320, 480)) // 40).sum(axis=0) % 2 * 200 + 20).astype(np.uint8)
    photo = marked(np.repeat(squares[..., None], 3, axis=2), boxed(RegionKind.SMOKE, (0, 0, 1, 1)))
    moving = alive(photo)
    before, after = (frame_at(photo, moving, time_s).y[20:-20, 20:-20] for time_s in (0, 2.6))

    assert (before != after).any()
    # a ghost would have squares of both kinds where there was one
    assert np.percentile(after[before < 80], 99) < np.percentile(after[before > 150], 1)


def test_smoke_rises() -> None:
    noise = np.random.default_rng(2).random((320, 480)).astype(np.float32)
    puffs = cv2.GaussianBlur(noise, (0, 0), 14)
    puffs = 60 + 80 * (puffs - puffs.min()) / np.ptp(puffs)
    photo = marked(
        np.repeat(puffs[..., None], 3, axis=2).astype(np.uint8),
        boxed(RegionKind.SMOKE, (0, 0, 1, 1)),
    )
    moving = alive(photo)
    frames = [frame_at(photo, moving, time_s).y[40:-40, 40:-40] for time_s in np.arange(1, 4, 0.1)]
    ups = [
        np.abs(after[:-2].astype(int) - before[2:]).mean()
        < np.abs(after[2:].astype(int) - before[:-2]).mean()
        for before, after in pairwise(frames)
    ]

    assert np.mean(ups) > 0.9  # each is like the one before it a little higher


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_effect_that_can_be_drawn(kind: RegionKind) -> None:
    photo = marked(still("coffee"), boxed(kind, BOX))

    assert alive(photo).drawn == {EFFECTS_OF[kind]}
