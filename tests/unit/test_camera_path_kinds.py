"""Moves that are more than a direction: a loop, a dolly zoom, wide pans, and five strengths."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from support.camera_motion import Motion, drawn, filmed, looked
from support.requests import a_request
from support.stills import still
from unstill.domain.request import Size
from unstill.engines.camera.framing import framed_photo
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.path import CameraState
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import Leg, Plan, read_prompt
from unstill.engines.camera.scenes import OnePhoto
from unstill.engines.camera.warp import Lens

SIZE = Size(480, 270)
STRENGTHS = (0.35, 0.6, 1.0, 1.6, 2.2)  # barely, slowly, plainly, fast, very fast
TUNED, JUDGED = ("chelsea", "mountains"), ("butterfly", "meadow", "toys")


@cache
def photo(name: str, size: Size = SIZE) -> Photo:
    return fit_photo(still(name), size)


def scene(
    *moves: Move,
    name: str,
    seed: int = 1,
    strength: float = 1,
    is_loop: bool = False,
    size: Size = SIZE,
    duration_s: int = 5,
) -> OnePhoto:
    plan = Plan(
        legs=(Leg(moves=moves, strength=strength),),
        denied=frozenset(),
        side=1,
        effects={},
        is_loop=is_loop,
    )
    request = a_request(prompt="", duration_s=duration_s, seed=seed)
    return OnePhoto(photo(name, size), plan, request)


def whole(seen: OnePhoto, size: Size = SIZE) -> Motion:
    return looked(seen.lens, seen.path, size)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TUNED, *JUDGED])
def test_five_strengths_are_in_their_order(name: str) -> None:
    pushed = [whole(scene(Move.PUSH, name=name, strength=s)).zoom for s in STRENGTHS]
    pulled = [whole(scene(Move.PULL, name=name, strength=s)).zoom for s in STRENGTHS]
    panned = [whole(scene(Move.LEFT, name=name, strength=s)).right for s in STRENGTHS]
    tilted = [whole(scene(Move.UP, name=name, strength=s)).down for s in STRENGTHS]

    assert all(stronger > 1.02 * weaker for weaker, stronger in pairwise(pushed))
    assert all(stronger < 0.985 * weaker for weaker, stronger in pairwise(pulled))
    assert all(stronger < 1.1 * weaker < 0 for weaker, stronger in pairwise(panned))
    assert all(stronger < 1.08 * weaker < 0 for weaker, stronger in pairwise(tilted))


@pytest.mark.parametrize("name", ["chelsea", "toys"])
def test_a_stronger_orbit_is_never_made_a_weaker_one_to_save_it_from_folding(name: str) -> None:
    paths = [scene(Move.ORBIT, name=name, strength=s).path for s in STRENGTHS]
    depths = [path.relief * path.poses[-1].truck[0] for path in paths]

    assert all(stronger > 0.95 * weaker > 0 for weaker, stronger in pairwise(depths))
    assert depths[2] > 2 * depths[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squirrel", "cards"])
def test_a_faster_pan_goes_no_less_far_where_the_subject_has_to_stay(name: str) -> None:
    framed = framed_photo(still(name), SIZE)
    panned = []
    for strength in STRENGTHS:
        leg = Leg(moves=(Move.LEFT,), strength=strength)
        plan = Plan(legs=(leg,), denied=frozenset(), side=1, effects={})
        panned.append(-whole(OnePhoto(framed, plan, a_request(prompt="", duration_s=5))).right)

    assert all(faster > 0.95 * slower > 0 for slower, faster in pairwise(panned))
    assert panned[3] > 1.3 * panned[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chelsea", "mountains", "toys"])
def test_directions_are_kept_whatever_the_seed(name: str) -> None:
    for seed in range(20):
        assert whole(scene(Move.LEFT, name=name, seed=seed)).right < -0.08
        assert whole(scene(Move.RIGHT, name=name, seed=seed)).right > 0.08
        assert whole(scene(Move.UP, name=name, seed=seed)).down < -0.08
        assert whole(scene(Move.DOWN, name=name, seed=seed)).down > 0.08


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mountains", "street_a", "meadow"])
def test_directions_are_kept_in_the_frames_too(name: str) -> None:
    fast = filmed(drawn(scene(Move.LEFT, name=name, strength=1.6), SIZE, frames=25))
    slow = filmed(drawn(scene(Move.LEFT, name=name, strength=0.6), SIZE, frames=25))

    assert fast.right < 1.5 * slow.right < 0
    assert abs(fast.down) < 0.02


def test_a_pan_over_a_picture_that_is_wider_than_the_frame_needs_no_zoom() -> None:
    upright = Size(270, 480)
    seen = scene(Move.RIGHT, name="mountains", size=upright)

    assert whole(seen, upright).right > 0.45
    assert max(seen.path.at(moment / 10).zoom for moment in range(11)) < 1.02


@pytest.mark.parametrize("moves", [(Move.PUSH,), (Move.LEFT,), (Move.ORBIT,), (Move.HANDHELD,)])
def test_a_loop_ends_where_it_began_and_has_been_elsewhere(moves: tuple[Move, ...]) -> None:
    seen = scene(*moves, name="chelsea", is_loop=True)
    first, middle, last = drawn(seen, SIZE, frames=3)

    assert np.abs(first.astype(int) - last).max() <= 1
    assert np.abs(first.astype(int) - middle).mean() > 1


def test_a_loop_stands_still_for_a_moment_where_it_turns() -> None:
    seen = scene(Move.LEFT, name="chelsea", is_loop=True)
    speeds = [
        abs(after.pan[0] - before.pan[0])
        for before, after in pairwise(seen.path.at(frame / 119) for frame in range(120))
    ]

    assert max(speeds[0], speeds[-1], *speeds[58:61]) < 0.1 * max(speeds)


def test_a_word_asks_for_a_loop() -> None:
    plan = read_prompt("push in, seamless loop", "", 1)
    seen = OnePhoto(photo("chelsea"), plan, a_request(prompt="", duration_s=5))

    assert seen.path.at(1) == seen.path.at(0)
    assert seen.path.at(0.5).dolly > 0.05


def growth_at(lens: Lens, state: CameraState, row: float, column: float) -> float:
    """By how much what is seen there is larger than in the photo; in shares of the frame."""
    grid = lens.grid(state)
    rest = lens.grid(CameraState())
    rows, columns = grid.x.shape
    y, x = round(row * (rows - 1)), round(column * (columns - 1))
    beside = slice(max(x - 1, 0), x + 2)
    width = np.ptp(rest.x[y, beside])
    return float(width / np.ptp(grid.x[y, beside]))


def test_a_dolly_zoom_keeps_the_subject_and_lets_what_is_far_swell() -> None:
    near = np.zeros((90, 160), np.float32)
    near[30:60, 60:100] = 1
    seen = scene(Move.VERTIGO, name="chelsea")
    lens = Lens(photo("chelsea"), near)
    state = seen.path.at(1)
    state = CameraState(zoom=state.zoom, dolly=state.dolly, pivot=1.0)

    assert growth_at(lens, state, 0.5, 0.5) == pytest.approx(1, abs=0.04)
    assert growth_at(lens, state, 0.1, 0.5) > 1.15


@pytest.mark.parametrize("name", ["squirrel", "aloe", "butterfly", "puppy"])
def test_a_dolly_zoom_is_one_on_photos_too(name: str) -> None:
    leg = Leg(moves=(Move.VERTIGO,), strength=1)
    plan = Plan(legs=(leg,), denied=frozenset(), side=1, effects={})
    framed = framed_photo(still(name), SIZE)
    seen = OnePhoto(framed, plan, a_request(prompt="", duration_s=5))
    begin, end = (seen.lens.grid(seen.path.at(moment)) for moment in (0, 1))
    near = seen.lens.near_in(seen.path.at(1))

    across = np.gradient(begin.x, axis=1) / np.gradient(end.x, axis=1)
    down = np.gradient(begin.y, axis=0) / np.gradient(end.y, axis=0)
    growth = np.sqrt(np.abs(across * down))
    subject = np.abs(near - seen.path.pivot) < 0.08
    assert float(np.median(growth[subject])) == pytest.approx(1, abs=0.03)
    assert float(np.median(growth[near < 0.25])) > 1.1


@pytest.mark.parametrize("name", ["squirrel", "nuthatch", "butterfly"])
def test_a_dolly_zoom_leaves_the_subject_where_it_is(name: str) -> None:
    seen = scene(Move.VERTIGO, name=name)
    aim = seen.path.aim
    end = seen.path.at(1)

    assert (aim[0] - end.pan[0]) * end.zoom == pytest.approx(aim[0], abs=0.02)
    assert (aim[1] - end.pan[1]) * end.zoom == pytest.approx(aim[1], abs=0.02)
    assert seen.lens.overshoot(end) < 1.001


def test_a_longer_move_goes_further_and_never_too_far() -> None:
    zooms = [
        whole(scene(Move.PUSH, name="chelsea", strength=2.2, duration_s=seconds)).zoom
        for seconds in (2, 5, 15, 60)
    ]

    assert all(longer > 0.99 * shorter for shorter, longer in pairwise(zooms))
    assert zooms[2] > 1.1 * zooms[0]
    assert zooms[-1] < 2
