"""The model cards against their documents, and the canonical request that they make.

The tables here restate the documents; each names the one that its numbers are from.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import create_calls
from support.create_calls import DIALECTS
from unstill.domain.errors import BadField, CallerError, MissingField, UnknownModel
from unstill.domain.request import CreateCall, Frame, GivenValue, Role, Size, VideoRequest
from unstill.models.card import Card, PictureField
from unstill.models.catalogue import CARDS, Catalogue, resolve

WAN22 = "Wan-AI/Wan2.2-I2V"
SORA = "openai/sora-2/image-to-video-pro"
WAN27 = "wan2.7-i2v"
HAPPY = "happyhorse-1.0-i2v"
EVERY = (WAN22, SORA, WAN27, HAPPY)

BY_ID = {card.id: card for card in CARDS}
FRAMES: dict[Role, Frame] = {"first": Frame("first", "image", url="https://example.com/a.png")}
LAST = Frame("last", "last_frame_url", url="https://example.com/b.png")

# Modelverse, Wan-AI/Wan2.2-I2V; OpenAI/Sora2-I2V-Pro; HappyHorse-1.0-I2V. Unified /v1/videos,
# wan2.7-i2v, with the ranges of DashScope's image-to-video page for it.
FIELDS = {
    WAN22: {
        *("first_frame", "last_frame", "prompt", "negative_prompt"),
        *("resolution", "size", "duration", "seed"),
    },
    SORA: {"first_frame", "prompt", "resolution", "size", "duration"},
    WAN27: {
        *("first_frame", "last_frame", "prompt", "negative_prompt", "resolution", "size"),
        *("duration", "generate_audio", "seed", "watermark", "prompt_extend"),
    },
    HAPPY: {"first_frame", "prompt", "resolution", "size", "duration", "watermark", "seed"},
}
REQUIRED = {model: {"first_frame"} for model in EVERY} | {WAN22: {"first_frame", "prompt"}}
DEFAULTS: dict[str, dict[str, Any]] = {
    WAN22: {"resolution": "720P", "duration": 5},  # none documented: chosen, see the card
    SORA: {"resolution": "720P", "duration": 4},
    WAN27: {"resolution": "1080P", "duration": 5, "watermark": False, "prompt_extend": True},
    HAPPY: {"resolution": "1080P", "duration": 5, "watermark": True},
}
DURATIONS_S = {WAN22: {5, 8}, SORA: {4, 8, 12}, WAN27: {*range(2, 16)}, HAPPY: {*range(3, 16)}}
TIERS = {model: {"720P", "1080P"} for model in EVERY} | {WAN22: {"480P", "720P"}}
FRAME_RATES = {WAN22: 24, SORA: 30, WAN27: 30, HAPPY: 24}  # DashScope and OpenAI; Wan 2.2 5B
USAGE = dict.fromkeys(EVERY, ("duration",)) | {
    HAPPY: ("duration", "output_video_duration", "video_count", "SR")
}
# DashScope, wan2.7-i2v and legacy wan2.2 frames, and HappyHorse's; OpenAI documents none.
FRAME_RULES = {
    WAN22: (240, 8000, 8.0),
    SORA: (64, 8000, 32.0),
    WAN27: (240, 8000, 8.0),
    HAPPY: (300, 8000, 2.5),
}
SEEDED = [model for model in EVERY if "seed" in FIELDS[model]]
MARKED = [model for model in EVERY if "watermark" in FIELDS[model]]


def create_call(values: dict[str, object], *, unknown: tuple[str, ...] = ()) -> CreateCall:
    fields = {name: GivenValue(f"parameters.{name}", value) for name, value in values.items()}
    names = {"first_frame": "input.first_frame_url", "prompt": "input.prompt"}
    return CreateCall(GivenValue("model", "any"), fields, (), names, unknown)


def made(
    model: str, frames: dict[Role, Frame] | None = None, /, **values: object
) -> tuple[VideoRequest, tuple[str, ...]]:
    values = {"prompt": "a cat"} | values
    return resolve(BY_ID[model], create_call(values), frames or FRAMES, random_seed=77)


def request_of(model: str, /, **values: object) -> VideoRequest:
    return made(model, **values)[0]


def refused(model: str, /, **values: object) -> BadField:
    with pytest.raises(BadField) as raised:
        made(model, **values)
    return raised.value


# --- cards against documents ---------------------------------------------------------------------


def test_the_four_documented_models_are_there() -> None:
    assert tuple(BY_ID) == EVERY


@pytest.mark.parametrize("model", EVERY)
def test_a_card_says_what_its_document_says(model: str) -> None:
    card = BY_ID[model]

    assert {field.name for field in card.fields} == FIELDS[model]
    assert {field.name for field in card.fields if field.is_required} == REQUIRED[model]
    assert {f.name: f.default for f in card.fields if f.default is not None} == DEFAULTS[model]
    assert card.frame_rate == FRAME_RATES[model]
    assert card.usage == USAGE[model]
    rule = card.frame_rule
    assert (rule.least_side_px, rule.most_side_px, rule.most_ratio) == FRAME_RULES[model]


@pytest.mark.parametrize("card", CARDS, ids=lambda card: str(card.id))
def test_every_number_of_a_card_names_its_source(card: Card) -> None:
    assert all(field.source for field in card.fields)
    assert card.source
    assert card.frame_rule.source


@pytest.mark.parametrize("card", CARDS, ids=lambda card: str(card.id))
def test_every_default_is_one_of_the_values_allowed(card: Card) -> None:
    for field in card.fields:
        if field.default is not None and not isinstance(field.kind, PictureField):
            assert field.kind.read(GivenValue(field.name, field.default)) == field.default


@pytest.mark.parametrize("card", CARDS, ids=lambda card: str(card.id))
def test_what_a_card_keeps_by_dialect_is_of_dialects_that_there_are(card: Card) -> None:
    for by_dialect in (card.own_names, card.own_usage, card.default_at, card.examples):
        assert by_dialect.keys() <= {dialect.name for dialect in DIALECTS.values()}
    for dialect, example in card.examples.items():
        assert create_calls.made(dialect, example.body).request.model == card.id
    assert set(card.default_at.values()) <= set(card.names)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_call_without_a_model_stands_for_one_model_at_most(dialect: str) -> None:
    assert sum(dialect in card.default_at for card in CARDS) <= 1


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "model"),
    [
        *((model, model) for model in EVERY),
        # OpenAI, POST /videos, model
        ("sora-2", SORA),
        ("sora-2-pro", SORA),
        ("sora-2-2025-10-06", SORA),
        ("sora-2-pro-2025-10-06", SORA),
        ("sora-2-2025-12-08", SORA),
        ("wan2.7-i2v-2026-04-25", WAN27),  # DashScope
    ],
)
def test_a_model_answers_to_its_documented_names_in_any_case(name: str, model: str) -> None:
    for spelling in (name, name.upper(), name.lower()):
        assert Catalogue().card(GivenValue("model", spelling)) == (name, BY_ID[model])


@pytest.mark.parametrize("name", ["", "sora", "wan2.7", "wan2.7-t2v", " wan2.7-i2v", None, 5, []])
def test_another_name_is_refused_with_the_names_that_there_are(name: object) -> None:
    with pytest.raises(UnknownModel) as unknown:
        Catalogue().card(GivenValue("model", name))

    assert unknown.value.param == "model"
    assert all(model in str(unknown.value) for model in EVERY)


@pytest.mark.parametrize(
    ("asked_for", "meant"),
    [
        *(("sora-3", "sora-2"), ("sora2", "sora-2"), ("openai/sora-2", "sora-2")),
        *(("OpenAI/Sora2", "sora-2"), ("MY-SOAR", "my-sora"), ("gpt-9", None)),
        *((name, "wan2.7-i2v") for name in ("Wan2.7", "wan-2.7-i2v", "dashscope/wan2.7-i2v")),
        # Without the name of who made it: another model's would be another video.
        *((name, WAN22) for name in ("Wan2.2-I2V", "wan2.2-i2v", "wan2.2-i2v-plus", "wan2.2")),
        *((name, WAN22) for name in ("Wan-AI/Wan2.2-I2V-A14B", "wan_ai/wan2_2_i2v")),
        *((name, "happyhorse-1.0-i2v") for name in ("happyhorse", "HappyHorse 1.0 I2V")),
    ],
)
def test_an_unknown_model_is_told_all_names_and_the_nearest(
    asked_for: str, meant: str | None
) -> None:
    with pytest.raises(UnknownModel) as unknown:
        Catalogue({"my-sora": SORA}).card(GivenValue("model", asked_for))
    message = unknown.value.message

    for card in CARDS:
        assert {card.id, *card.aliases} <= set(re.split(r"[\s,]+", message))
    assert "my-sora" in message
    assert ("did you mean" in message) == (meant is not None)
    assert meant is None or message.endswith(f"; did you mean {meant}?")


def test_the_operators_own_name_has_the_contract_of_the_model_it_is_like() -> None:
    catalogue = Catalogue({"My-Sora": SORA})

    assert catalogue.card(GivenValue("model", "my-sora")) == ("My-Sora", BY_ID[SORA])
    assert catalogue.listed() == (*EVERY, "My-Sora")


# --- duration ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_exactly_the_documented_durations_are_taken(model: str) -> None:
    taken = set()
    for duration_s in range(-1, 21):
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
    assert refused(HAPPY, duration=16).message == (
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
        for tier in ("480P", "720P", "1080P"):
            for spelling in (tier, tier.lower(), f" {tier}"):
                if tier in TIERS[model]:
                    assert request_of(model, **{field: spelling}).tier == tier
                else:
                    assert refused(model, **{field: spelling}).param == f"parameters.{field}"


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("value", ["999P", "4K", "720", 720, True, ["720P"], "1280x720"])
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
    longest = "猫" * 32_000  # OpenAI, POST /videos, prompt

    assert request_of(model, prompt=longest).prompt == longest
    assert "32001 characters" in str(refused(model, prompt=longest + "x"))


@pytest.mark.parametrize("prompt", [{}, {"prompt": None}, {"prompt": ""}, {"prompt": " \n"}])
def test_only_wan_22_asks_for_a_prompt(prompt: dict[str, object]) -> None:
    for model in EVERY:
        if model == WAN22:
            with pytest.raises(MissingField, match=r"^input\.prompt is required"):
                resolve(BY_ID[model], create_call(prompt), FRAMES, random_seed=1)
        else:
            request, _ = resolve(BY_ID[model], create_call(prompt), FRAMES, random_seed=1)
            assert request.prompt == (prompt.get("prompt") or "")


# --- frames and what is ignored ------------------------------------------------------------------


@pytest.mark.parametrize("model", EVERY)
def test_a_missing_first_frame_is_named_in_the_callers_words(model: str) -> None:
    with pytest.raises(MissingField, match=r"^input\.first_frame_url is required"):
        made(model, {"last": LAST})


@pytest.mark.parametrize("model", EVERY)
def test_a_last_frame_is_used_where_documented_and_named_where_not(model: str) -> None:
    request, ignored = made(model, FRAMES | {"last": LAST})

    if "last_frame" in FIELDS[model]:
        assert (request.last_frame, ignored) == (LAST, ())
    else:
        assert (request.last_frame, ignored) == (None, ("last_frame_url",))


@pytest.mark.parametrize("model", EVERY)
def test_fields_of_other_models_are_ignored_by_name_and_not_checked(model: str) -> None:
    strange = {"negative_prompt": [5], "watermark": 7, "prompt_extend": 7, "seed": "x"}
    foreign = {name: value for name, value in strange.items() if name not in FIELDS[model]}

    request, ignored = made(model, **foreign)

    assert ignored == tuple(f"parameters.{name}" for name in foreign)
    assert request == request_of(model)


def test_names_that_the_dialect_does_not_know_are_handed_on() -> None:
    _, ignored = resolve(
        BY_ID[SORA], create_call({}, unknown=("input.style", "n")), FRAMES, random_seed=1
    )

    assert ignored == ("input.style", "n")


@pytest.mark.parametrize("model", EVERY)
def test_a_request_is_complete_with_the_models_defaults(model: str) -> None:
    request = request_of(model)
    options: dict[str, Any] = {"prompt_extend": True} if model == WAN27 else {}

    assert request == VideoRequest(
        model=model,
        prompt="a cat",
        first_frame=FRAMES["first"],
        duration_s=DEFAULTS[model]["duration"],
        frame_rate=FRAME_RATES[model],
        seed=77,
        tier=DEFAULTS[model]["resolution"],
        watermark=DEFAULTS[model].get("watermark", False),
        options=options,
    )


def test_an_option_of_one_model_travels_with_its_request() -> None:
    assert request_of(WAN27, prompt_extend="false").options == {"prompt_extend": False}


def test_an_exact_size_decides_and_the_tier_beside_it_is_named() -> None:
    request, ignored = made(WAN27, size="1280x720", resolution="1080P")

    assert (request.size, ignored) == (Size(1280, 720), ("parameters.resolution",))


def test_two_tiers_must_agree() -> None:
    assert request_of(WAN27, size="720p", resolution="720P").tier == "720P"
    assert refused(WAN27, size="720P", resolution="1080P").param == "parameters.size"


_anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@pytest.mark.slow
@given(
    st.sampled_from(EVERY),
    st.dictionaries(st.sampled_from(sorted(set.union(*FIELDS.values()))), _anything, max_size=4),
)
def test_any_values_make_a_request_or_are_the_callers_fault(
    model: str, values: dict[str, object]
) -> None:
    try:
        request = request_of(model, **values)
    except CallerError:
        return
    assert request.duration_s in DURATIONS_S[model]
    assert request.tier in TIERS[model]
    assert 0 <= request.seed <= 2147483647
