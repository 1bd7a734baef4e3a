"""Parsers of what upstreams, picture hosts, receivers and child programs answer."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from ipaddress import ip_network
from math import isfinite
from typing import Any

import httpcore2
import msgspec
from benchmarks.fuzz_bodies import place_for
from benchmarks.fuzz_edits import OF_JSON
from benchmarks.fuzz_parser import Parser, header_lines, latin, text

from unstill.domain.errors import FetchFailed
from unstill.domain.redaction import MOST_QUOTED_CHARS, plain, visible
from unstill.engines.dashscope.engine import CODES
from unstill.engines.dashscope.models import verdict_of as dashscope_verdict_of
from unstill.engines.openai_videos.servers import SERVERS
from unstill.engines.openai_videos.servers import verdict_of as openai_verdict_of
from unstill.media.events import ChildNote, ChildReady, LastWord, Progress, TaskDone
from unstill.media.pool import _read as read_event
from unstill.net.addresses import is_host
from unstill.net.decompression import unpacker
from unstill.net.fetcher import LinkAnswered, _check_head, _target, checked_url, origin_of
from unstill.net.proxy import Proxy
from unstill.net.retry_after import retry_after_s
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.lenient_json import decoded, up_to_the_cut
from unstill.upstreams.port import Accepted, Done, Failed, NotThere, Running
from unstill.upstreams.replies import Odd, Reply, said
from unstill.upstreams.submit_answers import judged
from unstill.upstreams.task_answers import link_in, verdict_in
from unstill.upstreams.video_answers import link_at

TICKET = "task-0123456789"
_MOST_UNPACKED = 2**20
_PROXY = Proxy("http://proxy.example:3128", (ip_network("10.0.0.0/8"),))


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


ANSWERS: tuple[bytes, ...] = (
    _json({"output": {"task_id": TICKET, "task_status": "PENDING"}, "request_id": "r"}),
    _json(
        {
            "request_id": "r",
            "output": {
                "task_id": TICKET,
                "task_status": "SUCCEEDED",
                "video_url": "https://example.com/a.mp4?Expires=1",
            },
            "usage": {"duration": 5, "video_count": "1", "SR": 720},
        }
    ),
    _json({"id": TICKET, "object": "video", "status": "in_progress", "progress": 45}),
    _json(
        {"id": TICKET, "status": "failed", "error": {"code": "moderation_blocked", "message": "no"}}
    ),
    _json(
        {"error": {"message": "rate limit", "type": "rate_limit_error", "code": 429, "param": None}}
    ),
    _json(
        {"code": "InvalidParameter", "message": "code=X, message=url invalid", "request_id": "r"}
    ),
    _json(
        {"output": {"task_status": "FAILED", "code": "Odd", "message": '{"error":{"code":"a"}}'}}
    ),
    _json({"data": [{"task_id": TICKET, "status": "SUCCEEDED"}], "total_page": 2}),
    _json({"detail": [{"loc": ["body", "seconds"], "msg": "must be 4", "type": "value_error"}]}),
    _json({"data": {"task": {"id": TICKET, "state": "Success", "results": [{"url": "/v/a.mp4"}]}}}),
    b'data: {"id": "a", "status": "queued"}\n\ndata: {"status": "completed", "url": "//e.c/"}\n\n',
    _json(_json({"id": TICKET, "status": "queued"}).decode()),
    b"<html><body>502 Bad Gateway</body></html>",
)
_WORDS = (
    b'"status"',
    b'"task_id"',
    b'"output"',
    b'"error"',
    b'"data"',
    b"data: ",
    b"\n\n",
    b"NaN",
    b"\\",
)


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, inner in value.items():
                yield str(name)
                yield from _texts(inner, depth + 1)
        case list():
            for inner in value:
                yield from _texts(inner, depth + 1)


def _lenient(data: bytes) -> None:
    for value in (decoded(data), up_to_the_cut(data)):
        for each in _texts(value):
            each.encode()  # it goes into requests, rows and answers


def told_of(message: str) -> None:
    assert len(message) <= 4 * MOST_QUOTED_CHARS
    message.encode()
    assert message.isprintable(), "what nobody sees is shown"


def _submitted(data: bytes) -> None:
    for status in (200, 202, 303, 400, 401, 404, 429, 500):
        answer = judged(Reply(status, data, location="https://example.com/v1/videos/abc-1"), CODES)
        if isinstance(answer, Accepted):
            assert 0 < len(answer.ticket) <= 512
            assert answer.ticket.isascii()
        else:
            told_of(answer.message)
            assert len(answer.code) <= 64
        standing_of(Reply(status, data), CODES)


def _polled(data: bytes) -> None:
    for status in (200, 404, 500):
        reply = Reply(status, data)
        fields = reply.fields()
        told_of(f"{said(fields).code} {said(fields).message}")
        assert len(reply.head) < 200
        for verdict in (
            verdict_in(fields, ticket=TICKET),
            dashscope_verdict_of(fields, ticket=TICKET),
            *(openai_verdict_of(each, status, fields, ticket=TICKET) for each in SERVERS.values()),
        ):
            match verdict:
                case Running(progress):
                    assert progress is None or 0 <= progress <= 1
                case Failed(code, message):
                    told_of(message)
                    assert len(code) <= 64
                case Done(url, usage):
                    assert url is None or "\n" not in url
                    assert all(isfinite(number) for number in usage.values())
                    _json(usage)


def _where_a_video_is(data: bytes) -> None:
    link = link_at(place_for(data))
    assert link is None or link_in(decoded(data) or {}) is not None or link


def _url(data: bytes) -> None:
    url = checked_url(text(data))
    origin_of(url)
    host = url.raw_host.decode("ascii")
    assert is_host(host)
    _PROXY.spares(host)
    str(url).encode()


def _redirect(data: bytes) -> None:
    """What an answer's head says to whoever fetches."""
    answer = httpcore2.Response(302, headers=header_lines(data))
    target = _target(checked_url("https://example.com/a/b.png"), answer)
    assert target.scheme in {"http", "https"}
    assert not target.userinfo


