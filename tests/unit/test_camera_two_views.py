"""Two pictures of one scene: one continuous camera move, and nothing seen twice."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Final

import cv2
import numpy as np
import pytest

from support.requests import a_request
from support.stills import JUDGED_ON, TUNED_ON, Rgb, still
from unstill.domain.request import Frame, Size
from unstill.engines.camera.passage import depth_inside
from unstill.engines.camera.path import ease
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import read_prompt
from unstill.engines.camera.same_scene import find_same_scene, points_of, scene_between
from unstill.engines.camera.scenes import Shown, TwoPhotos, blank
from unstill.engines.camera.turns import Matrix, log_of, share_of
from unstill.engines.camera.two_views import TwoViews, grown_to
from unstill.engines.camera.warp import CELL_PX, SourceGrid
from unstill.media.yuv import BLACK, Floats, Plane

SMALL = Size(480, 270)


def part(name: str, left: float, top: float, width: float, height: float) -> Rgb:
    """A part of a photo; its box in shares of the sides."""
    rgb = still(name)
    rows, columns = rgb.shape[:2]
    across = slice(round(left * columns), round((left + width) * columns))
    return np.ascontiguousarray(
        rgb[round(top * rows) : round((top + height) * rows), across], np.uint8
    )


PAIRS: Final[dict[str, Callable[[], tuple[Rgb, Rgb]]]] = {
    "street": lambda: (still("street_a"), still("street_b")),
    "graffiti": lambda: (still("graffiti_1"), still("graffiti_3")),
    "to a face": lambda: (still("astronaut"), part("astronaut", 0.28, 0.05, 0.32, 0.25)),
    "from an eye": lambda: (part("chelsea", 0.25, 0.25, 0.35, 0.35), still("chelsea")),
    "along mountains": lambda: (
        part("mountains", 0.0, 0.1, 0.6, 0.8),
        part("mountains", 0.4, 0.1, 0.6, 0.8),
    ),
    # not looked at before the rest was settled, but for the books: they asked for a fallback
    "books": lambda: (still("books_left"), still("books_right")),
    "from a wing": lambda: (part("butterfly", 0.3, 0.3, 0.35, 0.35), still("butterfly")),
    "to a bird": lambda: (still("nuthatch"), part("nuthatch", 0.35, 0.2, 0.4, 0.4)),
    "along a meadow": lambda: (
        part("meadow", 0.35, 0.1, 0.65, 0.8),
        part("meadow", 0.0, 0.1, 0.65, 0.8),
    ),
}
PARTS_OF_ONE: Final = [name for name in PAIRS if name.split()[0] in ("to", "from", "along")]


@cache
def photos_of(pair: str) -> tuple[Photo, Photo]:
    first, last = PAIRS[pair]()
    return fit_photo(first, SMALL), fit_photo(last, SMALL)


@cache
def two_views(pair: str, prompt: str = "") -> TwoViews:
    return of_photos(photos_of(pair), prompt)


def of_photos(photos: tuple[Photo, Photo], prompt: str = "") -> TwoViews:
    scene = find_same_scene(*photos)
    assert scene is not None
    request = a_request(prompt=prompt, last_frame=Frame("last", "last_image"))
    return TwoViews(photos, scene, read_prompt(prompt, "", request.seed), request)


def luma_at(scenery: TwoViews | TwoPhotos, fraction: float) -> Plane:
    picture = blank(SMALL)
    scenery.show(fraction, None, picture)
    return picture.y.copy()


def as_photo(luma: Plane) -> Photo:
    return fit_photo(cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB).astype(np.uint8), SMALL)


def corners_by(turn: Matrix) -> Floats:
    """Where a turn takes the frame's corners, in units."""
    corners = np.array([[[-1.33, -0.75], [1.33, -0.75], [1.33, 0.75], [-1.33, 0.75]]])
    return np.asarray(cv2.perspectiveTransform(corners, turn)[0], np.float32)


@pytest.mark.parametrize("pair", PAIRS)
def test_two_pictures_of_one_scene_are_known_as_such(pair: str) -> None:
    scene = find_same_scene(*photos_of(pair))

    assert scene is not None
    assert scene.is_travelled


