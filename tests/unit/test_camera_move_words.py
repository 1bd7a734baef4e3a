"""Prompts in English and Chinese become camera moves."""

from __future__ import annotations

import pytest

from unstill.engines.camera.effect_words import Effect
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.prompt import Plan, read_prompt
from unstill.engines.camera.strength_words import FAST, SLOW

SEEDS = range(25)


def plan(prompt: str, *, negative: str = "", seed: int = 1) -> Plan:
    return read_prompt(prompt, negative, seed)


@pytest.mark.parametrize(
    ("prompt", "moves"),
    [
        ("push in", (Move.PUSH,)),
        ("The camera slowly pushes in.", (Move.PUSH,)),
        ("zoom", (Move.PUSH,)),
        ("slow dolly in on the cat", (Move.PUSH,)),
        ("Camera moves forward quickly", (Move.PUSH,)),
        ("运镜:推近", (Move.PUSH,)),
        ("镜头缓缓推向主角", (Move.PUSH,)),
        ("pull out", (Move.PULL,)),
        ("The camera pulls back.", (Move.PULL,)),
        ("镜头快速拉远", (Move.PULL,)),
        ("pan left", (Move.LEFT,)),
        ("camera pans to the right", (Move.RIGHT,)),
        ("向左平移", (Move.LEFT,)),
        ("镜头缓缓向左移动,再向上抬升", (Move.LEFT, Move.UP)),
        ("tilt up", (Move.UP,)),
        ("crane down", (Move.DOWN,)),
        ("镜头下移", (Move.DOWN,)),
        ("orbit around the subject", (Move.ORBIT,)),
        ("camera orbits to the left", (Move.ORBIT,)),
        ("环绕镜头", (Move.ORBIT,)),
        ("roll", (Move.ROLL,)),
        ("dutch angle", (Move.ROLL,)),
        ("dolly zoom", (Move.VERTIGO,)),
        ("handheld", (Move.HANDHELD,)),
        ("手持拍摄", (Move.HANDHELD,)),
        ("static shot", (Move.STATIC,)),
        ("The camera doesn't move", (Move.STATIC,)),
        ("no camera movement", (Move.STATIC,)),
        ("固定镜头", (Move.STATIC,)),
        ("镜头不动,一只猫", (Move.STATIC,)),
        ("让画面中的角色向前走两步,镜头轻微推进,电影感光影。", (Move.PUSH,)),
    ],
)
def test_a_camera_word_is_understood(prompt: str, moves: tuple[Move, ...]) -> None:
    assert plan(prompt).moves == moves


def test_several_moves_combine() -> None:
    assert plan("slowly push in while panning left").moves == (Move.PUSH, Move.LEFT)
    assert plan("handheld camera, fast zoom out").moves == (Move.HANDHELD, Move.PULL)


def test_two_opposites_are_made_one_after_the_other() -> None:
    assert plan("push in, pull out").moves == (Move.PUSH, Move.PULL)
    assert [leg.moves for leg in plan("zoom in and out").legs] == [(Move.PUSH,), (Move.PULL,)]


@pytest.mark.parametrize(
    "prompt",
    [
        "train is moving left",
        "she pulls out a knife",
        "rolling hills",
        "a frying pan on the stove",
        "a satellite orbits the earth",
        "推进器点火",
        "The image is coming to life",
        "Convert to quick pencil sketch",
        "一只猫在草地上奔跑",
    ],
)
def test_what_a_thing_does_is_no_camera_move(prompt: str) -> None:
    plans = {plan(prompt, seed=seed).moves for seed in SEEDS}

    assert len(plans) > 1  # the seed chose, not the words


@pytest.mark.parametrize(
    ("prompt", "denied"),
    [
        ("don't zoom in", {Move.PUSH}),
        ("the" + "y" * 20_000 + "won't zoom in", {Move.PUSH}),  # each word is read once
        ("don’t push in", {Move.PUSH}),
        ("a cat without zooming", {Move.PUSH, Move.PULL}),
        ("不要推进", {Move.PUSH}),
        ("镜头不推进", {Move.PUSH}),
        ("no orbit shot", {Move.ORBIT}),
        ("do not pan or zoom", {Move.LEFT, Move.RIGHT, Move.PUSH, Move.PULL}),
        ("without panning and zooming", {Move.LEFT, Move.RIGHT, Move.PUSH, Move.PULL}),
        ("不要手持", {Move.HANDHELD}),
    ],
)
def test_a_denied_move_is_never_made_whatever_the_seed(prompt: str, denied: set[Move]) -> None:
    made = {move for seed in SEEDS for move in plan(prompt, seed=seed).moves}

    assert not made & denied


