"""Clouds, wind and flicker: in their own region, and in no other."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from support.requests import a_request
from support.stills import still
from unstill.domain.request import Size
from unstill.engines.camera.alive import Alive
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.path import CameraState
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import Leg, Plan
from unstill.engines.camera.regions import find_sky
from unstill.engines.camera.scenes import blank
from unstill.engines.camera.warp import MOST_STRETCH, Lens, PixelFetcher, SourceGrid
from unstill.media.yuv import Plane

SIZE = Size(480, 320)
DURATION_S = 5
FLAT = np.zeros((2, 2), np.float32)  # a camera that stands still sees no depth
WITH_SKY = ["church", "storm", "street_a", "sunset"]
WITHOUT_SKY = [
    *("page", "text", "coffee", "chelsea", "fruit", "hubble", "motorcycle", "stream"),
    *("circuit_board", "sudoku", "cards", "mandrill"),
]


def photo_of(name: str) -> Photo:
    return fit_photo(still(name), SIZE)


def alive(
    photo: Photo, *effects: Effect, amount: float = 1.0, seed: int = 1, is_loop: bool = False
) -> Alive:
    plan = Plan(
        legs=(Leg(moves=(Move.STATIC,), strength=1),),
        denied=frozenset(),
        side=1,
        effects=dict.fromkeys(effects, amount),
        is_loop=is_loop,
    )
    return Alive(photo, plan, a_request(duration_s=DURATION_S, seed=seed))


def still_grid(photo: Photo) -> SourceGrid:
    return Lens(photo, FLAT).grid(CameraState())


def luma_after(photo: Photo, moving: Alive, time_s: float) -> Plane:
    """The frame of a camera that stands still."""
    grid, share = still_grid(photo), time_s / DURATION_S
    grid = moving.bent(grid, share)
    frame = blank(photo.size)
    PixelFetcher(photo).fetch_picture(grid, photo.planes, frame)
    moving.draw(grid, share, frame)
    return frame.y


def sky_mask(photo: Photo) -> Plane:
    """255 where the frame shows nothing but sky."""
    mask = find_sky(photo.rgb)
    assert mask is not None
    (height, width), (across, down) = photo.rgb.shape[:2], photo.density
    full = cv2.resize(mask, (width, height))
    rows, columns = round(SIZE.height * down), round(SIZE.width * across)
    top, left = (height - rows) // 2, (width - columns) // 2
    shown = full[top : top + rows, left : left + columns]
    return cv2.resize(shown, (SIZE.width, SIZE.height)).astype(np.uint8)


def changed(one: Plane, other: Plane) -> Plane:
    return np.abs(one.astype(int) - other).astype(np.uint8)


@pytest.mark.parametrize("name", [*WITH_SKY, "autumn_hills", "bridge"])
def test_the_sky_moves_and_what_stands_before_it_does_not(name: str) -> None:
    photo = photo_of(name)
    moving = alive(photo, Effect.CLOUDS, amount=1.6)

    difference = changed(luma_after(photo, moving, 0), luma_after(photo, moving, 4.5))

    mask = sky_mask(photo)
    kernel = np.ones((17, 17), np.uint8)
    sky, ground = cv2.erode(mask, kernel) > 250, cv2.dilate(mask, kernel) < 5
    assert moving.drawn == {Effect.CLOUDS}
    assert difference[sky].mean() > 1
    assert difference[ground].mean() < 0.05


@pytest.mark.parametrize("name", WITHOUT_SKY)
def test_what_is_no_sky_stays_where_it_is(name: str) -> None:
    assert alive(photo_of(name), Effect.CLOUDS).drawn == set()


def test_clouds_drift_to_one_side_and_further_with_the_time() -> None:
    photo = photo_of("church")
    moving = alive(photo, Effect.CLOUDS)
    first = luma_after(photo, moving, 0)
    edges = np.abs(cv2.Sobel(first, cv2.CV_32F, 1, 0))
    edges[cv2.erode(sky_mask(photo), np.ones((31, 31), np.uint8)) < 250] = 0
    clouds = edges > np.percentile(edges, 96)

    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ways = []
    for time_s in (2.0, 3.5, 5.0):
        later = luma_after(photo, moving, time_s)
        flow = search.calc(first, later, np.zeros((*first.shape, 2), np.float32))
        ways.append(float(np.median(flow[clouds, 0])))
    assert abs(ways[0]) > 1
    assert abs(ways[2]) > abs(ways[1]) > abs(ways[0])
    assert len({way > 0 for way in ways}) == 1


def test_the_sun_stays_while_the_clouds_go_by() -> None:
    photo = photo_of("sunset")
    moving = alive(photo, Effect.CLOUDS, amount=2.2)

    suns = [
        np.argwhere(luma_after(photo, moving, time_s)[:200] > 230).mean(axis=0)
        for time_s in (0.0, 5.0)
    ]
    assert float(np.abs(suns[0] - suns[1]).max()) < 3  # it would go by 11 px


def test_wind_bends_grass_and_no_building() -> None:
    grass, house = photo_of("dune"), photo_of("building")
    in_grass = alive(grass, Effect.WIND)
    at_house = alive(house, Effect.WIND)

    bent = changed(luma_after(grass, in_grass, 0), luma_after(grass, in_grass, 3.0))
    stood = changed(luma_after(house, at_house, 0), luma_after(house, at_house, 3.0))

    assert in_grass.drawn == {Effect.WIND}
    assert bent[200:].mean() > 2
    assert bent[:40].mean() < 0.2  # the sky
    assert stood[:180].mean() < 0.2


@pytest.mark.parametrize(
    "name", ["church", "page", "coffee", "astronaut", "hubble", "cards", "sudoku"]
)
def test_where_there_are_no_plants_nothing_bends(name: str) -> None:
    assert alive(photo_of(name), Effect.WIND).drawn == set()


@pytest.mark.parametrize("name", ["dune", "stream", "meadow", "flower"])
def test_the_strongest_wind_folds_nothing_and_roots_move_least(name: str) -> None:
    photo = photo_of(name)
    grid = still_grid(photo)

    bends = [
        alive(photo, Effect.WIND, amount=2.2).bent(grid, share).x - grid.x
        for share in np.linspace(0, 1, 9)
    ]

    cell = float(np.diff(grid.x, axis=1).mean())
    assert not bends[0].any()
    assert max(
        float(np.abs(np.diff(bend, axis=axis)).max()) for bend in bends for axis in (0, 1)
    ) < (MOST_STRETCH * cell)
    reach = np.abs(bends).max(axis=0)
    assert reach.max() > 1.5 * reach[-3:].max()


def test_lamps_flicker_and_the_night_does_not() -> None:
    photo = photo_of("rocket")
    moving = alive(photo, Effect.FLICKER)
    first = luma_after(photo, moving, 0)

    frames = [luma_after(photo, moving, time_s) for time_s in np.linspace(1, 3, 13)]

    lamps = first > 200
    lamps[:260] = False
    assert float(np.std([frame[lamps].mean() for frame in frames])) > 4
    assert float(np.std([frame[:100].mean() for frame in frames])) < 0.3


@pytest.mark.parametrize("name", ["dune", "page", "church", "meadow", "sudoku"])
def test_no_lamp_flickers_by_day(name: str) -> None:
    assert alive(photo_of(name), Effect.FLICKER).drawn == set()


def lake() -> Photo:
    """Mountains over a lake that mirrors them, bluish and dim."""
    shore = cv2.resize(still("mountains"), (960, 640), interpolation=cv2.INTER_AREA)[:360]
    mirrored = cv2.GaussianBlur(shore[::-1], (0, 0), 2)[:280].astype(np.float32)
    water = np.clip(mirrored * (0.6, 0.75, 0.95) + (8, 18, 34), 0, 255)
    return fit_photo(np.concatenate([shore, water.astype(np.uint8)]), SIZE)


def test_a_lake_ripples_and_its_shore_does_not() -> None:
    photo = lake()
    moving = alive(photo, Effect.WATER)

    first, one, other = (luma_after(photo, moving, time_s) for time_s in (0.0, 3.0, 3.4))

    assert moving.drawn == {Effect.WATER}
    assert changed(first, one)[200:].mean() > 1
    assert changed(one, other)[200:].mean() > 1
    assert changed(first, one)[:170].mean() < 0.05
    # it is stirred, and not carried away or made lighter
    assert abs(float(one[200:].mean()) - float(first[200:].mean())) < 1


def test_the_sea_ripples_behind_the_grass() -> None:
    photo = photo_of("dune")
    moving = alive(photo, Effect.WATER)

    difference = changed(luma_after(photo, moving, 0), luma_after(photo, moving, 3.0))

    assert difference[110:160].mean() > 0.4
    assert difference[:80].mean() < 0.05
    assert difference[230:].mean() < 0.05


@pytest.mark.parametrize(
    "name",
    [
        *("storm", "street_a", "cameraman", "mountains", "astronaut", "starry_night", "page"),
        *("meadow", "flower", "books_left", "toys", "clock"),
    ],
)
def test_roads_meadows_and_things_are_no_water(name: str) -> None:
    assert alive(photo_of(name), Effect.WATER).drawn == set()


@pytest.mark.parametrize(
    ("effect", "name"),
    [
        *((Effect.CLOUDS, "church"), (Effect.CLOUDS, "street_a"), (Effect.WIND, "dune")),
        (Effect.WATER, "dune"),
    ],
)
def test_it_begins_without_a_jump(effect: Effect, name: str) -> None:
    photo = photo_of(name)
    moving = alive(photo, effect)
    frames = [luma_after(photo, moving, frame / 24) for frame in range(30)]

    steps = [float(changed(one, other).mean()) for one, other in pairwise(frames)]
    assert steps[0] < 0.03
    assert max(steps[:15]) < 1.5 * max(steps[15:]) + 0.03


def test_what_moves_is_a_formula_of_its_time_and_the_seed() -> None:
    photo = photo_of("church")
    one, again, other = (alive(photo, Effect.CLOUDS, seed=seed) for seed in (1, 1, 3))
    luma_after(photo, one, 1.0)

    assert np.array_equal(luma_after(photo, one, 3.0), luma_after(photo, again, 3.0))
    assert not np.array_equal(luma_after(photo, one, 3.0), luma_after(photo, other, 3.0))


@pytest.mark.parametrize(
    ("effect", "name"),
    [
        *((Effect.CLOUDS, "church"), (Effect.WIND, "dune"), (Effect.WATER, "dune")),
        (Effect.FLICKER, "rocket"),
    ],
)
def test_in_a_loop_the_last_frame_meets_the_first(effect: Effect, name: str) -> None:
    photo = photo_of(name)
    moving = alive(photo, effect, is_loop=True)

    first, middle, last = (luma_after(photo, moving, time_s) for time_s in (0.0, 2.3, 5.0))

    assert np.array_equal(first, last)
    assert (first != middle).mean() > 0.01


def test_a_sketch_stands_still() -> None:
    assert alive(photo_of("church"), Effect.SKETCH, Effect.CLOUDS).drawn == set()
