"""What was not filled in means nothing, in every dialect: null, empty texts and empty lists."""

from __future__ import annotations

from typing import Any

import pytest

from support.create_calls import (
    DIALECTS,
    FLAT,
    OTHER,
    PICTURE,
    SECTIONED,
    body_of,
    made,
    picture_section,
)
from unstill.domain.errors import BadField, MissingField

NOTHING: tuple[object, ...] = (None, "", "  ", "\n", [])
OPTIONAL = ("resolution", "size", "seed", "watermark", "generate_audio", "prompt_extend")


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_optional_field_with_nothing_in_it_is_as_absent(dialect: str, nothing: object) -> None:
    duration = "seconds" if dialect in FLAT else "duration"
    body = body_of(dialect)
    section = body if dialect in FLAT else body["parameters"]
    section |= dict.fromkeys((*OPTIONAL, duration), nothing)

    assert made(dialect, body) == made(dialect, body_of(dialect))


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize("dialect", SECTIONED)
def test_parameters_that_are_empty_are_as_absent(dialect: str, nothing: object) -> None:
    body = body_of(dialect) | {"parameters": nothing}  # PHP writes an empty object as []

    assert made(dialect, body) == made(dialect, body_of(dialect))


@pytest.mark.parametrize("strange", [[5], "{}", 0, False])
@pytest.mark.parametrize("dialect", SECTIONED)
def test_parameters_that_are_something_else_are_refused(dialect: str, strange: object) -> None:
    with pytest.raises(BadField) as refused:
        made(dialect, body_of(dialect) | {"parameters": strange})

    assert refused.value.param == "parameters"


@pytest.mark.parametrize("nothing", [None, "", []])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_prompt_is_none(dialect: str, nothing: object) -> None:
    empty = body_of(dialect, prompt=nothing, negative_prompt=nothing)

    request = made(dialect, empty).request

    assert (request.prompt, request.negative_prompt) == ("", "")


@pytest.mark.parametrize("model", ["sora-2", "wan2.7-i2v"])
@pytest.mark.parametrize("nothing", [*NOTHING, []])
@pytest.mark.parametrize("key", ["last_frame", "lastFrameUrl", "img_url", "images", "media"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unfilled_picture_beside_the_first_frame_is_as_absent(
    dialect: str, key: str, nothing: object, model: str
) -> None:
    body = body_of(dialect, model)
    picture_section(dialect, body)[key] = nothing

    assert made(dialect, body) == made(dialect, body_of(dialect, model))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unfilled_item_among_pictures_is_as_absent(dialect: str) -> None:
    def of(**pictures: object) -> Any:
        body = body_of(dialect)
        section = picture_section(dialect, body)
        section.pop("first_frame_url", section.pop("input_reference", None))
        section.pop("first_frame_url", None)
        section |= pictures
        frames = made(dialect, body).request.frames
        return [(frame.role, frame.url) for frame in frames]

    media = [{"type": "first_frame", "url": PICTURE}, {"type": "last_frame", "url": ""}]
    assert of(media=media) == [("first", PICTURE)]
    assert of(images=["", PICTURE, ""]) == [("first", PICTURE)]
    assert of(input_reference=["", PICTURE]) == [("first", PICTURE)]
    assert of(image=PICTURE, last_frame={"image_url": {"url": ""}}) == [("first", PICTURE)]
    assert of(image=PICTURE, last_frame={"image_url": OTHER}) == [
        ("first", PICTURE),
        ("last", OTHER),
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_empty_is_not_told_as_ignored(dialect: str) -> None:
    empty = body_of(dialect, "sora-2", seed="", watermark=None, style="", mode=None)

    assert made(dialect, empty).ignored == ()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_required_prompt_that_is_empty_is_named(dialect: str) -> None:
    with pytest.raises(MissingField) as missing:
        made(dialect, body_of(dialect, "Wan-AI/Wan2.2-I2V", prompt=""))

    assert missing.value.param == ("prompt" if dialect in FLAT else "input.prompt")


@pytest.mark.parametrize("nothing", [*NOTHING, []])
@pytest.mark.parametrize("key", ["image", "img_url", "images", "media"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_first_frame_that_is_empty_is_named_as_it_was_sent(
    dialect: str, key: str, nothing: object
) -> None:
    body = body_of(dialect)
    section = picture_section(dialect, body)
    for name in ("first_frame_url", "input_reference"):
        section.pop(name, None)
    section[key] = nothing

    with pytest.raises(MissingField) as missing:
        made(dialect, body)

    prefix = "input." if dialect in SECTIONED else ""
    if nothing is not None:
        assert missing.value.param == prefix + key
    assert missing.value.message.startswith(f"{missing.value.param} is required: a picture")


def test_an_empty_model_is_openais_default_in_a_form_and_missing_in_json() -> None:
    form = made("videos", body_of("videos", ""), is_form=True)

    assert form.request.model == "openai/sora-2/image-to-video-pro"
    for dialect in ("tasks", "videos", "dashscope"):
        with pytest.raises(MissingField, match="model is required"):
            made(dialect, body_of(dialect, ""))
