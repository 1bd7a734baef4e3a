"""What falls, floats, rises or bursts before the picture, and the air that comes with it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from support.stills import JUDGED_ON, TUNED_ON, still
from unstill.domain.request import Size
from unstill.engines.camera.air import AIRS, AirPainter
from unstill.engines.camera.alive import LOCAL
from unstill.engines.camera.effect_time import EffectTime
from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.fireworks import Fireworks
from unstill.engines.camera.particles import KINDS, Particles
from unstill.engines.camera.picture import fit_photo
from unstill.media.yuv import GREY, WHITE, Plane, YuvPicture

SIZE = Size(480, 270)
CELLS = (19, 32)  # of a frame of that size, one more all around
ONCE = EffectTime(5, is_loop=False)
LOOP = EffectTime(5, is_loop=True)
FLYING = [*KINDS, Effect.FIREWORKS]


def flat(luma: int) -> YuvPicture:
    half = (SIZE.height // 2, SIZE.width // 2)
    return YuvPicture(
        y=np.full((SIZE.height, SIZE.width), luma, np.uint8),
        u=np.full(half, GREY, np.uint8),
        v=np.full(half, GREY, np.uint8),
    )


def shown(name: str) -> YuvPicture:
    photo = fit_photo(still(name), SIZE)
    rgb = cv2.resize(photo.rgb, (SIZE.width, SIZE.height), interpolation=cv2.INTER_AREA)
    return type(photo)(rgb=rgb.astype(np.uint8), size=SIZE, density=(1, 1)).planes


def flyer(
    effect: Effect, *, amount: float = 1.0, seed: int = 1, effect_time: EffectTime = ONCE
) -> Particles | Fireworks:
    if effect is Effect.FIREWORKS:
        return Fireworks(SIZE, effect_time, amount=amount, seed=seed)
    return Particles(effect, SIZE, effect_time, amount=amount, seed=seed)


def drawn(
    effect: Effect, time_s: float, *, on: int = 90, seed: int = 1, amount: float = 1
) -> Plane:
    frame = flat(on)
    flyer(effect, amount=amount, seed=seed).draw(frame, time_s)
    return frame.y


@pytest.mark.parametrize("effect", FLYING)
def test_it_is_not_in_the_first_frame_and_then_moves(effect: Effect) -> None:
    first, later, next_one = (drawn(effect, time_s) for time_s in (0.0, 2.0, 2.05))

    assert (first == 90).all()
    assert (later != 90).mean() > 0.002
    assert (later != next_one).mean() > 0.001


@pytest.mark.parametrize("effect", FLYING)
def test_a_frame_is_a_formula_of_its_time_and_the_seed(effect: Effect) -> None:
    once, painter = drawn(effect, 2.0), flyer(effect)
    for time_s in (0.4, 1.1, 2.0):
        frame = flat(90)
        painter.draw(frame, time_s)

    assert np.array_equal(once, frame.y)
    assert not np.array_equal(once, drawn(effect, 2.0, seed=2))


@pytest.mark.parametrize("effect", FLYING)
def test_more_of_it_covers_more(effect: Effect) -> None:
    covered = [
        np.mean([(drawn(effect, t, amount=amount) != 90).mean() for t in (1.9, 2.6, 3.3)])
        for amount in (0.35, 1.0, 2.2)
    ]

    assert all(more > 1.4 * less for less, more in pairwise(covered))


@pytest.mark.parametrize(
    ("effect", "down"),
    [(Effect.SNOW, 1), (Effect.PETALS, 1), (Effect.CONFETTI, 1), (Effect.EMBERS, -1)],
)
def test_it_falls_or_rises_as_it_should(effect: Effect, down: int) -> None:
    one, other = (drawn(effect, time_s).astype(np.float32) for time_s in (2.0, 2.02))

    (_, moved), _ = cv2.phaseCorrelate(one, other)
    assert moved * down > 0.2


@pytest.mark.parametrize("effect", [Effect.SNOW, Effect.RAIN])
@pytest.mark.parametrize("amount", [0.6, 1.0, 2.2])
def test_weather_shows_on_white(effect: Effect, amount: float) -> None:
    frame = flat(WHITE)
    AirPainter(effect, ONCE, amount=amount).draw(frame, np.zeros(CELLS, np.float32), 3.0)
    behind = int(frame.y[0, 0])
    flyer(effect, amount=amount).draw(frame, 3.0)

    assert (frame.y.astype(int) - behind > 10).mean() > 0.002


@pytest.mark.parametrize("name", [*("dune", "church", "page"), *("meadow", "flower", "sudoku")])
def test_snow_shows_on_every_photo(name: str) -> None:
    assert name in TUNED_ON | JUDGED_ON
    frame = shown(name)
    AirPainter(Effect.SNOW, ONCE, amount=1).draw(frame, np.full(CELLS, 0.3, np.float32), 3.0)
    dry = frame.y.astype(int)
    flyer(Effect.SNOW).draw(frame, 3.0)

    assert (frame.y - dry > 15).mean() > 0.008


@pytest.mark.parametrize("effect", AIRS)
def test_the_air_comes_after_the_first_frame_and_pales_what_is_far_the_most(
    effect: Effect,
) -> None:
    near = np.tile(np.linspace(0, 1, CELLS[1], dtype=np.float32), (CELLS[0], 1))
    painter, frame = AirPainter(effect, ONCE, amount=1), flat(40)
    frame.y[::8] = 200  # contrast for the air to take
    before = frame.y.copy()
    painter.draw(frame, near, 0.0)
    assert np.array_equal(frame.y, before)

    painter.draw(frame, near, 3.0)
    contrast = frame.y[8].astype(int) - frame.y[9]
    assert contrast[20] < contrast[-20] < 160


def test_heavy_weather_takes_more_light_and_colour_than_gentle() -> None:
    left = []
    for amount in (0.35, 1.0, 2.2):
        frame = flat(210)
        frame.u[:] = 170
        AirPainter(Effect.RAIN, ONCE, amount=amount).draw(frame, np.ones(CELLS, np.float32), 3.0)
        left.append((int(frame.y[0, 0]), int(frame.u[0, 0])))

    assert left == sorted(left, reverse=True)
    assert left[0][0] - left[-1][0] > 20
    assert left[0][1] - left[-1][1] > 5


@pytest.mark.parametrize("effect", FLYING)
def test_in_a_loop_it_is_there_in_the_middle_and_in_neither_end(effect: Effect) -> None:
    painter = flyer(effect, effect_time=LOOP)

    seen = []
    for time_s in (0.0, 2.2, 5.0):
        frame = flat(90)
        painter.draw(frame, time_s)
        seen.append(float((frame.y != 90).mean()))
    assert seen[0] == seen[2] == 0
    assert seen[1] > 0.002


@pytest.mark.parametrize("effect", AIRS)
def test_in_a_loop_the_air_is_clear_at_both_ends(effect: Effect) -> None:
    painter, near = AirPainter(effect, LOOP, amount=1), np.zeros(CELLS, np.float32)

    seen = []
    for time_s in (0.0, 2.5, 5.0):
        frame = flat(200)
        painter.draw(frame, near, time_s)
        seen.append(int(frame.y[0, 0]))
    assert seen[0] == seen[2] == 200
    assert seen[1] < 190


def test_every_effect_has_its_painter() -> None:
    assert set(FLYING) | LOCAL | {Effect.SKETCH} == set(Effect)