def test_a_denial_leaves_the_other_moves_alone() -> None:
    assert plan("pan left without zooming").moves == (Move.LEFT,)
    assert plan("don't push in, pan right instead").moves == (Move.RIGHT,)
    assert plan("don't zoom in and pan left").moves == (Move.LEFT,)
    assert plan("镜头没有推进而是拉远").moves == (Move.PULL,)


def test_a_negative_prompt_denies_what_it_names() -> None:
    made = {m for seed in SEEDS for m in plan("a cat", negative="zoom, 环绕镜头", seed=seed).moves}

    assert not made & {Move.PUSH, Move.PULL, Move.ORBIT}


def test_a_negative_prompt_against_all_motion_gives_a_static_camera() -> None:
    assert plan("a cat", negative="blurry, camera movement").moves == (Move.STATIC,)


def test_strength_words_count_in_the_cameras_own_clause() -> None:
    assert plan("slowly push in").legs[0].strength == SLOW
    assert plan("镜头轻微推进").legs[0].strength == SLOW
    assert plan("fast zoom out").legs[0].strength == FAST
    assert plan("a fast car, push in").legs[0].strength == 1
    assert plan("镜头推进,微笑的女孩").legs[0].strength == 1


def test_a_side_that_is_said_is_kept_and_else_the_seed_chooses_it() -> None:
    assert {plan("orbit left", seed=seed).side for seed in SEEDS} == {-1}
    assert {plan("roll clockwise", seed=seed).side for seed in SEEDS} == {1}
    assert {plan("roll counterclockwise", seed=seed).side for seed in SEEDS} == {-1}
    assert {plan("orbit", seed=seed).side for seed in SEEDS} == {-1, 1}


def test_a_plan_is_repeatable() -> None:
    assert plan("a cat", seed=5) == plan("a cat", seed=5)


@pytest.mark.parametrize(
    ("prompt", "effects"),
    [
        ("Convert to quick pencil sketch", {Effect.SKETCH}),
        ("turn this into a drawing", {Effect.SKETCH}),
        ("变成素描", {Effect.SKETCH}),
        ("snow is falling", {Effect.SNOW}),
        ("下雪", {Effect.SNOW}),
        ("heavy rain, handheld", {Effect.RAIN}),
        ("雨中的街道", {Effect.RAIN}),
        ("cherry petals drift slowly in the wind", {Effect.PETALS, Effect.WIND}),
        ("樱花飘落", {Effect.PETALS}),
        ("autumn leaves are falling", {Effect.LEAVES}),
        ("glowing sparks", {Effect.EMBERS}),
        ("dust motes in the sun", {Effect.DUST}),
        ("confetti", {Effect.CONFETTI}),
        ("烟花绽放", {Effect.FIREWORKS}),
        ("the candle flickers", {Effect.FLICKER}),
        ("clouds drift by", {Effect.CLOUDS}),
        ("湖面波光粼粼", {Effect.WATER}),
        ("no snowfall", set()),
        ("不要下雪", set()),
        ("a snowy mountain under a rainbow", set()),
        ("she sketches in the park", set()),
    ],
)
def test_effects_are_understood(prompt: str, effects: set[Effect]) -> None:
    assert set(plan(prompt).effects) == effects


@pytest.mark.parametrize(
    ("prompt", "is_loop"),
    [
        ("waves on a beach, seamless loop", True),
        ("loop", True),
        ("a looping video of the sea", True),
        ("镜头推近,无缝循环", True),
        ("首尾相接", True),
        ("a loop of rope on the deck", False),
        ("the plane flies a loop", False),
        ("血液循环", False),
        ("push in, do not make it a seamless loop", False),
    ],
)
def test_a_loop_is_made_where_the_prompt_asks_for_one(prompt: str, *, is_loop: bool) -> None:
    assert plan(prompt).is_loop is is_loop
