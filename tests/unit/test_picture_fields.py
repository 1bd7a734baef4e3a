"""Names of pictures in every API's spelling: read where they are clear, refused where they are not.

Never is a picture left out without a word: each name here is used, or is a 400 by that name.
"""

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
from unstill.dialects.picture_fields import KEYS, is_name, may_be_a_picture, role_of
from unstill.domain.errors import BadField
from unstill.server.form import put

LAST = (
    *("tail_image_url", "lastFrameUrl", "last_frame", "lastFrame", "end_image", "end_image_url"),
    *(
        "image_tail",
        "tail_image",
        "last_image",
        "end_frame",
        "endFrame",
        "EndImageURL",
        "imageTail",
    ),
    *("last-frame", "lastframe", "last_frame_image", "LAST_FRAME_URL", "final_frame", "imageEnd"),
    *("tailImageUrl", "last_image_base64", "endImageFile", "last_frame_img", "tail_frame_uri"),
)
FIRST = (
    *("start_image", "startImageUrl", "first_image", "firstFrame", "firstFrameUrl", "start_frame"),
    *("imageUrl", "image_base64", "init_image", "initial_image", "input_image", "inputImageUrl"),
    *("imageUri", "img", "imgUrl", "photo", "picture", "first-frame", "startFrame", "IMAGE"),
)
UNCLEAR = (
    *("reference_image", "reference_images", "ref_image", "subject_image", "mask_image", "image2"),
    *("image_list", "imageId", "keyframes", "first_last_frames", "control_image_url", "image_1"),
    *("start_and_end_frames", "input_reference2", "background_image", "middle_frame_image"),
)
HARMLESS = (
    *(
        "prompt_style",
        "fps",
        "num_frames",
        "frames",
        "frame_rate",
        "camera",
        "imagine",
        "n",
        "user",
    ),
    *("image_size", "image_strength", "imageGuidanceScale", "last_frame_strength", "media_type"),
    *("num_images", "image_format", "reference_weight", "callback_url", "frame_interpolation"),
)


@pytest.mark.parametrize("key", LAST)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_last_frame_is_read_under_every_clear_name(dialect: str, key: str) -> None:
    body = body_of(dialect)
    picture_section(dialect, body)[key] = OTHER

    last_frame = made(dialect, body).request.last_frame

    assert last_frame is not None
    assert last_frame.url == OTHER
    assert last_frame.param == (f"input.{key}" if dialect in SECTIONED else key)


@pytest.mark.parametrize("key", FIRST)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_first_frame_is_read_under_every_clear_name(dialect: str, key: str) -> None:
    body = body_of(dialect)
    section = picture_section(dialect, body)
    for name in ("first_frame_url", "input_reference"):
        section.pop(name, None)
    section[key] = OTHER

    assert made(dialect, body).request.first_frame.url == OTHER


