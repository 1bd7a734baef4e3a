"""Bodies of upstreams as gateways send them: a paid task's id is in each of them."""

import json

import pytest

from unstill.upstreams.lenient_json import decoded, unpacked, up_to_the_cut


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"t-1"}',
        b'\xef\xbb\xbf{"id":"t-1"}',
        b' \r\n{"id":"t-1"}\n',
        '{"id":"t-1"}'.encode("utf-16"),
        '{"id":"t-1"}'.encode("utf-16-le"),
        '{"id":"t-1"}'.encode("utf-32"),
        b'{"id":"t-1"}\n<!-- 12 ms -->',
        b'"{\\"id\\":\\"t-1\\"}"',
        b'data: {"id":"t-1"}\n\n',
        b': ping\nevent: task\ndata: {"id":"t-1"}\n\ndata: [DONE]\n\n',
    ],
)
def test_an_object_is_read_however_it_is_sent(body: bytes) -> None:
    assert decoded(body) == {"id": "t-1"}


def test_words_in_another_encoding_are_read_or_cost_only_themselves() -> None:
    assert decoded('{"id":"t-1","status":"失败"}'.encode("gbk")) == {"id": "t-1", "status": "失败"}
    assert decoded(b'{"id":"t-1","message":"\xff"}') == {"id": "t-1", "message": "\ufffd"}


def test_what_is_no_number_is_nothing() -> None:
    assert decoded(b'{"id":"t-1","x":NaN,"y":[Infinity,-Infinity]}') == {
        "id": "t-1",
        "x": None,
        "y": [None, None],
    }


def test_a_line_feed_inside_a_text_is_one() -> None:
    assert decoded(b'{"message":"a\nb"}') == {"message": "a\nb"}


def test_of_a_stream_the_later_lines_win_and_the_others_stay() -> None:
    lines = [{"id": "t-1", "status": "queued"}, {"status": "running"}]
    ndjson = "\n".join(map(json.dumps, lines)).encode()
    events = b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines)

    assert decoded(ndjson) == decoded(events) == {"id": "t-1", "status": "running"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<!doctype html><script>{'id': 1}</script>",
        b'Warning: {"id":"t-1"}',
        b'{"id":"t-1"',  # cut: what is missing may be the word that it failed
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{}" * 2_000 + b"{",
        b"NaN",
        b'{"id":' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_json_has_nothing(body: bytes) -> None:
    assert decoded(body) in (None, {})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"a\uDFFFb", "a\ufffdb"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\u00e9", "é"),
    ],
)
def test_half_a_character_is_none_and_a_whole_one_stays(written: bytes, read: str) -> None:
    """Such a text could be put into no request, row or answer."""
    body = b'{"id":"t-1","%b":"%b"}' % (written, written)

    assert decoded(body) == {"id": "t-1", read: read}
    assert up_to_the_cut(body[:-1] + b',"cu') == {"id": "t-1", read: read}


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a":1}', {"a": 1}), (" [1]", [1]), ("1", None), ("a {", None), ("{", None), ("", None)],
)
def test_a_text_inside_an_answer_is_unpacked_where_it_is_an_object(
    text: str, value: object
) -> None:
    assert unpacked(text) == value


def test_of_a_body_that_was_cut_the_whole_pairs_are_read() -> None:
    body = b'{"code":0,"data":{"task_id":"t-1","x":[1,{"y":"a,}b\\""}],"status":"queued"}}'
    ids = [at_id(up_to_the_cut(body[:length])) for length in range(len(body))]

    named_at = body.index(b"t-1") + len(b't-1",')
    assert set(ids[:named_at]) == {None}  # half an id is none
    assert set(ids[named_at:]) == {"t-1"}


def at_id(value: object) -> object:
    data = value.get("data") if isinstance(value, dict) else None
    return data.get("task_id") if isinstance(data, dict) else None


@pytest.mark.parametrize("body", [b"", b"{", b"<html>,", b"[" * 5_000 + b",", b'"a,b', b"]],}"])
def test_of_what_was_cut_too_early_nothing_is_read(body: bytes) -> None:
    assert up_to_the_cut(body) is None
