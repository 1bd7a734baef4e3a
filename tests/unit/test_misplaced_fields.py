"""A field that the model has, at a place that its dialect does not read: told where it belongs."""

from __future__ import annotations

from typing import Any

import pytest

from support.create_calls import DIALECTS, FLAT, OTHER, PICTURE, SECTIONED, body_of, made
from unstill.domain.errors import BadField

# What stands at a wrong place in a body of input and parameters, and where it belongs.
ASTRAY: tuple[tuple[str, object, str], ...] = (
    ("input.duration", 8, "duration belongs into parameters"),
    ("input.seconds", "8", "duration belongs into parameters"),
    ("input.resolution", "720P", "resolution belongs into parameters"),
    ("input.size", "1280*720", "size belongs into parameters"),
    ("input.seed", 7, "seed belongs into parameters"),
    ("input.watermark", True, "watermark belongs into parameters"),
    ("parameters.prompt", "a cat", "prompt belongs into input"),
    ("parameters.seconds", "8", "duration belongs into parameters"),
    ("parameters.last_frame_url", OTHER, "last_frame belongs into input"),
    ("parameters.tail_image", OTHER, "last_frame belongs into input"),
    ("parameters.img_url", OTHER, "first_frame belongs into input"),
    ("parameters.generateAudio", False, "generate_audio belongs into parameters"),
    ("duration", 8, "duration belongs into parameters"),
    ("prompt", "a cat", "prompt belongs into input"),
    ("image", OTHER, "first_frame belongs into input"),
    ("size", "1280x720", "size belongs into parameters"),
    ("metadata.seed", 7, "seed belongs into parameters"),
    ("extra_body.duration", 8, "duration belongs into parameters"),
    ("input.parameters.duration", 8, "duration belongs into parameters"),
    ("parameters.extra_body.seed", 8, "seed belongs into parameters"),
)
ASTRAY_FLAT: tuple[tuple[str, object, str], ...] = (
    ("parameters.seconds", "8", "duration belongs to the top level of the body, as seconds"),
    ("parameters.duration", 8, "duration belongs to the top level of the body, as seconds"),
    ("parameters.seed", 8, "seed belongs to the top level"),
    ("metadata.negative_prompt", "rain", "negative_prompt belongs to the top level"),
    ("extra_body.size", "1280x720", "size belongs to the top level"),
    ("extra_body.watermark", True, "watermark belongs to the top level"),
    ("input.prompt", "a cat", "prompt belongs to the top level"),
    ("input.img_url", OTHER, "first_frame belongs to the top level"),
    ("metadata.image_tail", OTHER, "last_frame belongs to the top level"),
    ("n_seconds", 8, "duration belongs to the top level of the body, as seconds"),
    ("negativePrompt", "rain", "negative_prompt belongs to the top level"),
    ("promptExtend", False, "prompt_extend belongs to the top level"),
)


def with_at(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *holders, last = path.split(".")
    section = body
    for holder in holders:
        section = section.setdefault(holder, {})
    section[last] = value
    return body


def refusal(dialect: str, body: dict[str, Any]) -> BadField:
    with pytest.raises(BadField) as refused:
        made(dialect, body)
    return refused.value


@pytest.mark.parametrize(("path", "value", "told"), ASTRAY)
@pytest.mark.parametrize("dialect", SECTIONED)
def test_a_field_one_level_off_is_told_where_it_belongs(
    dialect: str, path: str, value: object, told: str
) -> None:
    error = refusal(dialect, with_at(body_of(dialect), path, value))

    assert error.param == path
    assert told in error.message


@pytest.mark.parametrize(("path", "value", "told"), ASTRAY_FLAT)
@pytest.mark.parametrize("dialect", FLAT)
def test_a_field_inside_of_another_object_is_told_where_it_belongs(
    dialect: str, path: str, value: object, told: str
) -> None:
    error = refusal(dialect, with_at(body_of(dialect), path, value))

    assert error.param == path
    assert told in error.message


@pytest.mark.parametrize("dialect", FLAT)
def test_so_is_one_in_an_object_that_a_form_has_as_text(dialect: str) -> None:
    body = body_of(dialect) | {"metadata": '{"seed": 7}'}

    assert refusal(dialect, body).param == "metadata.seed"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_field_that_the_model_does_not_have_is_ignored_there_too(dialect: str) -> None:
    path = "parameters.seed" if dialect in FLAT else "input.seed"
    body = with_at(body_of(dialect, "sora-2"), path, 7)

    assert path in made(dialect, body).ignored


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_said_twice_and_once_where_it_belongs_is_taken(dialect: str) -> None:
    path = "metadata.seed"

    assert made(dialect, with_at(body_of(dialect, seed=7), path, 7)).request.seed == 7
    assert refusal(dialect, with_at(body_of(dialect, seed=7), path, 8)).param == path


@pytest.mark.parametrize("dialect", DIALECTS)
def test_objects_of_other_things_are_ignored_whatever_is_in_them(dialect: str) -> None:
    body = body_of(dialect) | {"metadata": {"job": "a", "style": 1}, "user": {"seed": 5}}

    assert made(dialect, body).ignored == ("metadata", "user")


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize("dialect", SECTIONED)
def test_nothing_at_a_wrong_place_is_nothing(dialect: str, nothing: object) -> None:
    body = with_at(body_of(dialect), "input.duration", nothing)

    assert made(dialect, body).request == made(dialect, body_of(dialect)).request


def test_both_places_that_dashscope_has_for_a_negative_prompt_are_read() -> None:
    for path in ("input.negative_prompt", "parameters.negative_prompt"):
        body = with_at(body_of("dashscope"), path, "rain")

        assert made("dashscope", body).request.negative_prompt == "rain"
    assert refusal("tasks", with_at(body_of("tasks"), path, "rain")).param == path


def test_a_picture_at_the_top_level_of_a_body_without_input_is_told_of_input() -> None:
    body = {"model": "wan2.7-i2v", "first_frame_url": PICTURE, "prompt": "a cat"}

    assert refusal("tasks", body).message.startswith("input is required")
