"""Aspect ratios in every spelling make the video of that ratio, or are refused by their name."""

from __future__ import annotations

from typing import Any

import pytest

from support.create_calls import DIALECTS, FLAT, SECTIONED, body_of, made
from unstill.domain.errors import BadField
from unstill.domain.request import Ratio, Size
from unstill.models.aspect import ratio_of
from unstill.models.catalogue import CARDS

KEYS = ("aspect_ratio", "ratio", "aspectRatio", "orientation")
# At 720P: decision 003's areas, sides floored to multiples of 16.
AT_720P = {
    "16:9": Size(1280, 720),
    "9:16": Size(720, 1280),
    "1:1": Size(960, 960),
    "4:3": Size(1104, 816),
    "3:4": Size(816, 1104),
    "21:9": Size(1456, 624),
    "4:1": Size(1920, 480),
    "1:4": Size(480, 1920),
    "16/9": Size(1280, 720),
    "9 : 16": Size(720, 1280),
    "9\uff1a16": Size(720, 1280),
    "1.85:1": Size(1296, 704),
    "portrait": Size(720, 1280),
    "Landscape": Size(1280, 720),
    "square": Size(960, 960),
    "vertical": Size(720, 1280),
    "landscape_4_3": Size(1104, 816),
    "portrait_4_3": Size(816, 1104),
    "portrait_16_9": Size(720, 1280),
    "square_hd": Size(960, 960),
}


def size_of(dialect: str, model: str, **fields: object) -> Size | None:
    return made(dialect, body_of(dialect, model, **fields)).request.size


@pytest.mark.parametrize("spelt", AT_720P)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_ratio_is_the_tiers_area_in_that_ratio(dialect: str, spelt: str) -> None:
    for key in KEYS:
        request = made(dialect, _with(dialect, {key: spelt, "resolution": "720p"})).request
        assert request.size == AT_720P[spelt]


@pytest.mark.parametrize(
    ("spelt", "size"),
    [
        *((text, Size(1280, 720)) for text in ("16x9", "16*9", "16 X 9", "1280x720", "1280:720")),
        *((text, Size(720, 1280)) for text in ("9x16", "9\u00d716", "1080x1920")),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_where_a_ratio_stands_so_is_one_in_the_writing_of_a_size(
    dialect: str, spelt: str, size: Size
) -> None:
    for key in KEYS:
        request = made(dialect, _with(dialect, {key: spelt, "resolution": "720p"})).request
        assert request.size == size


def _with(dialect: str, fields: dict[str, object]) -> dict[str, Any]:
    body = body_of(dialect)
    section = body if dialect in FLAT else body["parameters"]
    section |= fields
    return body


@pytest.mark.parametrize("spelt", AT_720P)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_so_is_a_ratio_as_size(dialect: str, spelt: str) -> None:
    request = made(dialect, body_of(dialect, size=spelt, resolution="720P"))

    assert request.request.size == AT_720P[spelt]
    assert request.ignored == ()


@pytest.mark.parametrize("model", [card.id for card in CARDS])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_resolution_it_is_the_models_own_tier(dialect: str, model: str) -> None:
    upright = {"720P": Size(720, 1280), "768P": Size(768, 1344), "1080P": Size(1080, 1920)}
    request = made(dialect, body_of(dialect, model, aspect_ratio="9:16")).request

    assert request.size == upright[request.tier]


@pytest.mark.parametrize("own", ["auto", "adaptive", "original"])
@pytest.mark.parametrize("key", [*KEYS, "size"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_frames_own_ratio_is_as_without_one(dialect: str, key: str, own: str) -> None:
    assert made(dialect, _with(dialect, {key: own})) == made(dialect, body_of(dialect))


@pytest.mark.parametrize("value", ["5:1", "1:5", "0:1", "9:0", "wide", "16", 1.78, ["16:9"], ":"])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_another_ratio_is_refused_by_the_callers_name(
    dialect: str, key: str, value: object
) -> None:
    with pytest.raises(BadField) as refused:
        made(dialect, _with(dialect, {key: value}))

    assert refused.value.param == (f"parameters.{key}" if dialect in SECTIONED else key)
    assert "16:9, 9:16, 1:1" in refused.value.message


@pytest.mark.parametrize("dialect", DIALECTS)
def test_beside_an_exact_size_the_same_ratio_is_taken_and_another_refused(dialect: str) -> None:
    assert size_of(dialect, "wan2.7-i2v", size="720x1280", aspect_ratio="9:16") == Size(720, 1280)
    assert size_of(dialect, "wan2.7-i2v", size="1080x1920", ratio="portrait") == Size(1080, 1920)
    for size in ("1280x720", "16:9"):
        with pytest.raises(BadField, match=r"aspect_ratio must be the ratio of .*size"):
            made(dialect, body_of(dialect, size=size, aspect_ratio="9:16"))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_tier_as_size_and_a_ratio_go_together(dialect: str) -> None:
    assert size_of(dialect, "wan2.7-i2v", size="720P", aspect_ratio="9:16") == Size(720, 1280)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_two_spellings_that_disagree_are_refused(dialect: str) -> None:
    with pytest.raises(BadField, match="must be the same as"):
        made(dialect, _with(dialect, {"ratio": "16:9", "aspectRatio": "9:16"}))


@pytest.mark.parametrize("dialect", SECTIONED)
def test_a_ratio_among_the_input_is_told_where_it_belongs(dialect: str) -> None:
    body = body_of(dialect)
    body["input"]["aspect_ratio"] = "9:16"

    with pytest.raises(BadField, match="aspect_ratio belongs into parameters"):
        made(dialect, body)


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("1280:720", Ratio(16, 9)), ("2.39:1", Ratio(239, 100)), ("", None), ("a:b", None)],
)
def test_a_ratio_is_read_in_its_lowest_terms(text: str, ratio: Ratio | None) -> None:
    assert ratio_of(text) == ratio
