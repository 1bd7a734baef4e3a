"""What a message quotes was sent: what was found in it is said beside it, in our own words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from support.create_calls import DIALECTS, OTHER, SECTIONED, body_of, made, parsed, picture_section
from unstill.domain.errors import BadField
from unstill.domain.request import CreateCall, GivenFrame
from unstill.models.catalogue import Catalogue
from unstill.service.pictures import MOST_URL_CHARS, take

LONG_URL = OTHER + "a" * MOST_URL_CHARS

# Fields of a body that is good but for them, by the names that the dialects share.
WRONG: tuple[dict[str, Any], ...] = (
    {"prompt": "p" * 32_001},
    {"prompt": 5},
    {"prompt": ["a"]},
    {"negative_prompt": "n" * 32_001},
    {"resolution": "999P"},
    {"resolution": "480p"},
    {"size": "99999x99999"},
    {"size": "100x100"},
    {"size": "720P", "resolution": "1080p"},
    {"size": "720p", "resolution": "1080P"},
    {"duration": "99"},
    {"duration": 99},
    {"seed": "many"},
    {"seed": -7},
    {"watermark": "perhaps"},
    {"generate_audio": "loud", "audio": "silent"},
    {"aspect_ratio": "9:1"},
    {"aspect_ratio": "9:16", "size": "1280x720"},
    {"ratio": "9:16", "aspectRatio": "16:9"},
    {"webhook_url": 5},
)
WRONG_PICTURES: tuple[dict[str, Any], ...] = (
    {"image": LONG_URL},
    {"image": OTHER},
    {"last_frame": OTHER, "lastFrame": OTHER + "x"},
    {"image": "cat.png"},
    {"image": "data:image/png;base64,iVBORw0KGgo!"},
    {"image": 5},
    {"image": {"image_url": 5}},
    {"image": {"file_id": "file-17"}},
    {"mask_image": OTHER},
    {"images": "one"},
    {"images": [None]},
    {"media": [{"type": "clip", "url": OTHER}]},
    {"media": ["one"]},
    {"media": [{"type": "first_frame"}]},
    {"input_reference": {"content": [{"type": "video_url"}]}},
    {"input_reference": '{"image_url": '},
)


def quotes(message: str) -> list[str]:
    """What stands in quotes after `got`."""
    return re.findall(r"got '((?:[^'\\]|\\.)*)'", message)


def assert_sent(error: BadField, body: dict[str, Any]) -> None:
    sent = str(body)
    for quoted in quotes(error.message):
        assert quoted.rstrip("…")[:70] in sent, error.message
    assert len(error.message) < 600


@pytest.mark.parametrize("model", ["wan2.7-i2v", "Wan-AI/Wan2.2-I2V"])
@pytest.mark.parametrize("fields", WRONG, ids=range(len(WRONG)))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_field_is_refused_with_what_was_sent(
    dialect: str, fields: dict[str, Any], model: str
) -> None:
    body = body_of(dialect, model)
    for name, value in fields.items():
        place = body
        if dialect in SECTIONED and name != "webhook_url":
            place = body["input" if "prompt" in name else "parameters"]
        place[name] = value

    try:
        made(dialect, body)
    except BadField as error:
        assert_sent(error, body)


@pytest.mark.parametrize("fields", WRONG_PICTURES, ids=range(len(WRONG_PICTURES)))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_picture_is_refused_with_what_was_sent(dialect: str, fields: dict[str, Any]) -> None:
    body = body_of(dialect)
    picture_section(dialect, body).update(fields)

    with pytest.raises(BadField) as refused:
        made(dialect, body)

    assert_sent(refused.value, body)


def test_a_long_text_is_quoted_and_measured_beside_it() -> None:
    with pytest.raises(BadField) as prompt:
        made("videos", body_of("videos", prompt="p" * 32_001))
    with pytest.raises(BadField) as url:
        take([GivenFrame("first", "image", LONG_URL)])

    assert prompt.value.message.endswith("p… (32001 characters)")
    assert url.value.message.endswith(f"… ({len(LONG_URL)} characters)")


def test_another_picture_is_told_without_quotes() -> None:
    with pytest.raises(BadField) as refused:
        take([GivenFrame("first", "image", OTHER), GivenFrame("first", "img_url", OTHER + "x")])

    assert refused.value.message == "img_url must be the same picture as image, got another picture"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unknown_model_is_told_the_aliases_and_the_nearest_name(dialect: str) -> None:
    create_call: CreateCall = parsed(dialect, body_of(dialect, "sora-3"))
    with pytest.raises(BadField) as unknown:
        Catalogue().card(create_call.model)

    assert "got 'sora-3'" in unknown.value.message
    assert "sora-2-pro" in unknown.value.message
    assert "did you mean sora-2?" in unknown.value.message
    assert unknown.value.param == "model"
