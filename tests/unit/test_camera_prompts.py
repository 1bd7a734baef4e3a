"""Whole prompts, as people write them, become the legs and effects that they ask for."""

from __future__ import annotations

import pytest

from support.camera_prompts import JUDGED_ON, TUNED_ON
from support.more_camera_prompts import TUNED_ON_TOO
from unstill.engines.camera.prompt import GENTLE_STRENGTH, Leg, read_prompt

SEEDS = range(8)


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
