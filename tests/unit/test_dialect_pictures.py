"""Every name and every shape that a first or last frame may come in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unstill.dialects.misplaced_fields import unread
from unstill.dialects.picture_fields import KEYS
from unstill.dialects.pictures import pictures_in
from unstill.domain.errors import BadField, CallerError
from unstill.domain.request import GivenFrame, Role
from unstill.server.form import put

URL = "https://example.com/first.png"
OTHER = "https://example.com/other.png"
FILE = b"\x89PNG\r\n\x1a\n"

FIRST = (
    "first_frame_url",
    "img_url",
    "image_url",
    "image",
    "first_frame",
    "first_frame_image",
    "reference_url",
    "input_reference",
    "image_reference",
)
LAST = ("last_frame_url", "last_frame", "last_frame_image")

# Each shape, and what is added to the name of the field for the picture in it.
SHAPES: dict[str, tuple[Any, str]] = {
    "a URL": (URL, ""),
    "an uploaded file": (FILE, ""),
    "image_url as text": ({"image_url": URL}, ".image_url"),
    "image_url as an object": ({"image_url": {"url": URL}}, ".image_url.url"),
    "an uploaded file as image_url": ({"image_url": FILE}, ".image_url"),
    "url": ({"url": URL}, ".url"),
    "absent keys are null": ({"image_url": URL, "file_id": None, "content": None}, ".image_url"),
    "content": ({"content": [{"image_url": {"url": URL}}]}, ".content[0].image_url.url"),
    "content of a text": ({"content": [URL]}, ".content[0].image_url"),
    "content beside a null": ({"content": [URL], "image_url": None}, ".content[0].image_url"),
    "a list of objects": ([{"type": "image_url", "image_url": {"url": URL}}], "[0].image_url.url"),
    "a list of texts": ([URL], "[0].image_url"),
    "a list of files": ([FILE], "[0].image_url"),
    "JSON in a text": (json.dumps({"image_url": URL}), ".image_url"),
    "JSON content in a text": (
        " " + json.dumps({"content": [{"type": "image_url", "image_url": {"url": URL}}]}),
        ".content[0].image_url.url",
    ),
}


def content(*items: object) -> dict[str, object]:
    return {"input_reference": {"content": list(items)}}


def item(url: str = URL, role: str | None = None) -> dict[str, object]:
    own = {} if role is None else {"role": role}
    return {"type": "image_url", "image_url": {"url": url}, **own}


def roles(section: dict[str, Any]) -> list[tuple[str, object]]:
    return [(frame.role, frame.value) for frame in pictures_in(section, "").frames]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", [*FIRST, *LAST])
def test_a_picture_is_found_under_every_name_in_every_shape(key: str, shape: str) -> None:
    value, suffix = SHAPES[shape]

    found = pictures_in({key: value}, "input.")

    role: Role = "first" if key in FIRST else "last"
    picture = FILE if "file" in shape else URL
    assert found.frames == (GivenFrame(role, f"input.{key}{suffix}", picture),)
    assert found.left_out == ()


def test_the_unified_documents_own_sample_is_its_first_frame() -> None:
    found = pictures_in(content(item(role="first_frame")), "")

    param = "input_reference.content[0].image_url.url"
    assert found.frames == (GivenFrame("first", param, URL),)


def test_roles_in_content_tell_first_and_last() -> None:
    assert roles(content(item(OTHER, "last_frame"), item(URL, "first_frame"))) == [
        ("last", OTHER),
        ("first", URL),
    ]


def test_a_picture_without_a_role_after_the_last_frame_is_the_first() -> None:
    assert roles(content(item(OTHER, "last_frame"), item(URL))) == [("last", OTHER), ("first", URL)]


def test_of_pictures_without_roles_the_first_is_taken_and_the_others_are_named() -> None:
    found = pictures_in(content({"type": "text", "text": "hi"}, item(), item(OTHER)), "")

    assert [frame.value for frame in found.frames] == [URL]
    assert found.left_out == ("input_reference.content[0]", "input_reference.content[2]")


def test_two_first_frames_by_role_are_both_given_to_the_intake() -> None:
    assert roles(content(item(URL, "first_frame"), item(OTHER, "first_frame"))) == [
        ("first", URL),
        ("first", OTHER),
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"image_url": URL, "url": OTHER},
        {"content": [item(URL)], "image_url": OTHER},
    ],
)
def test_no_picture_of_an_object_with_two_is_dropped(value: object) -> None:
    assert sorted(str(v) for _, v in roles({"input_reference": value})) == [URL, OTHER]


def test_the_first_of_images_is_the_first_frame_and_the_others_are_named() -> None:
    found = pictures_in({"images": [URL, OTHER, OTHER]}, "input.")

    assert found.frames == (GivenFrame("first", "input.images[0]", URL),)
    assert found.left_out == ("input.images[1]", "input.images[2]")


def test_media_names_the_role_of_each_picture() -> None:
    media = [{"type": "last_frame", "url": OTHER}, {"type": "first_frame", "url": URL}]

    assert pictures_in({"media": media}, "").frames == (
        GivenFrame("last", "media[0].url", OTHER),
        GivenFrame("first", "media[1].url", URL),
    )


@pytest.mark.parametrize(
    "fields",
    [
        [("input_reference[image_url]", URL)],
        [("input_reference[image_url][url]", URL)],
        [("input_reference[content][][image_url][url]", URL)],
        [
            ("input_reference[content][][type]", "image_url"),
            ("input_reference[content][][role]", "first_frame"),
            ("input_reference[content][][image_url][url]", URL),
        ],
        [("input_reference[content][0][image_url][url]", URL)],
        [("input_reference[]", URL)],
        [("images[]", URL)],
        [("media[][type]", "first_frame"), ("media[][url]", URL)],
    ],
)
def test_bracketed_form_fields_spell_the_same_shapes(fields: list[tuple[str, str]]) -> None:
    form: dict[str, Any] = {}
    for name, value in fields:
        put(form, name, value)

    assert roles(form) == [("first", URL)]


def test_what_is_null_or_absent_is_no_picture() -> None:
    assert pictures_in(dict.fromkeys(KEYS), "").frames == ()


@pytest.mark.parametrize(
    ("section", "param"),
    [
        ({"input_reference": {"file_id": "file-1"}}, "input_reference.file_id"),
        ({"input_reference": {"file_id": "f", "image_url": URL}}, "input_reference.file_id"),
        (content({"file_id": "file-1"}), "input_reference.content[0].file_id"),
        ({"input_reference": {}}, "input_reference"),
        ({"input_reference": {"picture": URL}}, "input_reference"),
        ({"input_reference": 5}, "input_reference"),
        ({"input_reference": True}, "input_reference"),
        ({"input_reference": {"image_url": 5}}, "input_reference.image_url"),
        ({"input_reference": {"image_url": {"url": None}}}, "input_reference.image_url"),
        ({"input_reference": {"content": []}}, "input_reference.content"),
        ({"input_reference": {"content": URL}}, "input_reference.content"),
        (content(5), "input_reference.content[0]"),
        (content({"content": [URL]}), "input_reference.content[0]"),
        (content({"type": "video_url"}), "input_reference.content[0].type"),
        (content({"type": ["image_url"]}), "input_reference.content[0].type"),
        ({"input_reference": '{"image_url": '}, "input_reference"),
        ({"images": [None, URL]}, "images[0]"),
        ({"image": URL, "images": [[]]}, "images[0]"),
        ({"image": URL, "img_url": [[]]}, "img_url[0]"),
        ({"images": URL}, "images"),
        ({"media": {}}, "media"),
        ({"media": [URL]}, "media[0]"),
        ({"media": [{"type": "first_clip", "url": URL}]}, "media[0].type"),
        ({"media": [{"type": "first_frame"}]}, "media[0].url"),
    ],
)
def test_a_picture_that_cannot_be_understood_is_refused_by_its_name(
    section: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadField) as refused:
        pictures_in(section, "input.")

    assert refused.value.param == f"input.{param}"


@pytest.mark.parametrize(
    ("section", "param"),
    [
        ({"input_reference_xyz": URL}, "input_reference_xyz"),
        ({"input_reference[": URL}, "input_reference["),
        ({"mask_image": URL}, "mask_image"),
        ({"reference_images": [URL]}, "reference_images"),
    ],
)
def test_what_may_be_a_picture_is_refused_under_a_name_that_is_not_known(
    section: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadField) as refused:
        unread(("input.", section))

    assert refused.value.param == f"input.{param}"


def test_a_long_unknown_name_never_fills_the_message() -> None:
    with pytest.raises(BadField) as refused:
        unread(("", {"image_" + "a" * 100_000: URL}))

    assert len(refused.value.message) < 500


@pytest.mark.parametrize("key", ["prompt", "imagine", "imaginary", "mediate", "referencing"])
def test_a_key_that_only_sounds_like_a_picture_is_left_alone(key: str) -> None:
    assert pictures_in({key: URL}, "").frames == ()
    unread(("", {key: URL}))


def test_content_in_content_is_not_followed_into_its_depth() -> None:
    nested: object = URL
    for _ in range(400):
        nested = {"content": [nested]}

    with pytest.raises(BadField, match=r"content\[0\] must be"):
        pictures_in({"input_reference": nested}, "")


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_words = st.sampled_from(
    ["content", "image_url", "url", "file_id", "type", "role", "text", "first_frame", "last_frame"]
)
_values = st.recursive(
    _scalars | st.binary(max_size=20) | st.just(URL) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.slow
@given(st.dictionaries(st.sampled_from(KEYS), _values, max_size=4))
def test_any_section_is_understood_or_refused_as_the_callers_fault(section: dict[str, Any]) -> None:
    try:
        found = pictures_in(section, "input.")
    except CallerError:
        return
    assert all(frame.param.startswith("input.") for frame in found.frames)
