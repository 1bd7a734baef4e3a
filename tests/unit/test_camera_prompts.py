"""Whole prompts, as people write them, become the legs and effects that they ask for."""

from __future__ import annotations

import random

import pytest

from support.camera_prompts import JUDGED_ON, NO_CAMERA, TUNED_ON
from support.more_camera_prompts import TUNED_ON_TOO
from unstill.engines.camera.clauses import clauses_of
from unstill.engines.camera.move_words import Move
from unstill.engines.camera.prompt import GENTLE_STRENGTH, Leg, read_prompt

SEEDS = range(8)
WORDS = """
camera zoom in out pan left right up down then and while the no not don't slowly fast heavy snow
hold static follow , . ; 镜头 推近 拉远 向左 平移 然后 不要 缓缓 固定 ( " from to
"""


@pytest.mark.parametrize(("prompt", "legs", "effects"), [*TUNED_ON, *TUNED_ON_TOO, *JUDGED_ON])
def test_a_prompt_is_read_as_it_is_meant(prompt: str, legs: str, effects: str) -> None:
    plans = [read_prompt(prompt, "", seed) for seed in SEEDS]

    for plan in plans:
        if legs:
            assert is_meant(plan.legs, legs), plan.legs
        else:
            assert [leg.strength for leg in plan.legs] == [GENTLE_STRENGTH]
        assert {
            effect.value if amount == 1 else f"{effect.value}*{amount:g}"
            for effect, amount in plan.effects.items()
        } == set(effects.split())
    assert legs or len({plan.moves for plan in plans}) > 1 or plans[0].denied


@pytest.mark.parametrize("prompt", NO_CAMERA)
def test_what_somebody_does_is_left_to_the_seed_and_told_as_not_heard(prompt: str) -> None:
    plans = [read_prompt(prompt, "", seed) for seed in SEEDS]

    assert all([leg.strength for leg in plan.legs] == [GENTLE_STRENGTH] for plan in plans)
    assert not plans[0].denied
    assert not plans[0].effects
    assert plans[0].unheard


def test_whatever_the_words_no_denied_move_is_made() -> None:
    rng = random.Random(3)
    words = WORDS.split()
    for seed in range(300):
        prompt = " ".join(rng.choices(words, k=rng.randrange(25)))
        plan = read_prompt(prompt, rng.choice(words), seed)

        assert plan.legs, prompt
        assert all(leg.moves for leg in plan.legs), prompt
        assert not set(plan.moves) & plan.denied or plan.moves == (Move.STATIC,), prompt


@pytest.mark.parametrize(("length", "pieces"), [(400, 1), (401, 2), (7000, 18)])
def test_what_has_no_stop_for_long_is_read_in_pieces(length: int, pieces: int) -> None:
    prompt = ("镜头推近人物面部很漂亮的街道" * 500)[:length]

    clauses = list(clauses_of(prompt))

    assert [len(clause.text) for clause in clauses[:-1]] == [400] * (pieces - 1)
    assert "".join(clause.text for clause in clauses) == prompt
    assert read_prompt(prompt, prompt, 1).legs


def is_meant(legs: tuple[Leg, ...], told: str) -> bool:
    meant = told.split(">")
    return len(legs) == len(meant) and all(map(is_like, legs, meant))


def is_like(leg: Leg, told: str) -> bool:
    moves, _, strength = told.partition("*")
    sets = [set(names.split("|")) for names in moves.split("+")]
    names = {move.name for move in leg.moves}
    return (
        leg.strength == float(strength or 1)
        and len(names) == len(sets)
        and all(names & one for one in sets)
    )
