"""Bodies as editors, shells and programs write them: taken, or told what they look like."""

from __future__ import annotations

import json
from urllib.parse import quote_from_bytes

import pytest

from unstill.domain.errors import BadBody, CallerError, UnsupportedBody
from unstill.server.body import Bodies
from unstill.server.body_encoding import charset_of
from unstill.server.form import from_urlencoded
from unstill.server.json_body import from_json

BODY = {"model": "wan2.7-i2v", "prompt": "señor 猫 \U0001f408"}
TEXT = json.dumps(BODY, ensure_ascii=False)
LATIN = {"model": "wan2.7-i2v", "prompt": "señor"}


async def read(content_type: str, data: bytes) -> object:
    messages: list[dict[str, object]] = [{"type": "http.request", "body": data}]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    bodies = Bodies()
    with bodies.gate("a") as gate:
        value, _ = await bodies.read({"content-type": content_type}, receive, gate)
    return value


async def refusal(content_type: str, data: bytes) -> str:
    with pytest.raises(CallerError) as refused:
        await read(content_type, data)
    return refused.value.message


# --- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json", "utf-8"),
        ("application/json", "utf-8-sig"),  # VS Code and PowerShell: with its mark
        ("", "utf-8-sig"),
        ("application/json; charset=utf-8", "utf-8-sig"),
        ("application/json", "utf-16"),  # Python's: with its mark
        ("application/json", "utf-32"),
        ("application/json; charset=utf-16", "utf-16"),
        ("application/json; charset=UTF-16", "utf-16-le"),  # .NET's Unicode, without one
        ("application/json; charset=utf-16", "utf-16-be"),
        ("application/json; charset=utf-16le", "utf-16-le"),
        ('application/json; charset="utf-32"', "utf-32-be"),
        ("application/json; charset=iso-8859-1", "utf-8"),  # declared by habit
        ("application/json; charset=nonsense", "utf-8"),
        ("application/json; charset=gb18030", "gb18030"),
    ],
)
async def test_json_is_read_in_the_encoding_that_it_shows_or_says(
    content_type: str, encoding: str
) -> None:
    assert await read(content_type, TEXT.encode(encoding)) == BODY


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "iso-8859-15"])
async def test_a_declared_encoding_of_one_byte_is_read(encoding: str) -> None:
    data = json.dumps(LATIN, ensure_ascii=False).encode(encoding)

    assert await read(f"application/json; charset={encoding}", data) == LATIN


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [("señor", "latin-1"), ("让画面 in the rain", "gbk"), ("ねこ", "shift_jis")],
)
async def test_another_encoding_is_named_with_the_place_of_its_first_byte(
    content_type: str, text: str, encoding: str
) -> None:
    data = b'{"model": "wan2.7-i2v", "prompt": "' + text.encode(encoding) + b'", "seed": 1}'
    place = next(n for n, byte in enumerate(data) if byte > 127)

    told = await refusal(content_type, data)

    assert f"not UTF-8, at byte {place} of it" in told


async def test_the_place_is_of_the_first_byte_that_is_wrong_not_of_the_first_beyond_ascii() -> None:
    data = '{"prompt": "猫猫'.encode() + b'\xf1", "seed": 1}'

    assert f"at byte {data.index(0xF1)} of it" in await refusal("application/json", data)


@pytest.mark.parametrize(
    ("encoding", "named"),
    [("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32-le", "UTF-32")],
)
async def test_wide_text_that_nothing_shows_is_named(encoding: str, named: str) -> None:
    told = await refusal("application/json", json.dumps(LATIN).encode(encoding))

    assert f"is {named}, by its zeros" in told
    assert "as charset in Content-Type" in told


async def test_text_that_is_not_what_it_says_is_told_so() -> None:
    told = await refusal("application/json; charset=gbk", b'{"prompt": "\xff\xff"}')

    assert "is not GBK as it says, at byte 12 of it" in told


@pytest.mark.parametrize("charset", ["zip", "base64", "rot13", "idna", "unicode_escape"])
async def test_what_is_no_encoding_of_text_is_never_read_by(charset: str) -> None:
    told = await refusal(f"application/json; charset={charset}", b'{"prompt": "\xf1"}')

    assert "not UTF-8, at byte 12 of it" in told


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        ("application/json", ""),
        ("application/json; charset=UTF-8", "utf-8"),
        ('a/b; Charset = "GBK"; x=y', "gbk"),
        ("a/b; charset=" + "a" * 100, "a" * 40),
    ],
)
def test_the_charset_is_read_from_the_content_type(content_type: str, charset: str) -> None:
    assert charset_of(content_type) == charset


