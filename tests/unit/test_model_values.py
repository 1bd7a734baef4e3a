"""What each model makes of the values of a request: durations, seeds, sizes, flags and texts."""

from __future__ import annotations

from typing import get_args

import pytest

from support.requests import HAPPYHORSE, SORA, WAN22, WAN27
from support.resolved_requests import (
    BY_ID,
    DEFAULTS,
    DURATIONS_S,
    EVERY,
    FRAME_RATES,
    FRAMES,
    MARKED,
    PROMPT_CHARS,
    PROMPTED,
    SEEDED,
    TIERS,
    create_call,
    refused,
    request_of,
)
from unstill.domain.errors import BadField, MissingField
from unstill.domain.request import TierName
from unstill.models.catalogue import resolve

# --- duration ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_exactly_the_documented_durations_are_taken(model: str) -> None:
    taken = set()
    for duration_s in range(-1, 35):
        try:
            taken.add(request_of(model, duration=duration_s).duration_s)
        except BadField:
            continue

    assert taken == DURATIONS_S[model]


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("spelling", [8, "8", " 8 ", 8.0])
def test_a_duration_may_be_a_number_or_its_digits(model: str, spelling: object) -> None:
    request = request_of(model, duration=spelling)

    assert request.duration_s == 8
    assert isinstance(request.duration_s, int)
    assert request.frame_count == 8 * FRAME_RATES[model]


@pytest.mark.parametrize("value", [8, 8.0, "8", "8.0", "8.000", " 8 ", "08"])
@pytest.mark.parametrize("model", EVERY)
def test_a_whole_number_is_taken_in_every_writing(model: str, value: object) -> None:
    assert request_of(model, duration=value).duration_s == 8


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize(
    "value",
    [
        5.5,
        "five",
        "5.5",
        "5.",
        "5.01",
        "5s",
        "٥",
        "+5",
        "1e1",
        True,
        False,
        [5],
        {"s": 5},
        10**30,
        "9" * 30,
    ],
)
def test_what_is_no_whole_number_is_no_duration(model: str, value: object) -> None:
    error = refused(model, duration=value)

    assert error.param == "parameters.duration"
    assert error.message.startswith("parameters.duration must be ")


@pytest.mark.parametrize("model", EVERY)
def test_a_null_duration_is_the_default(model: str) -> None:
    assert request_of(model, duration=None).duration_s == DEFAULTS[model]["duration"]


def test_a_refusal_says_what_was_allowed_and_what_came() -> None:
    assert refused(WAN22, duration=6).message == "parameters.duration must be 5 or 8, got 6"
    assert refused(SORA, duration="five").message == (
        "parameters.duration must be 4, 8 or 12, got 'five'"
    )
    assert refused(HAPPYHORSE, duration=16).message == (
        "parameters.duration must be a whole number from 3 to 15, got 16"
    )


# --- seed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", SEEDED)
@pytest.mark.parametrize("seed", [0, 1, 2147483647, "2147483647"])
def test_a_seed_of_31_bits_is_taken(model: str, seed: object) -> None:
    assert request_of(model, seed=seed).seed == int(str(seed))


@pytest.mark.parametrize("model", SEEDED)
@pytest.mark.parametrize("seed", [-1, 2147483648, "-1", 0.5, "x", True, [1]])
def test_another_seed_is_refused(model: str, seed: object) -> None:
    assert refused(model, seed=seed).allowed == "a whole number from 0 to 2147483647"


@pytest.mark.parametrize("model", EVERY)
def test_without_a_seed_the_random_one_is_taken(model: str) -> None:
    assert request_of(model).seed == 77


# --- resolution ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_exactly_the_documented_tiers_are_taken_in_either_case(model: str) -> None:
    for field in ("resolution", "size"):
        for tier in get_args(TierName):
            for spelling in (tier, tier.lower(), f" {tier}"):
                if tier in TIERS[model]:
                    assert request_of(model, **{field: spelling}).tier == tier
                else:
                    assert refused(model, **{field: spelling}).param == f"parameters.{field}"


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("value", ["999P", "8K", "720", 720, True, ["720P"], "1280x720"])
def test_another_resolution_is_refused(model: str, value: object) -> None:
    error = refused(model, resolution=value)

    assert error.param == "parameters.resolution"
    assert all(tier in error.allowed for tier in TIERS[model])


# --- flags and texts -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", MARKED)
@pytest.mark.parametrize(
    ("value", "is_marked"),
    [
        *((True, True), (False, False), ("true", True), ("False", False), (" TRUE ", True)),
        *(("1", True), ("0", False), ("on", True), ("off", False), ("yes", True), ("No", False)),
    ],
)
def test_a_watermark_is_true_or_false(model: str, value: object, *, is_marked: bool) -> None:
    assert request_of(model, watermark=value).watermark is is_marked


@pytest.mark.parametrize("model", MARKED)
@pytest.mark.parametrize("value", [1, 0, "2", "y", "t", "10", 1.0, [True], {}])
def test_nothing_else_is_a_flag(model: str, value: object) -> None:
    assert refused(model, watermark=value).allowed == "true or false"


@pytest.mark.parametrize("value", [(None, None), (True, True), ("false", False)])
def test_whether_there_is_audio_is_left_open_unless_it_is_said(
    value: tuple[object, object],
) -> None:
    given_value, expected = value

    assert request_of(WAN27, generate_audio=given_value).generate_audio is expected


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("value", [["a cat"], {"text": "a cat"}, 5, True])
def test_a_prompt_that_is_no_text_is_refused(model: str, value: object) -> None:
    assert refused(model, prompt=value).message.startswith("parameters.prompt must be text, got ")


@pytest.mark.parametrize("model", EVERY)
def test_a_prompt_is_so_long_and_no_longer(model: str) -> None:
    longest = "猫" * PROMPT_CHARS[model]

    assert request_of(model, prompt=longest).prompt == longest
    assert f"{len(longest) + 1} characters" in str(refused(model, prompt=longest + "x"))


@pytest.mark.parametrize("prompt", [{}, {"prompt": None}, {"prompt": ""}, {"prompt": " \n"}])
def test_only_models_that_need_a_prompt_ask_for_one(prompt: dict[str, object]) -> None:
    for model in EVERY:
        if model in PROMPTED:
            with pytest.raises(MissingField, match=r"^input\.prompt is required"):
                resolve(BY_ID[model], create_call(prompt), FRAMES, random_seed=1)
        else:
            request, _ = resolve(BY_ID[model], create_call(prompt), FRAMES, random_seed=1)
            assert request.prompt == (prompt.get("prompt") or "")