@pytest.mark.parametrize("key", UNCLEAR)
@pytest.mark.parametrize("value", [OTHER, [OTHER], {"url": OTHER}, b"\xff\xd8\xff\xe0", "file-17"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_unclear_name_is_refused_by_itself_with_the_clear_ones(
    dialect: str, value: object, key: str
) -> None:
    body = body_of(dialect)
    picture_section(dialect, body)[key] = value

    with pytest.raises(BadField) as refused:
        made(dialect, body)

    assert refused.value.param == (f"input.{key}" if dialect in SECTIONED else key)
    assert "last_frame_url" in refused.value.message
    assert "first_frame_url" in refused.value.message


@pytest.mark.parametrize("key", HARMLESS)
@pytest.mark.parametrize("value", [5, True, "square", "16:9"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_said_about_a_picture_is_none(dialect: str, value: object, key: str) -> None:
    body = body_of(dialect)
    picture_section(dialect, body)[key] = value

    assert made(dialect, body).ignored == (f"input.{key}" if dialect in SECTIONED else key,)


TEXT = "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAADElEQVR4nGNgQAUAABAAAWTI8VQ"


@pytest.mark.parametrize(
    "value", [b"\x89PNG", f"data:image/png;base64,{TEXT}", TEXT * 2, [TEXT * 2]]
)
@pytest.mark.parametrize("key", ["file", "upload", "anything", "audio_file"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_picture_under_any_unknown_name_is_refused_by_that_name(
    dialect: str, key: str, value: object
) -> None:
    body = body_of(dialect)
    picture_section(dialect, body)[key] = value

    with pytest.raises(BadField) as refused:
        made(dialect, body)

    assert refused.value.param.endswith(key)
    assert len(refused.value.message) < 500


@pytest.mark.parametrize("place", ["", "parameters."])
@pytest.mark.parametrize("key", ["mask_image", "anything"])
@pytest.mark.parametrize("dialect", SECTIONED)
def test_so_is_one_at_any_other_place_of_the_body(dialect: str, key: str, place: str) -> None:
    body = body_of(dialect)
    section = body["parameters"] if place else body
    section[key] = f"data:image/png;base64,{TEXT}"

    with pytest.raises(BadField) as refused:
        made(dialect, body)

    assert refused.value.param == place + key


@pytest.mark.parametrize("key", ["last_frame_url", "tailImageUrl", "image", "mask_image"])
@pytest.mark.parametrize(
    "holder",
    [
        {"image_url": PICTURE},
        {"url": PICTURE},
        {"content": [{"image_url": {"url": PICTURE}}]},
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_further_picture_inside_of_one_is_refused_by_its_place(
    dialect: str, holder: dict[str, Any], key: str
) -> None:
    body = body_of(dialect)
    section = picture_section(dialect, body)
    for name in ("first_frame_url", "input_reference"):
        section.pop(name, None)
    section["input_reference"] = holder | {key: OTHER}

    with pytest.raises(BadField) as refused:
        made(dialect, body)

    assert refused.value.param.endswith(f"input_reference.{key}")


@pytest.mark.parametrize("word", ["last_frame", "lastFrame", "end_frame", "tail", "end", "last"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_role_of_a_listed_picture_is_read_in_every_spelling(dialect: str, word: str) -> None:
    def last_of(key: str, value: object) -> str | None:
        body = body_of(dialect)
        section = picture_section(dialect, body)
        for name in ("first_frame_url", "input_reference"):
            section.pop(name, None)
        section[key] = value
        last = made(dialect, body).request.last_frame
        return None if last is None else last.url

    def item(role: str, url: str) -> dict[str, Any]:
        return {"type": "image_url", "role": role, "image_url": {"url": url}}

    content = [item("first_frame", PICTURE), item(word, OTHER)]
    media = [{"type": "first_frame", "url": PICTURE}, {"type": word, "url": OTHER}]
    assert last_of("input_reference", {"content": content}) == OTHER
    assert last_of("media", media) == OTHER


@pytest.mark.parametrize(
    "key", ["tail_image_url", "lastFrame[image_url]", "end_frame[image_url][url]"]
)
@pytest.mark.parametrize("dialect", FLAT)
def test_a_forms_bracketed_name_is_read_so_too(dialect: str, key: str) -> None:
    form: dict[str, Any] = {}
    for name, value in (("model", "wan2.7-i2v"), ("image[url]", PICTURE), (key, OTHER)):
        put(form, name, value)

    last_frame = made(dialect, form, is_form=True).request.last_frame

    assert last_frame is not None
    assert last_frame.url == OTHER


def test_the_same_frame_under_two_spellings_is_one_and_two_frames_are_refused() -> None:
    body = body_of("videos") | {"tail_image": OTHER}

    same = made("videos", body | {"lastFrameUrl": OTHER}).request.last_frame
    assert same is not None
    assert same.param == "tail_image"
    with pytest.raises(BadField, match="lastFrameUrl must be the same picture as tail_image"):
        made("videos", body | {"lastFrameUrl": PICTURE})


@pytest.mark.parametrize("key", [*LAST, *FIRST, *KEYS])
def test_a_name_that_is_read_is_never_taken_for_a_strange_one(key: str) -> None:
    assert is_name(key)


@pytest.mark.parametrize("key", [*UNCLEAR, *HARMLESS])
def test_a_name_that_is_not_clear_has_no_role(key: str) -> None:
    assert role_of(key) is None


def test_a_very_long_name_costs_nothing_and_is_no_role() -> None:
    assert role_of("last" + "_frame" * 100_000) is None
    assert may_be_a_picture("image_" + "a" * 100_000, PICTURE)
