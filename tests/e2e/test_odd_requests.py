"""Requests that no description speaks of: a refusal in the dialect's envelope, never a 5xx."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest

from support.servers import LOOPBACK_ALLOWED, Serving

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
SUBMITS = ("/v1/tasks/submit", "/v1/videos", "/openai/v1/videos", CREATE)
GETS = (
    "/v1/tasks/status",
    "/v1/videos",
    "/v1/videos/{id}",
    "/v1/videos/{id}/content",
    "/openai/v1/videos/{id}",
    "/api/v1/tasks",
    "/api/v1/tasks/{id}",
    "/v1/models",
    "/v1/models/{id}",
    "/files/{id}/video.mp4",
    "/health",
    "/docs",
    "/openapi.json",
)
ODD_IDS = (
    "%00",
    "a%00b",
    "%ff%fe",
    "%C3%28",
    "%F0%9F%92%A9",
    "..%2f..%2fetc%2fpasswd",
    "%0d%0ax-injected:%201",
    "%",
    "%zz",
    "'%20OR%201=1--",
    "a" * 8000,
    "0" * 20_000,
)
ODD_JSON = (
    b"",
    b"\x00",
    b"\xff\xfe{\x00}\x00",
    b"null",
    b"[]",
    b"0",
    b'"text"',
    b"NaN",
    b'{"model": NaN}',
    b'{"model": Infinity}',
    b'{"model": 1e999}',
    b'{"model": "wan2.7-i2v", "model": 5}',
    b'{"model": "\\ud800"}',
    b'{"model": "wan2.7-i2v\\u0000"}',
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"input": ' + b"[" * 5000 + b"]" * 5000 + b"}",
)
ODD_NUMBERS = (
    "1e999",
    "-1e999",
    "9" * 400,
    "-0",
    "1e-400",
    "0.1e1000",
    "99999999999999999999",
    "5.0000000000000001",
)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("odd"), environment=LOOPBACK_ALLOWED) as serving:
        yield serving
        assert "answer_failed" not in serving.log
        assert "Traceback" not in serving.log


def is_enveloped(answer: httpx2.Response) -> bool:
    body: dict[str, Any] = answer.json()
    told = body.get("error", body)
    return bool(told["message"]) and bool(told["code"]) and "x-request-id" in answer.headers


def raw(server: Serving, request: bytes) -> tuple[int, bytes]:
    """The status and the body of an answer to bytes that no client would send."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def get_raw(server: Serving, target: bytes, *headers: bytes) -> tuple[int, bytes]:
    lines = (b"GET " + target + b" HTTP/1.1", b"host: localhost", b"connection: close", *headers)
    return raw(server, b"\r\n".join(lines) + b"\r\n\r\n")


@pytest.mark.parametrize("path", GETS)
def test_an_odd_id_is_an_answer_of_the_dialect(odd: Serving, path: str) -> None:
    for odd_id in ODD_IDS:
        status, body = get_raw(odd, path.format(id=odd_id).encode())
        assert status in {200, 400, 403, 404}, (path, odd_id[:40])
        assert status == 200 or b'"message":' in body


@pytest.mark.parametrize("path", [path for path in GETS if "{id}" not in path])
def test_an_odd_query_is_an_answer_of_the_dialect(odd: Serving, path: str) -> None:
    for name in (b"limit", b"task_id", b"page_no", b"start_time", b"after", b"order", b"expires"):
        for value in (b"%00", b"%ff", b"9" * 400, b"-1", b"NaN", b"1e5", b"%C3%A9", b"[]", b""):
            query = b"?" + name + b"=" + value + b"&" + name + b"=" + value + b"&&=&%00=1"
            status, body = get_raw(odd, path.encode() + query)
            assert status in {200, 400, 403, 404}, (path, name, value)
            assert status == 200 or b'"message":' in body


@pytest.mark.parametrize("path", [*GETS, *SUBMITS, "/", "/nothing", "/v1/videos/"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "BREW", "get"])
def test_every_method_is_answered(odd: Serving, path: str, method: str) -> None:
    target = path.format(id="x")
    status, body = raw(
        odd,
        f"{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode(),
    )

    assert status < 500
    assert (body == b"") is (method == "HEAD")
    assert status != 405 or method == "HEAD" or b'"message":' in body


@pytest.mark.parametrize("path", SUBMITS)
@pytest.mark.parametrize("kind", ["application/json", "", "application/problem+json"])
def test_odd_json_is_refused_in_the_envelope(odd: Serving, path: str, kind: str) -> None:
    for body in ODD_JSON:
        headers = {"content-type": kind, "x-dashscope-async": "enable"}
        answer = odd.http.post(path, content=body, headers=headers)
        assert answer.status_code in {400, 404}, body[:40]
        assert is_enveloped(answer)


@pytest.mark.parametrize("path", SUBMITS)
def test_an_odd_number_is_refused_or_is_what_it_says(odd: Serving, path: str) -> None:
    picture = '"first_frame_url": "http://127.0.0.1:1/a.png"'
    for number in ODD_NUMBERS:
        for field in ("duration", "seed"):
            inner = f'"{field}": {number}'
            body = f'{{"model": "wan2.7-i2v", {picture}, {inner}}}'
            if "videos" not in path:
                body = (
                    f'{{"model": "wan2.7-i2v", "input": {{{picture}}}, "parameters": {{{inner}}}}}'
                )
            headers = {"content-type": "application/json", "x-dashscope-async": "enable"}
            answer = odd.http.post(path, content=body.encode(), headers=headers)
            assert answer.status_code in {200, 400}, (number, answer.text)
            assert answer.status_code == 200 or is_enveloped(answer)


@pytest.mark.parametrize("path", SUBMITS)
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/xml",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="\t"',
        "multipart/form-data; boundary=" + "b" * 300,
        "application/json; charset=utf-16",
        "a/b/c",
        ";;;",
    ],
)
def test_an_odd_content_type_is_refused_in_the_envelope(odd: Serving, path: str, kind: str) -> None:
    headers = {"content-type": kind, "x-dashscope-async": "enable"}
    answer = odd.http.post(path, content=b"--b\r\n\r\n--b--", headers=headers)

    assert answer.status_code in {400, 415}
    assert is_enveloped(answer)


@pytest.mark.parametrize("name", ["authorization", "idempotency-key", "host", "range", "x-odd"])
def test_an_odd_header_is_no_failure(odd: Serving, name: str) -> None:
    for value in (b"\xff\xfe", b"\xc3\xa9", b"a" * 60_000, b"", b"bytes=-0", b"bytes=9-1,", b"%00"):
        status, _ = get_raw(odd, b"/v1/videos?limit=1", name.encode() + b": " + value)
        assert status in {200, 400, 403, 431}, (name, value[:20])


def test_a_body_of_random_json_is_refused_in_the_envelope(odd: Serving) -> None:
    """Every type in every place of a body that is good but for that."""
    strange: tuple[object, ...] = (
        None,
        True,
        5,
        -1.5,
        "",
        "\x00",
        [],
        [[]],
        [None],
        {},
        {"a": None},
        {"": {"": 0}},
    )
    places = ("model", "prompt", "size", "seconds", "seed", "input_reference", "media", "images")
    good = {"model": "wan2.7-i2v", "input_reference": "http://127.0.0.1:1/a.png"}

    for place in places:
        for value in strange:
            content = msgspec.json.encode(good | {place: value})
            headers = {"content-type": "application/json"}
            answer = odd.http.post("/v1/videos", content=content, headers=headers)
            assert answer.status_code in {200, 400}, (place, value)
            assert answer.status_code == 200 or is_enveloped(answer)
