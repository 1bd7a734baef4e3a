"""What a message quotes was sent: what was found in it is said beside it, in our own words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import unstill
from support.create_calls import DIALECTS, OTHER, SECTIONED, body_of, made, parsed, picture_section
from support.quoted import assert_sent, quoted, texts_in
from unstill.domain.errors import BadField, shown
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


def assert_body_sent(error: BadField, body: dict[str, Any]) -> None:
    assert_sent(error.message, texts_in(body))
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
        assert_body_sent(error, body)


@pytest.mark.parametrize("fields", WRONG_PICTURES, ids=range(len(WRONG_PICTURES)))
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_picture_is_refused_with_what_was_sent(dialect: str, fields: dict[str, Any]) -> None:
    body = body_of(dialect)
    picture_section(dialect, body).update(fields)

    with pytest.raises(BadField) as refused:
        made(dialect, body)

    assert_body_sent(refused.value, body)


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


# --- the aid itself, which has to see ------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["5", "it's", 'say "hi"', "\u4e2d" * 200, "\x00" * 200, "a\\" * 100, "\U0001f600\x7f" * 90],
)
def test_a_quoted_text_is_found_again_cut_or_whole(text: str) -> None:
    message = f"field must be other, got {shown(text)} (so many characters)"

    (found,) = quoted(message)

    assert found
    assert text.startswith(found)
    assert_sent(message, ["before " + text])


@pytest.mark.parametrize("words", ["'32001 characters'", "'another one'", "'ppp…"])
def test_words_of_ours_in_quotes_are_seen(words: str) -> None:
    with pytest.raises(AssertionError, match="nobody sent"):
        assert_sent(f"prompt must be shorter, got {words}", ["prompt", "q" * 32_001])


# --- every place that makes an error ------------------------------------------------------------

SOURCES = Path(unstill.__file__).parent
QUOTING = ("BadField", "UnknownModel")
# The description of the API shows a refusal of a request that is nobody's.
OF_NOBODY = "dialects/verbs.py"


def calls_in(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, node


def written_here(value: ast.expr) -> bool:
    """Whether a value is in words of the source's own, all of it or a part."""
    if isinstance(value, ast.Call):
        # A field that is looked up by its name is the caller's; a text that is made is ours.
        is_made = isinstance(value.func, ast.Attribute) and value.func.attr in {"format", "join"}
        return is_made or any(written_here(each) for each in value.args if not is_lookup(value))
    if isinstance(value, ast.Subscript):
        return written_here(value.value)
    if isinstance(value, ast.IfExp):
        return written_here(value.body) or written_here(value.orelse)
    if isinstance(value, ast.BinOp | ast.BoolOp):
        return any(
            written_here(each) for each in ast.iter_child_nodes(value) if isinstance(each, ast.expr)
        )
    return isinstance(value, ast.Constant | ast.JoinedStr)


def is_lookup(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "get"


def wrong_gots(source: str) -> list[int]:
    """The lines that hand an error, as what was got, what nobody can have sent."""
    wrong = []
    for name, call in calls_in(ast.parse(source)):
        if name in QUOTING:
            third = call.args[1:2] if name == "UnknownModel" else call.args[2:3]
            named = [each.value for each in call.keywords if each.arg == "got"]
            wrong += [call.lineno for value in (*third, *named) if written_here(value)]
    return wrong


def quotes_in_words(source: str) -> list[int]:
    """The lines with `got` and quotes in one text of the source's own."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\bgot ['\"]", node.value)
    ]


@pytest.mark.parametrize("path", sorted(SOURCES.rglob("*.py")), ids=lambda path: path.name)
def test_no_error_quotes_words_of_its_own(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if path.relative_to(SOURCES).as_posix() != OF_NOBODY:
        assert not wrong_gots(source)
    assert not quotes_in_words(source) or path == SOURCES / "domain" / "errors.py"


@pytest.mark.parametrize(
    "source",
    [
        'BadField("a", "b", "32001 characters")',
        'BadField("a", "b", f"{len(text)} characters")',
        'BadField("a", "b", got="another one")',
        'BadField("a", "b", True)',
        'BadField("a", "b", "%d characters" % len(text))',
        'BadField("a", "b", "{} characters".format(len(text)))',
        'BadField("a", "b", str(len(text)) + " characters")',
        'BadField("a", "b", text if text else "none")',
        'UnknownModel("model", "none", "one of these")',
    ],
)
def test_an_error_that_quotes_words_of_its_own_is_seen(source: str) -> None:
    assert wrong_gots(source)


@pytest.mark.parametrize(
    "source",
    [
        'BadField("a", "b", given.value)',
        'BadField("a", "b", body["content"])',
        'BadField("a", "b", call.query.get("action"))',
        'BadField("a", "b", str(request.size))',
        'BadField("a", "b", text, found=f"{len(text)} characters")',
        'BadField("a", "b", found="none")',
    ],
)
def test_an_error_that_quotes_its_caller_is_none(source: str) -> None:
    assert not wrong_gots(source)
