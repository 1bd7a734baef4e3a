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
from support.requests import (
    HAPPYHORSE,
    HAPPYHORSE11,
    KLING,
    MINIMAX,
    SEEDANCE20,
    SEEDANCE25,
    SORA,
    WAN22,
    WAN27,
)
from support.resolved_requests import (
    BY_ID,
    DEFAULTS,
    DURATIONS_S,
    EVERY,
    FIELDS,
    FRAME_RATES,
    FRAMES,
    PROMPTED,
    TIERS,
    create_call,
    made,
    refused,
    request_of,
)
from unstill.domain.errors import CallerError, MissingField, UnknownModel
from unstill.domain.request import Frame, GivenValue, Size, VideoRequest
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, Catalogue, resolve
from unstill.models.field_kinds import PictureField

LAST = Frame("last", "last_frame_url", url="https://example.com/b.png")
REQUIRED = {
    model: {"first_frame"} | ({"prompt"} if model in PROMPTED else set()) for model in EVERY
}
_HAPPYHORSE_USAGE = ("duration", "output_video_duration", "video_count", "SR")
USAGE = dict.fromkeys(EVERY, ("duration",)) | dict.fromkeys(
    (HAPPYHORSE, HAPPYHORSE11), _HAPPYHORSE_USAGE
)
# DashScope, wan2.7-i2v and legacy wan2.2 frames, and HappyHorse's; Ark, image_url; Kling, contents,
# its longest side DashScope's; MiniMax, image_url. OpenAI documents none.
FRAME_RULES = {
    WAN22: (240, 8000, 8.0),
    SORA: (64, 8000, 32.0),
    WAN27: (240, 8000, 8.0),
    HAPPYHORSE: (300, 8000, 2.5),
    HAPPYHORSE11: (300, 8000, 2.5),
    SEEDANCE20: (300, 6000, 2.5),
    SEEDANCE25: (300, 6000, 2.5),
    KLING: (300, 8000, 2.5),
    MINIMAX: (256, 5760, 2.5),
}


# --- cards against documents ---------------------------------------------------------------------


def test_the_documented_models_are_there() -> None:
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


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_model_is_asked_for_in_every_dialect(dialect: str, model: str) -> None:
    length = "seconds" if dialect in create_calls.FLAT else "duration"
    tier, duration_s = max(TIERS[model]), max(DURATIONS_S[model])
    body = create_calls.body_of(dialect, model, **{"resolution": tier.lower(), length: duration_s})
    request, ignored = create_calls.made(dialect, body)

    assert (request.model, request.tier, request.duration_s) == (model, tier, duration_s)
    assert ignored == ()


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
        # Ark, model, in China and abroad; the unified document's name
        ("doubao-seedance-2-0-260128", SEEDANCE20),
        ("dreamina-seedance-2-0-260128", SEEDANCE20),
        ("seedance-2-0", SEEDANCE20),
        ("doubao-seedance-2-5-260628", SEEDANCE25),
        ("dreamina-seedance-2-5-260628", SEEDANCE25),
        ("kling-3.0", KLING),
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
        generate_audio=DEFAULTS[model].get("generate_audio"),
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
