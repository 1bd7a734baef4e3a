"""A body whose pictures were taken out says what it said with them in it, or is refused alike."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from unstill.dialects.pictures import pictures_in
from unstill.domain.errors import BadBody, BadField
from unstill.media.picture_limits import MAX_FILE_BYTES
from unstill.server.body_pictures import (
    MOST_PROSE_CHARS,
    MOST_TEXT_CHARS,
    SHORTEST_CHARS,
    put_back,
    unpacked,
)
from unstill.service.pictures import take

JPEG = b"\xff\xd8\xff\xe0picture"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0\x08\x02\0\0\0"

WRITINGS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: b64encode(data).decode(),
    "data URL": lambda data: "data:image/jpeg;base64," + b64encode(data).decode(),
    "for addresses": lambda data: urlsafe_b64encode(data).decode().rstrip("="),
    "in lines": lambda data: "\n".join(_lines(b64encode(data).decode(), 76)),
    "pluses lost": lambda data: b64encode(data).decode().replace("+", " "),
    "escaped": lambda data: "data:image/png;base64," + b64encode(data).decode().replace("/", "%2F"),
    "in quotes": lambda data: f'"{b64encode(data).decode()}"',
    "as JSON": lambda data: json.dumps({"image_url": {"url": b64encode(data).decode()}}),
}


def _lines(text: str, width: int) -> list[str]:
    return [text[n : n + width] for n in range(0, len(text), width)]


def _halves(text: str, place: int) -> tuple[str, str]:
    return text[:place], text[place:]


def as_a_large_body(value: Any) -> Any:
    return put_back(*unpacked(value))


def outcome(read: Callable[[], Any]) -> object:
    """What becomes of the pictures of such an `input`, or the words of its refusal."""
    try:
        frames = pictures_in(read()["input"], "input.").frames
        return {role: (each.frame, each.data) for role, each in take(frames).items()}
    except BadField as error:
        return error.code, error.param, error.message


def pictures(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[str]:
    return st.builds(
        lambda write, data: write(data), st.sampled_from(list(WRITINGS.values())), data
    )


DATA = st.builds(
    lambda start, filling, times: start + filling * times,
    st.sampled_from([JPEG, PNG, b"%PDF-1.7 ", b""]),
    st.binary(min_size=1, max_size=40),
    st.sampled_from([1, 40, 3000]),
)
CUT = st.builds(
    lambda text, place, mark: (
        text[: int(place * len(text))] + mark + text[int(place * len(text)) :]
    ),
    pictures(DATA),
    st.floats(0, 1),
    st.sampled_from(["", "=", "-", "\n", "!", "猫", " ", "%2B", "\\/"]),
)
PROSE = st.builds(
    lambda text, times: text * times,
    st.text(st.sampled_from("ab c+/{\n猫"), max_size=9),
    st.sampled_from([1, 900, 20_000]),
)
TEXTS = pictures(DATA) | CUT | PROSE | st.sampled_from(["", "https://a.example/b.jpg"])
INPUTS = st.dictionaries(
    st.sampled_from(["first_frame_url", "images", "media", "prompt", "last_frame_url", "mask"]),
    TEXTS
    | st.lists(TEXTS, max_size=3)
    | st.builds(lambda url: [{"type": "first_frame", "url": url}], TEXTS),
    max_size=1,
)


# A large body has a large text; whether Hypothesis prints one is a matter of its own chance.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@given(INPUTS)
@settings(max_examples=150)
@example({"images": [{"image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo=" * 300}}]})
@example({"mask": WRITINGS["base64"](JPEG * 9000)})
@example({"first_frame_url": WRITINGS["base64"](JPEG * 9000)[1:]})
@example({"first_frame_url": [WRITINGS["as JSON"](JPEG * 9000)]})
@example({"last_frame_url": [WRITINGS["as JSON"](b"%PDF-1.7 " * 9000)]})
def test_pictures_are_the_same_whether_they_were_taken_out_or_not(given_input: Any) -> None:
    plain = outcome(lambda: {"input": given_input})
    large = outcome(lambda: as_a_large_body({"input": given_input}))

    if isinstance(plain, tuple) and isinstance(large, tuple):
        # Some refusals of the dialect tell what was sent: a file then, and no text.
        assert plain[:2] == large[:2]
    else:
        assert plain == large


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("size", [SHORTEST_CHARS, MOST_PROSE_CHARS, MOST_TEXT_CHARS])
def test_a_picture_in_any_writing_is_taken_out(writing: str, size: int) -> None:
    data = PNG + b"\x0f\xbe\xef~" * (size // 2)
    value = {"model": "m", "input": {"images": [WRITINGS[writing](data)]}, "n": [1, 2.5, None]}

    rest, files = unpacked(value)

    assert [each.data for each in files] == ([data] if _is_seen(writing, size) else [])
    assert len(json.dumps(rest)) < SHORTEST_CHARS or not files
    assert outcome(lambda: put_back(rest, files)) == outcome(lambda: value)


def _is_seen(writing: str, size: int) -> bool:
    """What does not begin as a picture is looked into where it is longer than prose."""
    return writing not in {"as JSON", "in quotes"} or size >= MOST_PROSE_CHARS


@pytest.mark.parametrize(
    "prose",
    [
        "a " * (MOST_PROSE_CHARS // 2),  # base64, were it not for what it says
        "猫" * MOST_PROSE_CHARS,
        '{"scene": "' + "a" * (MOST_PROSE_CHARS - 13) + '"}',
        "x!" * (MOST_TEXT_CHARS // 2),
        "https://a.example/" + "x" * MOST_PROSE_CHARS,
    ],
)
def test_prose_stays_where_it_is(prose: str) -> None:
    assert unpacked({"prompt": prose, "more": [prose]}) == ({"prompt": prose, "more": [prose]}, [])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"model": "x!" * (MOST_TEXT_CHARS // 2) + "x"},
            "model must be a picture, or a text of at most 1048576 characters, got 'x!",
        ),
        ({"a": [{"b": "A" * MAX_FILE_BYTES * 2}]}, r"a\[0\].b: the file must be at most 20 MiB"),
        ({"image": bytes(MAX_FILE_BYTES + 1)}, "image: the file must be at most 20 MiB"),
        ({"a": "A" * (MOST_TEXT_CHARS + 4)}, "a: this is not an image"),
        ({"a": b64encode(b"%PDF-1.7 " * MOST_TEXT_CHARS).decode()}, "a: this is a PDF"),
        ({"a": WRITINGS["data URL"](JPEG * MOST_TEXT_CHARS) + "!"}, "a must be .*'!' at character"),
        ({"a" * 99: "data:text/plain," + "A" * MOST_TEXT_CHARS}, "^a{80}: the data URL must be of"),
    ],
)
def test_what_no_field_takes_is_refused_by_its_place(value: object, message: str) -> None:
    with pytest.raises(BadField, match=message):
        unpacked(value)


def test_files_are_as_large_as_they_may_be() -> None:
    file = PNG + bytes(MAX_FILE_BYTES - len(PNG))

    for sent in (file, b64encode(file).decode()):
        assert as_a_large_body({"image": sent}) == {"image": file}


def test_what_is_nested_too_deeply_is_a_bad_body() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = [value]

    with pytest.raises(BadBody, match="nested too deeply"):
        unpacked(value)


def test_a_whole_body_may_be_a_file() -> None:
    assert as_a_large_body(WRITINGS["base64"](JPEG * 100)) == JPEG * 100


def test_a_broken_picture_is_told_as_in_a_small_body() -> None:
    data = PNG * (MOST_TEXT_CHARS // len(PNG))
    text = "data:image/png;base64," + b64encode(data).decode()[:-8] + "\N{BULLET}AAA"
    plain = outcome(lambda: {"input": {"images": [text]}})

    assert plain == outcome(lambda: as_a_large_body({"input": {"images": [text]}}))
    assert isinstance(plain, tuple)
    assert "'•' at character" in plain[2]
