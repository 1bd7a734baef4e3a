"""Request bodies in every form they come in, and those that are refused."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.body_pieces import FORM, JPEG, form_of, part, read
from unstill.domain.errors import BadBody, CallerError, UnsupportedBody
from unstill.server.form import (
    MOST_FORM_FIELDS,
    from_urlencoded,
)
from unstill.server.json_body import from_json

# --- JSON ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "application/json; charset=utf-8", "Application/JSON"]
)
async def test_json_comes_as_it_is(content_type: str) -> None:
    body = await read({"content-type": content_type}, '{"prompt": "猫'.encode(), b'"}')

    assert body == ({"prompt": "猫"}, False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"model": "wan2.7-i2v"',
        b"{'model': 1}",
        b'{"seed": NaN}',
        b'{"seed": 1e999}',
        b'{"seed": ' + b"9" * 5000 + b"}",
        b'{"prompt": "\xed\xa0\x80"}',
        b'{"prompt": "\xff"}',
        b'{"prompt": "\\ud800"}',
        b"[" * 100_000,
        b'{"input":' * 100_000,
        "{}".encode("utf-16-le"),
    ],
)
def test_what_is_no_json_is_refused_as_a_bad_body(data: bytes) -> None:
    with pytest.raises(BadBody, match="the request body is"):
        from_json(data)


@pytest.mark.parametrize(
    "pieces",
    [b"{}" + b",{}" * 49_999, b"[],[" + b"1," * 99_996 + b"1]", b'"' + b"," * 99_999 + b'"'],
)
def test_json_has_so_many_values_and_no_more(pieces: bytes) -> None:
    from_json(b"[" + pieces + b"]")
    with pytest.raises(BadBody, match="too many values, at most 100000"):
        from_json(b"[" + pieces + b",{}]")


def test_an_urlencoded_form_has_so_many_escapes_and_no_more() -> None:
    largest = b"a=" + b"%41" * 1_000_000

    assert from_urlencoded(largest) == {"a": "A" * 1_000_000}
    with pytest.raises(BadBody, match="too many escapes, at most 1000000"):
        from_urlencoded(largest + b"%41")


@pytest.mark.parametrize("packing", ["gzip", " GZIP ", "br", "deflate", "zstd"])
async def test_a_packed_body_is_told_to_be_sent_as_it_is(packing: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": packing}

    with pytest.raises(UnsupportedBody, match=f"without Content-Encoding: {packing}"):
        await read(headers, gzip.compress(b"{}"))


@pytest.mark.parametrize("mistake", ["", "identity", "utf-8", "UTF-8"])
async def test_an_encoding_that_is_no_packing_does_not_matter(mistake: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": mistake}

    assert await read(headers, b'{"a": 1}') == ({"a": 1}, False)


def test_gzip_that_is_not_declared_is_named() -> None:
    with pytest.raises(BadBody, match="packed as gzip"):
        from_json(gzip.compress(b"{}"))


@given(st.binary() | st.text().map(str.encode))
@example(b'"\xc3\x28"')
def test_any_bytes_are_json_or_a_bad_body(data: bytes) -> None:
    try:
        value = from_json(data)
    except BadBody:
        return
    assert from_json(msgspec.json.encode(value)) == value


@pytest.mark.parametrize("content_type", ["text/plain", "image/png", "application/xml", "json"])
async def test_another_content_type_is_refused_by_name(content_type: str) -> None:
    with pytest.raises(UnsupportedBody, match=f"multipart/.*-urlencoded, not {content_type}"):
        await read({"content-type": content_type}, b"{}")


# --- forms ---------------------------------------------------------------------------------------


async def test_a_multipart_form_is_its_fields_and_files() -> None:
    data = (
        part("model", b"sora-2")
        + part("prompt", "一只猫".encode())
        + part("input_reference", JPEG, filename="cat.jpg")
        + b"--cut--\r\n"
    )

    body = await read(FORM, data)

    assert body == ({"model": "sora-2", "prompt": "一只猫", "input_reference": JPEG}, True)


@pytest.mark.parametrize("step", [1, 7, 64])
async def test_a_multipart_form_may_come_in_pieces_of_any_size(step: int) -> None:
    data = part("prompt", b"a cat") + part("image", JPEG * 9, filename="a") + b"--cut--\r\n"
    pieces = [data[n : n + step] for n in range(0, len(data), step)]

    body, _ = await read(FORM, *pieces)

    assert body == {"prompt": "a cat", "image": JPEG * 9}


async def test_a_file_input_that_is_unfilled_is_an_empty_text() -> None:
    unfilled = part("last_frame", b"", filename="")
    chosen = part("image", b"", filename="empty.png")  # a file, though there is nothing in it
    body, _ = await read(FORM, unfilled + chosen + b"--cut--\r\n")

    assert body == {"last_frame": "", "image": b""}


@pytest.mark.parametrize(
    ("pairs", "form"),
    [
        ([("image", ""), ("image", JPEG)], {"image": JPEG}),
        ([("image", JPEG), ("image", "")], {"image": JPEG}),
        ([("image", ""), ("image[url]", "x")], {"image": {"url": "x"}}),
        ([("image[url]", "x"), ("image", "")], {"image": {"url": "x"}}),
        ([("image", ""), ("image", "")], {"image": ""}),
    ],
)
def test_an_unfilled_input_gives_way_to_one_of_the_same_name(
    pairs: list[tuple[str, object]], form: dict[str, Any]
) -> None:
    assert form_of(*pairs) == form


@pytest.mark.parametrize("filename", [None, "upload", "cat.txt", ""])
async def test_a_file_is_bytes_whatever_its_sender_calls_it(filename: str | None) -> None:
    body, _ = await read(FORM, part("image", JPEG, filename=filename) + b"--cut--\r\n")

    assert body == {"image": JPEG}


async def test_a_named_file_that_is_text_is_still_a_file() -> None:
    body, _ = await read(FORM, part("image", b"text", filename="cat.png") + b"--cut--\r\n")

    assert body == {"image": b"text"}


@pytest.mark.parametrize(
    "content_type", ['multipart/form-data; boundary="cut"', FORM["content-type"]]
)
async def test_a_boundary_may_be_quoted(content_type: str) -> None:
    body, _ = await read({"content-type": content_type}, part("a", b"b") + b"--cut--\r\n")

    assert body == {"a": "b"}


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("multipart/form-data", part("a", b"b") + b"--cut--\r\n"),
        (FORM["content-type"], b""),
        (FORM["content-type"], b"no form at all"),
        (FORM["content-type"], part("a", b"b")),
        (FORM["content-type"], part("a", b"b")[:-3]),
        (FORM["content-type"], part("a[", b"b") + b"--cut--\r\n"),
        (FORM["content-type"], part("a", b"b") * 2 + b"--cut--\r\n"),
        (FORM["content-type"], b"--cut\r\nContent-Disposition: form-data\r\n\r\nb\r\n--cut--\r\n"),
        (FORM["content-type"], b"--cut\r\n\r\nb\r\n--cut--\r\n"),
        (FORM["content-type"], part("a" * 5000, b"b") + b"--cut--\r\n"),
    ],
)
async def test_a_broken_multipart_form_is_a_bad_body(content_type: str, data: bytes) -> None:
    with pytest.raises(BadBody):
        await read({"content-type": content_type}, data)


async def test_a_refused_form_is_told_in_a_sentence() -> None:
    name = b'--cut\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n'

    with pytest.raises(BadBody) as refused:
        await read(FORM, name)

    expected = "the multipart body cannot be read: Segment header failed to decode"
    assert refused.value.message == expected


@pytest.mark.parametrize("count", [MOST_FORM_FIELDS, MOST_FORM_FIELDS + 1])
async def test_a_form_has_so_many_fields_and_no_more(count: int) -> None:
    fields = [(f"f{n}", "x") for n in range(count)]
    multi = b"".join(part(name, value.encode()) for name, value in fields) + b"--cut--\r\n"

    for headers, data in (
        (FORM, multi),
        ({"content-type": "application/x-www-form-urlencoded"}, urlencode(fields).encode()),
    ):
        if count > MOST_FORM_FIELDS:
            with pytest.raises(BadBody):
                await read(headers, data)
        else:
            assert await read(headers, data) == (dict(fields), True)


@given(st.lists(st.binary(max_size=40), max_size=4), st.text(max_size=20))
async def test_any_multipart_bytes_are_a_form_or_the_callers_fault(
    values: list[bytes], name: str
) -> None:
    data = b"".join(part(name, value) for value in values) + b"--cut--\r\n"

    for pieces in ((data,), tuple(values)):
        try:
            body, is_form = await read(FORM, *pieces)
        except CallerError:
            continue
        assert is_form
        assert isinstance(body, dict)


def test_an_urlencoded_form_is_decoded() -> None:
    data = "prompt=%E7%8C%AB+a&seconds=4&empty=&input_reference%5Bimage_url%5D=http%3A%2F%2Fx%2Fy"

    assert from_urlencoded(data.encode()) == {
        "prompt": "猫 a",
        "seconds": "4",
        "empty": "",
        "input_reference": {"image_url": "http://x/y"},
    }


def test_json_that_curl_sends_as_a_form_is_told_apart() -> None:
    with pytest.raises(UnsupportedBody, match="Content-Type: application/json"):
        from_urlencoded(b' {"model": "wan2.7-i2v"}')


@given(st.binary() | st.text(alphabet="ab[]0=&%+;").map(str.encode))
def test_any_urlencoded_bytes_are_a_form_or_a_bad_body(data: bytes) -> None:
    try:
        form = from_urlencoded(data)
    except BadBody:
        return
    assert all(name for name in form)
