"""Legs are made one after the other, each as strong as it is asked to be."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest

from support.camera_motion import Motion, drawn, filmed, looked
from support.requests import a_request
from support.stills import still
from unstill.domain.request import Size
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.picture import Photo, fit_photo
from unstill.engines.camera.prompt import Leg, Plan
from unstill.engines.camera.scenes import OnePhoto

SIZE = Size(480, 270)
TUNED, JUDGED = ("chelsea", "mountains"), ("butterfly", "meadow", "toys")
LEFT, RIGHT, UP = ((move,) for move in (Move.LEFT, Move.RIGHT, Move.UP))
PUSH, PULL, ORBIT = ((move,) for move in (Move.PUSH, Move.PULL, Move.ORBIT))


@cache
def photo(name: str) -> Photo:
    return fit_photo(still(name), SIZE)


def scene(*moves: tuple[Move, ...], name: str, seed: int = 1, strength: float = 1) -> OnePhoto:
    legs = tuple(Leg(moves=each, strength=strength) for each in moves)
    plan = Plan(legs=legs, denied=frozenset(), side=1, effects={})
    return OnePhoto(photo(name), plan, a_request(prompt="", duration_s=5, seed=seed))


def halves(seen: OnePhoto) -> tuple[Motion, Motion]:
    first, second = ((0, 0.45), (0.55, 1))
    return (
        looked(seen.lens, seen.path, SIZE, *first),
        looked(seen.lens, seen.path, SIZE, *second),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TUNED, *JUDGED])
def test_a_pan_and_then_a_push_are_made_one_after_the_other(name: str) -> None:
    for seed in range(20):
        first, second = halves(scene(LEFT, PUSH, name=name, seed=seed))

        assert first.right < -0.06
        assert first.zoom == pytest.approx(1, abs=0.01)
        assert abs(second.right) < 0.02
        assert second.zoom > 1.05


@pytest.mark.parametrize("name", ["chelsea", "toys"])
def test_a_move_and_its_opposite_are_both_made(name: str) -> None:
    for seed in range(3):
        there, back = halves(scene(LEFT, RIGHT, name=name, seed=seed))
        nearer, farther = halves(scene(PUSH, PULL, name=name, seed=seed))

        assert there.right < -0.06
        assert back.right > 0.06
        assert nearer.zoom > 1.05
        assert farther.zoom < 0.95


@pytest.mark.parametrize(
    "legs",
    [(LEFT, PUSH), (PULL, LEFT), (PUSH, PULL), (ORBIT, LEFT), (LEFT, UP, PUSH), (ORBIT, PULL)],
    ids=lambda legs: "-".join(move for each in legs for move in each),
)
@pytest.mark.parametrize("name", ["chelsea", "toys"])
def test_legs_stay_inside_the_photo_and_meet_smoothly(
    legs: tuple[tuple[Move, ...], ...], name: str
) -> None:
    seen = scene(*legs, name=name, strength=1.6)
    states = [seen.path.at(frame / 119) for frame in range(120)]

    assert max(seen.lens.overshoot(state) for state in states) < 1.001
    speeds = [
        (b.pan[0] - a.pan[0], b.pan[1] - a.pan[1], b.dolly - a.dolly, b.zoom - a.zoom)
        for a, b in pairwise(states)
    ]
    jolts = [max(abs(y - x) for x, y in zip(a, b, strict=True)) for a, b in pairwise(speeds)]
    fastest = max(abs(part) for speed in speeds for part in speed)
    assert max(jolts) < 0.2 * fastest


@pytest.mark.parametrize("name", ["mountains", "meadow"])
def test_the_frames_show_both_legs(name: str) -> None:
    frames = drawn(scene(LEFT, PUSH, name=name), SIZE, frames=25)
    first, second = filmed(frames[:12]), filmed(frames[13:])

    assert first.right < -0.06
    assert second.zoom > 1.05


def test_a_stronger_leg_goes_further_than_a_weaker_one_beside_it() -> None:
    def pushed(one: float, other: float) -> tuple[float, float]:
        plan = Plan(
            legs=(Leg(moves=PUSH, strength=one), Leg(moves=LEFT, strength=other)),
            denied=frozenset(),
            side=1,
            effects={},
        )
        first, second = halves(
            OnePhoto(photo("chelsea"), plan, a_request(prompt="", duration_s=5, seed=1))
        )
        return first.zoom, -second.right

    (zoom, far), (less_zoom, farther) = pushed(1.6, 0.6), pushed(0.6, 1.6)

    assert zoom > less_zoom + 0.05
    assert farther > far + 0.05
