"""Parsers of what callers say around their bodies: frames, headers, queries, keys, links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import formatdate
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl

import httptools
from benchmarks.fuzz_parser import Parser, by_name, header_lines, text
from starlette.types import Message

from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call
from unstill.domain.access_errors import ForeignHost, ForeignOrigin
from unstill.domain.errors import (
    BadBody,
    BadField,
    BadKey,
    BadLink,
    BadPolicy,
    NoSuchRoute,
    WrongMethod,
)
from unstill.domain.file_errors import BadRange
from unstill.domain.owner import EVERYONE, Owner
from unstill.files.port import OpenFile
from unstill.files.signed_links import Links
from unstill.files.upload_policies import Policies
from unstill.server.api_keys import Keys
from unstill.server.connection_guard import SEND_FILE
from unstill.server.cors import Origins
from unstill.server.exchange import Exchange, header_text
from unstill.server.headers import Headers
from unstill.server.http_framing import ChunksTooSmall, Framing, HeadTooLarge, is_one_request
from unstill.server.idempotency_headers import sending_of
from unstill.server.long_poll import wait_s_of
from unstill.server.own_routes import OwnRoutes
from unstill.server.proxies import Proxies
from unstill.server.query import MOST_PARAMETERS, query_of
from unstill.server.router import RouteTable
from unstill.server.video_file import Openings, send_video

ID = "01a226b5-661a-7d0e-81a1-849fc6d3c6b2"
NOW_S = 1_796_000_000
KEY = "sk-fuzzed"
_HEAD = b"POST /v1/videos HTTP/1.1\r\nhost: localhost:8000\r\n"
_CHUNKED = _HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\n\r\n"
_SIZED = _HEAD + b"content-length: 11\r\n\r\nhello world"
_KEYS = Keys({KEY: Owner("team-a")})
_LINKS = Links((b"s" * 32,))
_LINK = _LINKS.sign(ID, "video", NOW_S)
_POLICIES = Policies((b"s" * 32,), most_bytes=100)
_LEAVE = _POLICIES.sign(Owner("team-a"), "wan2.7-i2v", NOW_S)
_PROXIES = Proxies([ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")])
_ORIGINS = Origins(["https://app.example.com"], has_keys=False, public_url="https://v.example.com")
_DASHSCOPE, _VIDEOS = DashScope(), Videos()


class _Heard:
    """What a parser of HTTP says, counted."""

    def __init__(self) -> None:
        self.requests = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_in_message = False

    def on_message_begin(self) -> None:
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.is_in_message = True

    def on_message_complete(self) -> None:
        self.requests += 1
        self.is_in_message = False


def _frames(data: bytes) -> None:
    """As the server feeds its parser: piece by piece, and never two requests in one."""
    heard = _Heard()
    parser = httptools.HttpRequestParser(heard)
    framing: Framing | None = None
    is_one = is_one_request(data)
    at = steps = 0
    while at < len(data):
        framing = framing or Framing()
        end = framing.end_of_piece(data, at)
        assert at < end <= len(data), "no step ahead"
        before, was_in = heard.requests, heard.is_in_message
        parser.feed_data(data[at:end])
        assert heard.requests - before <= 1, "two requests in one piece"
        if heard.requests > before:
            framing = None
        elif heard.is_in_message and not was_in:
            framing = Framing()
            framing.begin_body(heard.headers)
        at, steps = end, steps + 1
    assert not is_one or heard.requests <= 1, "more than the one request that it surely is"


def _head(data: bytes) -> None:
    pairs = header_lines(data)
    headers = Headers(pairs)
    headers.check("1.1")
    assert all(headers[name] == headers.get(name) for name in headers)


def _key(data: bytes) -> None:
    caller = _KEYS.caller(Headers(header_lines(data)), "127.0.0.1")
    assert caller.owner == "team-a"
    assert KEY.encode() in data, "let in without the key"


def _origin(data: bytes) -> None:
    scope = {
        "type": "http",
        "method": "OPTIONS" if b"OPTIONS" in data else "POST",
        "http_version": "1.1",
        "headers": header_lines(data),
    }
    _ORIGINS.check(scope)
    _ORIGINS.is_preflight(scope)


def _forwarded(data: bytes) -> None:
    outside = _PROXIES.outside("127.0.0.1", header_lines(data))
    assert len(outside.client) <= 64
    assert outside.scheme in {"", "http", "https"}
    assert len(outside.host) <= 255
    assert outside.host.isascii()


def _asked(data: bytes) -> None:
    query = query_of(data)
    assert len(query) <= MOST_PARAMETERS
    wait_s = wait_s_of(query)
    assert 0 <= wait_s <= 60


def _page(data: bytes) -> None:
    call = Call("r", {"video_id": ID}, query_of(data), {})
    paging = _VIDEOS.paging(call)
    assert 0 <= paging.limit <= 100
    assert paging.after is None or len(paging.after) == len(ID)
    _VIDEOS.variant(call)


def _filters(data: bytes) -> None:
    wanted = _DASHSCOPE.wanted(Call("r", {}, query_of(data), {}))
    assert 1 <= wanted.page_size <= 100
    if wanted.window_ms is not None:
        assert wanted.window_ms[0] <= wanted.window_ms[1]


def _sent_again(data: bytes) -> None:
    sending = sending_of(by_name(data))
    if sending is not None and sending.key is not None:
        assert 0 < len(sending.key) <= 255
        assert sending.key.isascii()


def _link(data: bytes) -> None:
    path, _, query = text(data).partition("?")
    parts = path.removesuffix(".mp4").split("/")
    given = dict(parse_qsl(query))
    job, variant = (*parts, "", "", "", "")[2:4]
    expires, signature = given.get("expires", ""), given.get("signature", "")
    _LINKS.check(job, variant, expires, signature, NOW_S)
    assert f"/files/{job}/{variant}.mp4?expires={expires}&signature={signature}" == _LINK


def _policy(data: bytes) -> None:
    policy, signature, key, *_ = (*text(data).split("\n"), "", "", "")
    signed = _POLICIES.check(policy, signature, key, NOW_S)
    assert (policy, signature) == (_LEAVE.policy, _LEAVE.signature)
    assert key.startswith(f"{signed.upload_dir}/")


class _File:
    """A stored file of 100,000 bytes."""

    name = "video.mp4"
    size_bytes = 100_000
    changed_s = float(NOW_S)
    piece_bytes = 4096

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OpenFile]:
        yield self

    def address(self, method: str, says: Mapping[str, str]) -> None:
        """It is sent from here."""

    async def read(self, start: int, size_bytes: int) -> bytes:
        assert 0 <= start <= self.size_bytes
        assert 0 <= size_bytes <= self.size_bytes - start
        return b"v" * min(size_bytes, self.piece_bytes)


def _ranges(data: bytes) -> None:
    """An answer is no larger than the file and a head for each range."""
    sent = [0]

    async def send(message: Message) -> None:
        sent[0] += len(message.get("body", b""))

    async def receive() -> Message:
        await asyncio.Event().wait()  # who stays says nothing
        raise AssertionError

    headers = [pair for pair in header_lines(data) if pair[0] in {b"range", b"if-range"}]
    headers += [pair for pair in header_lines(data) if pair[0] == b"if-none-match"]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "headers": headers,
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "extensions": {SEND_FILE: None},
    }
    asyncio.run(
        send_video(
            _File(),
            job_id=ID,
            owner=EVERYONE,
            request_id="r",
            inline=True,
            openings=Openings(100),
            asgi=(scope, receive, send),
        )
    )
    assert sent[0] <= 100_000 + 300 * 100


async def _nothing(_exchange: Exchange[Any]) -> None:
    """No verb is done here."""


_TABLE = RouteTable([Tasks(), _VIDEOS, _DASHSCOPE, OwnRoutes()], lambda _: _nothing)


def _route(data: bytes) -> None:
    path = "/" + text(data)
    routes, named = _TABLE.find(path)
    assert all(len(value) <= len(path) for value in named.values())
    routes.served("GET", path)


def _for_a_header(data: bytes) -> None:
    encoded = header_text(text(data))
    assert encoded.isascii()
    assert not set(encoded) & set(range(0x20))


PARSERS: tuple[Parser, ...] = (
    Parser(
        "HTTP framing",
        (_CHUNKED, _SIZED, _SIZED * 3, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 4, _CHUNKED + _SIZED),
        _frames,
        (HeadTooLarge, ChunksTooSmall, httptools.HttpParserError, httptools.HttpParserUpgrade),
        (
            b"\r\n\r\n",
            b"\r\n",
            b"Content-Length: 5\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"0\r\n",
        ),
    ),
    Parser(
        "headers",
        (b"host: localhost:8000\nauthorization: Bearer a\ncontent-type: application/json\n",),
        _head,
        (BadField,),
        (
            b"host: a\n",
            b"host: b\n",
            b"transfer-encoding: gzip\n",
            b"[::1]:80",
            b"authorization: x\n",
        ),
    ),
    Parser(
        "keys of callers",
        (f"authorization: Bearer {KEY}\n".encode(), f"api-key: {KEY}\n".encode()),
        _key,
        (BadKey,),
        (b"Bearer ", b"Basic ", b" ", b"authorization: "),
    ),
    Parser(
        "hosts and origins",
        (
            b"host: localhost:8000\norigin: https://app.example.com\nsec-fetch-site: same-origin\n",
            b"host: v.example.com\norigin: null\naccess-control-request-method: POST\n",
        ),
        _origin,
        (ForeignHost, ForeignOrigin),
    ),
    Parser(
        "forwarded headers",
        (
            b"x-forwarded-for: 203.0.113.7, 10.1.2.3\nx-forwarded-proto: https\n",
            b"x-forwarded-for: 10.0.0.1\nx-forwarded-host: v.example.com:8443\n",
            b'forwarded: for="[2001:db8::1]:80";proto=https;host=v.example.com, for=10.0.0.1\n',
        ),
        _forwarded,
        (),
        (b",", b";", b'"', b"for=", b"unknown", b"_hidden", b"::ffff:10.0.0.1", b"[", b"]"),
    ),
    Parser(
        "queries",
        (b"wait=5", b"a=b&wait=1.5e1&c=%20+"),
        _asked,
        (BadField,),
        (b"&", b"=", b"wait="),
    ),
    Parser(
        "pages of a list",
        (f"limit=20&after={ID}&order=desc".encode(), b"variant=thumbnail"),
        _page,
        (BadField,),
        (b"&", b"limit=", b"order=", b"variant="),
    ),
    Parser(
        "filters of a list",
        (
            f"task_id={ID}&start_time=20261128000000&end_time=20261128120000".encode(),
            b"page_no=1&page_size=10&status=SUCCEEDED&model_name=wan2.7-i2v",
            b"start_time=00010101000000",
            b"end_time=99991231235959",
        ),
        _filters,
        (BadField,),
        (b"&", b"start_time=", b"end_time=", b"00010101000000", b"99991231235959"),
    ),
    Parser(
        "idempotency headers",
        (b"idempotency-key: k-1\n", b"x-stainless-lang: python\nx-stainless-retry-count: 1\n"),
        _sent_again,
        (BadField,),
    ),
    Parser("signed links", (_LINK.encode(),), _link, (BadLink,)),
    Parser(
        "upload policies",
        (f"{_LEAVE.policy}\n{_LEAVE.signature}\n{_LEAVE.upload_dir}/cat.jpg".encode(),),
        _policy,
        (BadPolicy,),
    ),
    Parser(
        "ranges",
        (
            b"range: bytes=0-99\n",
            b"range: bytes=-5\nif-range: x\n",
            b"range: bytes=1-2,5-9, 20-\n",
            b'if-none-match: W/"a", "b"\n',
            f"range: bytes=5-\nif-range: {formatdate(NOW_S, usegmt=True)}\n".encode(),
        ),
        _ranges,
        (BadRange, BadBody),
        (b",", b"-", b"bytes=", b"0-", b"-1"),
    ),
    Parser(
        "paths",
        (
            b"v1/videos/x/content",
            b"v1/models/Wan-AI/Wan2.2-I2V",
            b"openai/v1/videos",
            b"files/a/video.mp4",
        ),
        _route,
        (NoSuchRoute, WrongMethod),
        (b"/", b"//", b"/v1", b"/api/v1", b"/openai/v1", b"characters", b".."),
    ),
    Parser("texts for headers", ("a label, чай".encode(),), _for_a_header),
)