def _answer_head(data: bytes) -> None:
    headers = [pair for pair in header_lines(data) if pair[0] != b"content-length"]
    for status in (206, 404, 503):
        with contextlib.suppress(LinkAnswered):
            _check_head(httpcore2.Response(status, headers=headers), 1000)
    _check_head(httpcore2.Response(200, headers=headers), 1000)


def _retry_after(data: bytes) -> None:
    wait_s = retry_after_s(latin(data))
    assert wait_s is None or 0 <= wait_s < 10**12


def _unpacked(data: bytes) -> None:
    coding, _, packed = data.partition(b"\n")
    unpack = unpacker(latin(coding))
    if unpack is None:
        return
    size_bytes = 0
    for start in range(0, len(packed), 977):
        for piece in unpack.pieces(packed[start : start + 977]):
            size_bytes += len(piece)
            assert len(piece) <= _MOST_UNPACKED
            if size_bytes > _MOST_UNPACKED:  # whoever reads it hangs up there
                return
    unpack.end()


def _shown(data: bytes) -> None:
    for words in (
        text(data),
        latin(data),
        data.decode("utf-8", "surrogatepass" if 0 else "replace"),
    ):
        shown = plain(words)
        assert len(shown) <= MOST_QUOTED_CHARS + 1
        told_of(shown)
        assert "\n" not in visible(words)


_EVENT = msgspec.json.Decoder(ChildReady | Progress | ChildNote | LastWord)
_RESULT = msgspec.json.Decoder(dict[str, int])


def _child_line(data: bytes) -> None:
    match read_event(_EVENT, data):
        case TaskDone(result=result):
            read_event(_RESULT, result)


PARSERS: tuple[Parser, ...] = (
    Parser("answers as JSON", ANSWERS, _lenient, (), _WORDS, OF_JSON),
    Parser("answers to submits", ANSWERS, _submitted, (), _WORDS, OF_JSON),
    Parser("answers to polls", ANSWERS, _polled, (Odd,), _WORDS, OF_JSON),
    Parser(
        "what comes where a video is",
        (*ANSWERS[:3], b"no such file", b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"),
        _where_a_video_is,
        (NotThere,),
        _WORDS,
    ),
    Parser(
        "addresses of pictures",
        (
            b"https://example.com/a.png?x=1#f",
            b"http://93.184.216.34:8080/a",
            b"https://[2606:2800:220:1::1]/a",
            "https://пример.рф/ü?é".encode(),
            b"https://xn--e1afmkfd.xn--p1ai/",
        ),
        _url,
        (FetchFailed,),
        (
            b"//",
            b"@",
            b":",
            b"[",
            b"]",
            b"xn--",
            b"%",
            b"0x7f",
            b".",
            b"#",
            b"?",
            b"\\",
            b"::ffff:",
        ),
    ),
    Parser(
        "redirects",
        (
            b"location: /c.png\n",
            b"location: //e.com/x\n",
            b"Location: https://example.org:8443/y\n",
        ),
        _redirect,
        (FetchFailed,),
        (b"//", b"@", b":", b"location: ", b"http://", b"file:///", b"..", b"%"),
    ),
    Parser(
        "heads of answers",
        (
            b"content-range: bytes 0-99/100\n",
            b"retry-after: 5\n",
            b"retry-after: Fri, 31 Dec 1999\n",
        ),
        _answer_head,
        (FetchFailed,),
    ),
    Parser(
        "Retry-After",
        (
            b"120",
            b"1.5 seconds",
            b"Wed, 21 Oct 2026 07:28:00 GMT",
            b"Wed, 21 Oct 2026 07:28:00 +0530",
        ),
        _retry_after,
        (),
        (b"GMT", b"+9999", b"-2400", b":", b",", b"Oct", b"0000", b"99999", b"s"),
    ),
    Parser(
        "packed answers",
        (
            b"gzip\n" + gzip.compress(b"hello " * 500),
            b"deflate\n" + zlib.compress(b"hello " * 500),
            b"gzip\n" + gzip.compress(bytes(300_000)) * 2,
            b"br\nx",
        ),
        _unpacked,
        (FetchFailed,),
    ),
    Parser(
        "words of others",
        (b"fault at http://10.0.0.1:80/x with sk-abcdef\x1b[31m", "ошибка в /srv/x/y.py".encode()),
        _shown,
        (),
        (
            b"\x1b[",
            b"\x1b]",
            b"https://",
            b"sk-",
            b"key_id=",
            b"/a/b/c",
            b"10.0.0.1",
            b"localhost:1",
        ),
    ),
    Parser(
        "lines of children",
        (
            b'{"event":"progress","fraction":0.5}',
            b'{"event":"done","result":{"a":1}}',
            b'{"event":"failed","code":"bad","message":"m","param":null}',
            b'{"event":"note","name":"slow_frame","fields":{"took_s":1.5}}',
        ),
        _child_line,
        (msgspec.DecodeError,),
        (b'"event":', b'"note"', b"1e999"),
        OF_JSON,
    ),
)