@pytest.mark.slow
def test_pictures_of_different_things_never_are() -> None:
    alike = {("street_a", "street_b"), ("graffiti_1", "graffiti_3"), ("books_left", "books_right")}
    points = {name: points_of(fit_photo(still(name), SMALL)) for name in TUNED_ON | JUDGED_ON}

    found = {
        (one, other)
        for one, other in combinations(points, 2)
        if scene_between(points[one], points[other], (4 / 3, 3 / 4)) is not None
    }

    assert found == alike


def test_a_mark_that_two_pictures_bear_makes_them_no_scene() -> None:
    one, other = still("dune").copy(), still("coffee").copy()
    mark = cv2.resize(still("text"), (160, 90), interpolation=cv2.INTER_AREA)
    for rgb in (one, other):
        rgb[-140:-50, -200:-40] = mark

    assert find_same_scene(fit_photo(one, SMALL), fit_photo(other, SMALL)) is None


def test_a_picture_and_its_mirror_image_are_no_scene() -> None:
    mirrored = np.ascontiguousarray(still("coffee")[:, ::-1])

    assert find_same_scene(fit_photo(still("coffee"), SMALL), fit_photo(mirrored, SMALL)) is None


def test_one_picture_twice_has_no_way_between() -> None:
    photo = fit_photo(still("coffee"), SMALL)
    scene = find_same_scene(photo, photo)

    assert scene is not None
    assert not scene.is_travelled


@pytest.mark.parametrize("pair", PAIRS)
def test_the_way_begins_on_the_first_picture_and_ends_on_the_last(pair: str) -> None:
    first, last = photos_of(pair)
    views = two_views(pair)

    for photo, fraction in ((first, 0.0), (last, 1.0)):
        apart = np.abs(luma_at(views, fraction).astype(int) - resized(middle_of(photo)))
        assert apart.mean() < 3