# --- forms ---------------------------------------------------------------------------------------

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=cut"


def field(name: str, value: bytes, content_type: str = "") -> bytes:
    more = f"\r\nContent-Type: {content_type}" if content_type else ""
    head = f'--cut\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n--cut--\r\n"


@pytest.mark.parametrize("form", ["raw", "escaped"])
async def test_an_urlencoded_form_of_another_encoding_is_named_with_the_place(
    form: str,
) -> None:
    value = "señor".encode("latin-1")
    sent = quote_from_bytes(value).encode() if form == "escaped" else value
    data = "model=猫&prompt=".encode() + sent
    place = data.index(b"%F1" if form == "escaped" else b"\xf1")

    assert f"not UTF-8, at byte {place} of it" in await refusal(URLENCODED, data)
    assert from_urlencoded(b"prompt=" + sent, "latin-1") == {"prompt": "señor"}


async def test_a_multipart_field_of_another_encoding_is_named_by_its_field() -> None:
    told = await refusal(MULTIPART, field("prompt", "señor".encode("latin-1")))

    assert "the form's field 'prompt' is not UTF-8, at byte 2 of it" in told


async def test_a_multipart_field_is_read_in_the_encoding_that_it_says() -> None:
    data = field("prompt", "猫".encode("gbk"), "text/plain; charset=gbk")

    assert await read(MULTIPART, data) == {"prompt": "猫"}


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff\xe0picture", b"\x89PNG\r\n\x1a\n", b"\xfe\x00\x01"]
)
async def test_a_file_without_a_name_is_no_text(data: bytes) -> None:
    assert await read(MULTIPART, field("image", data)) == {"image": data}


# --- what it looks like --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        field("model", b"sora-2"),
        b"\r\n" + field("model", b"sora-2"),
        b"model=sora-2&prompt=a",
        b"input_reference[image_url]=https://a/b.png",
        b"prompt=",
    ],
)
async def test_a_form_that_says_json_is_told_to_let_the_library_set_the_type(data: bytes) -> None:
    for content_type in ("application/json", "application/json; charset=utf-8", ""):
        with pytest.raises(BadBody, match="let your HTTP library set the content type"):
            await read(content_type, data)


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
@pytest.mark.parametrize("data", [b'{"model": "sora-2"}', b' \n{"model": "sora-2"}'])
async def test_json_that_says_form_is_told_so(content_type: str, data: bytes) -> None:
    with pytest.raises(
        UnsupportedBody, match="looks like JSON: send Content-Type: application/json"
    ):
        await read(content_type, data)


async def test_a_form_without_its_boundary_is_told_to_let_the_library_set_the_type() -> None:
    told = await refusal("multipart/form-data", field("model", b"sora-2"))

    assert "let your HTTP library set the content type" in told


async def test_a_boundary_that_none_can_be_is_a_bad_body() -> None:
    told = await refusal("multipart/form-data; boundary=cu\nt", field("model", b"sora-2"))

    assert told == "the multipart body cannot be read: Invalid characters in boundary"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"a": 1,}', "a comma before the end"),
        (b'{"a": [1, 2, ]}', "a comma before the end"),
        (b"{'a': 1}", "double quotes, as json.dumps writes them"),
        (b"{\"a\": 'x'}", "double quotes, as json.dumps writes them"),
        (str({"a": "x", "b": True}).encode(), "double quotes, as json.dumps writes them"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "Infinity is no JSON"),
        (b'{"a": True}', "True is no JSON"),
        (b'{"a": None}', "None is no JSON"),
        (b'{"a": undefined}', "undefined is no JSON"),
        (b'{"a": 1} // the model', "no comments"),
        (b'/* a */{"a": 1}', "no comments"),
        ("{“a”: 1}".encode(), "curly ones"),
        (b'{"a": "one\ntwo"}', "is written \\n"),
        (b'{"a": "C:\\dir"}', "a backslash inside a text is written twice"),
        (b"", "it is empty"),
        (b"  \n", "it is empty"),
    ],
)
def test_a_fault_in_json_is_named_as_what_it_is(data: bytes, told: str) -> None:
    with pytest.raises(BadBody, match="the request body is not JSON") as refused:
        from_json(data)

    assert told in refused.value.message


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a": 1', b'{"a" 1}', b"\x00", b"oops"])
def test_any_other_fault_is_told_in_few_words(data: bytes) -> None:
    with pytest.raises(BadBody) as refused:
        from_json(data)

    assert len(refused.value.message) < 200
