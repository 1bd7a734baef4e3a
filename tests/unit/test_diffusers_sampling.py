"""Steps, guidance and shift of a render, from an operator's words and a profile's data."""

from __future__ import annotations

import msgspec
import pytest

from support.profiles import a_profile
from unstill.engines.diffusers.options import PipelineOptions
from unstill.engines.diffusers.sampling import (
    guidance_of,
    is_guided,
    shift_of,
    steps_of,
    uses_few_steps,
)

TWO_EXPERTS = a_profile(
    denoisers=("transformer", "transformer_2"),
    guidance=("guidance_scale", "guidance_scale_2"),
    guidance_default=(3.5, 3.25),
    few_steps=True,
)
ONE_EXPERT = a_profile(guidance_default=(3.0,), steps=50, shift=2.5, forwards_per_step=1)
GUIDER_OF_ITS_OWN = msgspec.structs.replace(ONE_EXPERT, guidance=("guider",), guidance_default=())


def options(
    *,
    steps: int = 0,
    guidance: float | None = None,
    guidance_2: float | None = None,
    shift: float | None = None,
) -> PipelineOptions:
    return PipelineOptions(
        path="folder", steps=steps, guidance=guidance, guidance_2=guidance_2, shift=shift
    )


def test_steps_are_the_operators_else_the_profiles() -> None:
    assert steps_of(options(), TWO_EXPERTS) == 40
    assert steps_of(options(steps=4), TWO_EXPERTS) == 4


@pytest.mark.parametrize(("steps", "is_few"), [(1, True), (8, True), (9, False), (0, False)])
def test_eight_steps_are_few_and_nine_are_not(steps: int, *, is_few: bool) -> None:
    assert uses_few_steps(options(steps=steps), TWO_EXPERTS) is is_few


def test_a_pipeline_with_a_schedule_of_its_own_keeps_it_at_few_steps() -> None:
    assert not uses_few_steps(options(steps=4), ONE_EXPERT)
    assert shift_of(options(steps=4), ONE_EXPERT) == 2.5


@pytest.mark.parametrize(("steps", "shift"), [(8, 5.0), (9, None)])
def test_few_steps_are_shifted_by_five_and_more_as_the_folder_says(
    steps: int, shift: float | None
) -> None:
    assert shift_of(options(steps=steps), TWO_EXPERTS) == shift


@pytest.mark.parametrize("steps", [4, 40])
def test_an_operators_shift_counts_at_any_number_of_steps(steps: int) -> None:
    assert shift_of(options(steps=steps, shift=3.0), TWO_EXPERTS) == 3.0


@pytest.mark.parametrize(("steps", "guidance"), [(8, (1.0, 1.0)), (9, (3.5, 3.25))])
def test_few_steps_are_not_guided_unless_the_operator_says_so(
    steps: int, guidance: tuple[float, ...]
) -> None:
    assert guidance_of(options(steps=steps), TWO_EXPERTS) == guidance
    assert guidance_of(options(steps=steps, guidance=2.0), TWO_EXPERTS) == (2.0, 2.0)


def test_few_steps_of_any_pipeline_are_not_guided() -> None:
    assert guidance_of(options(steps=8), ONE_EXPERT) == (1.0,)
    assert guidance_of(options(steps=9), ONE_EXPERT) == (3.0,)


def test_the_second_experts_guidance_is_its_own_where_it_is_said() -> None:
    assert guidance_of(options(guidance=2.0, guidance_2=4.0), TWO_EXPERTS) == (2.0, 4.0)
    assert guidance_of(options(guidance_2=4.0), TWO_EXPERTS) == (3.5, 4.0)
    assert guidance_of(options(guidance=2.0), ONE_EXPERT) == (2.0,)


def test_a_guidance_of_nothing_is_a_word_too() -> None:
    assert guidance_of(options(guidance=0.0), TWO_EXPERTS) == (0.0, 0.0)


def test_a_folders_guider_keeps_its_guidance_unless_something_is_said() -> None:
    assert guidance_of(options(), GUIDER_OF_ITS_OWN) == (None,)
    assert guidance_of(options(guidance=4.0), GUIDER_OF_ITS_OWN) == (4.0,)
    assert guidance_of(options(steps=8), GUIDER_OF_ITS_OWN) == (1.0,)
    assert guidance_of(options(steps=9), GUIDER_OF_ITS_OWN) == (None,)


def test_there_is_a_second_pass_only_where_the_first_guidance_is_more_than_one() -> None:
    assert is_guided(options(), TWO_EXPERTS)
    assert is_guided(options(guidance=1.1), TWO_EXPERTS)
    assert not is_guided(options(guidance=1.0), TWO_EXPERTS)
    assert not is_guided(options(guidance=1.0, guidance_2=5.0), TWO_EXPERTS)
    assert not is_guided(options(steps=8), TWO_EXPERTS)
    assert is_guided(options(steps=9), TWO_EXPERTS)
    assert is_guided(options(), GUIDER_OF_ITS_OWN)