def middle_of(photo: Photo) -> Plane:
    """The luma of what a frame shows of a photo before the camera moves."""
    height, width = photo.rgb.shape[:2]
    rows = round(photo.size.height * photo.density[1] / 2)
    columns = round(photo.size.width * photo.density[0] / 2)
    middle = photo.planes.y[
        max(0, height // 2 - rows) : height // 2 + rows,
        max(0, width // 2 - columns) : width // 2 + columns,
    ]
    return np.ascontiguousarray(middle)


@pytest.mark.parametrize("pair", PARTS_OF_ONE)
def test_each_frame_between_is_what_a_camera_on_its_way_sees(pair: str) -> None:
    """Parts of one photo: what is between them is known."""
    views = two_views(pair)
    first = luma_at(views, 0.0)
    whole = find_same_scene(*photos_of(pair))
    assert whole is not None

    for fraction in (0.35, 0.5, 0.65):
        so_far = find_same_scene(as_photo(first), as_photo(luma_at(views, fraction)))

        assert so_far is not None
        expected = share_of(whole.log, ease(fraction))
        missed = corners_by(share_of(so_far.log, 1)) - corners_by(expected)
        assert np.linalg.norm(missed, axis=1).max() < 0.05  # of half a frame's side


@pytest.mark.parametrize("pair", PAIRS)
def test_the_camera_travels_over_a_tenth_of_the_frame(pair: str) -> None:
    views = two_views(pair)
    first = points_of(as_photo(luma_at(views, 0.0)))
    middle = points_of(as_photo(luma_at(views, 0.4)))

    scene = scene_between(first, middle, (4 / 3, 3 / 4))

    assert scene is not None
    travel = np.linalg.norm(scene.matched[1] - scene.matched[0], axis=1)
    assert float(np.percentile(travel, 90)) > 0.12


@pytest.mark.parametrize("pair", PAIRS)
def test_a_scene_is_not_seen_twice(pair: str) -> None:
    """Where the pictures differ in a frame, that frame is made of one of them."""
    twice = [doubled(pair, moment / 40) > 0.04 for moment in range(41)]

    assert sum(twice) <= 2  # where nothing matches, a cut takes a tenth of a second


def test_a_dissolve_would_show_it_twice() -> None:
    """What the limit above tells apart."""
    first, last = (middle_of(photo) for photo in photos_of("street"))

    assert share_doubled(resized(first), resized(last), 0.5) > 0.3


def resized(luma: Plane) -> Plane:
    size = (SMALL.width, SMALL.height)
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def doubled(pair: str, fraction: float) -> float:
    views = two_views(pair)
    layers = []
    for photo, look in zip(
        photos_of(pair), views.passage.looks(*way(views, fraction)), strict=True
    ):
        picture = blank(SMALL)
        Shown(photo, is_sketched=False).show(look, None, picture)
        layers.append(picture.y)
    weight = grown_to(layers[0], views.passage.weight(*way(views, fraction)), CELL_PX)
    return share_doubled(layers[0], layers[1], weight)


def way(views: TwoViews, fraction: float) -> tuple[SourceGrid, float]:
    return views.grid(fraction), ease(fraction)


def share_doubled(one: Plane, other: Plane, weight: Floats | float) -> float:
    """How much of a frame is of two things at once, by 12 levels at least."""
    apart = np.abs(one.astype(np.float32) - other.astype(np.float32))
    soft = cv2.GaussianBlur(apart, (0, 0), 1.5)
    return float((np.asarray(soft) * np.minimum(weight, 1 - weight) > 12).mean())


@pytest.mark.parametrize(
    ("pair", "prompt"), [*((pair, "") for pair in PAIRS), ("street", "handheld")]
)
def test_no_frame_looks_outside_of_both_pictures(pair: str, prompt: str) -> None:
    views = two_views(pair, prompt)

    for moment in range(1, 60):
        looks = views.passage.looks(*way(views, moment / 60))
        inside = [
            depth_inside(look, half)[1:-1, 1:-1]
            for look, half in zip(looks, views.passage.half_photos, strict=True)
        ]
        assert np.maximum(inside[0], inside[1]).min() > -0.01


def test_the_light_goes_evenly_from_one_picture_to_the_other() -> None:
    first, last = PAIRS["along mountains"]()
    darker = np.round(last * 0.75).astype(np.uint8)
    views = of_photos((fit_photo(first, SMALL), fit_photo(darker, SMALL)))
    evenly_lit = two_views("along mountains")

    for fraction in (0.3, 0.5, 0.7):
        as_it_was = luma_at(evenly_lit, fraction).astype(np.float32) - BLACK
        expected = as_it_was * (1 - 0.25 * ease(fraction)) + BLACK
        assert np.abs(luma_at(views, fraction) - expected).mean() < 2.5


def test_a_way_is_repeatable() -> None:
    one, other = (luma_at(two_views.__wrapped__("street"), 0.5) for _ in range(2))

    assert np.array_equal(one, other)


TURNS: Final = {
    "none": np.eye(3),
    "a pan": np.array([[1.0, 0, 0.7], [0, 1, -0.2], [0, 0, 1]]),
    "a zoom": np.array([[3.0, 0, 0.5], [0, 3, 2.0], [0, 0, 1]]),
    "a roll": np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "a look aside": np.array([[0.6, -0.3, 0], [0.2, 0.9, 0.1], [0.1, 0, 1]]),
}


@pytest.mark.parametrize("name", TURNS)
def test_the_shares_of_a_turn_make_the_whole(name: str) -> None:
    turn = TURNS[name] / np.cbrt(np.linalg.det(TURNS[name]))
    log = log_of(turn)

    assert log is not None
    assert np.allclose(share_of(log, 1), turn, atol=1e-9)
    assert np.allclose(share_of(log, 0.3) @ share_of(log, 0.7), turn, atol=1e-9)
    assert np.allclose(share_of(log, 0), np.eye(3))


@pytest.mark.parametrize("turn", [np.diag([-1.0, -1, 1]), np.diag([-1.0, 1, 1])])
def test_a_turn_upside_down_and_a_mirror_have_no_shares(turn: Matrix) -> None:
    assert log_of(turn) is None
