"""What comes over the wire and is no honest request: each is refused, and the server stays well."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from support.hostile import VIDEOS, Api, both, job_id, port_of, told
from support.hostile_posts import HOST, is_well, post
from support.servers import Serving

NOWHERE = "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    "sent",
    [
        b"CONNECT a:1 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET http://evil HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET ?a HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /v1/videos/\xff HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\0" * 50,
        b"GET / HTTP/1.1\r\na\0b: c\r\n\r\n",
        b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        post("/v1/videos", b"content-length: 4", b"transfer-encoding: chunked", body=b"0\r\n\r\n"),
        post("/v1/videos", b"content-length: 4", b"content-length: 5", body=b"abcd"),
        post("/v1/videos", b"transfer-encoding: chunked", body=b"zz\r\n"),
    ],
)
def test_what_is_no_http_is_refused_and_hung_up_on(server: Serving, sent: bytes) -> None:
    answer = told(server, sent, ends=False)

    assert b"HTTP/1.1 400 " in answer
    assert b"connection: close" in answer
    assert is_well(server)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nauthorization: a\r\nauthorization: b\r\n\r\n",
        post("/v1/videos", b"transfer-encoding: gzip, chunked", body=b"2\r\n{}\r\n0\r\n\r\n"),
    ],
)
def test_a_head_of_two_meanings_is_refused_in_words(server: Serving, sent: bytes) -> None:
    answer = told(server, sent)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"invalid_parameter"' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    ],
    ids=["one", "many", "path"],
)
def test_giant_headers_are_refused(server: Serving, head: bytes) -> None:
    answer = told(server, head, ends=False)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert is_well(server)


def test_a_request_behind_giant_headers_is_not_carried_out(server: Serving) -> None:
    before = server.http.get("/v1/videos").json()
    body = json.dumps(VIDEOS.body("sora-2", frame=NOWHERE)).encode()
    length = b"content-length: %d" % len(body)

    told(server, post("/v1/videos", b"a: " + b"x" * 70_000, length, body=body))

    assert server.http.get("/v1/videos").json() == before


PIPELINED = (b"/health", b"/none")


def test_pipelined_requests_are_answered_in_order(server: Serving) -> None:
    asked = b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in PIPELINED) * 20
    answers = told(server, asked, ends=False, answers=40)

    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answers)
    assert statuses == [b"200", b"404"] * 20


def test_requests_without_end_on_one_connection_cost_the_others_nothing(server: Serving) -> None:
    before_mib = rss_mib(server)
    worst_s = 0.0
    with socket.create_connection(("127.0.0.1", port_of(server))) as flood:
        flood.setblocking(False)
        until_s = time.monotonic() + 2
        while time.monotonic() < until_s:
            with suppress(BlockingIOError):
                flood.send(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 10_000)
            began_s = time.monotonic()
            assert is_well(server)
            worst_s = max(worst_s, time.monotonic() - began_s)

    assert worst_s < 5
    assert rss_mib(server) - before_mib < 50


def rss_mib(server: Serving) -> float:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_a_body_is_asked_for_only_when_it_will_be_read(server: Serving) -> None:
    expecting = b"expect: 100-continue"

    taken = told(server, post("/v1/videos", expecting, b"content-length: 2"), ends=False, answers=1)
    refused = told(
        server, post("/v1/videos", expecting, b"content-length: 99999999"), ends=False, answers=1
    )

    assert taken.startswith(b"HTTP/1.1 100 ")
    assert refused.startswith(b"HTTP/1.1 413 ")


def test_an_offer_of_another_protocol_is_passed_over(server: Serving) -> None:
    body = json.dumps({"model": "none"}).encode()
    length = b"content-length: %d" % len(body)
    for offer in (b"h2c", b"websocket"):
        sent = post("/v1/videos", b"connection: upgrade", b"upgrade: " + offer, length, body=body)

        assert told(server, sent).startswith(b"HTTP/1.1 400 ")
        assert is_well(server)


@both
def test_a_client_that_sends_all_before_it_reads_is_still_answered(
    server: Serving, api: Api
) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=20)
    headers = {"content-type": "application/json"}
    with closing(client) as connection:
        connection.request("POST", api.path, b"a" * 70_000_000, headers)

        assert connection.getresponse().status == 413


@both
def test_names_of_fields_cannot_write_headers(server: Serving, api: Api) -> None:
    body = api.body("sora-2", frame=NOWHERE, prompt="push in")
    strange = ("a\r\nset-cookie: b", "é", "\U0001f408", "\0", ", x", '"', "a" * 9000)
    answer = server.http.post(api.path, json=body | dict.fromkeys(strange, 1))

    assert job_id(api, answer)
    ignored = answer.headers["x-unstill-ignored"]
    assert ignored.isascii()
    assert len(ignored) < 4096
    assert "a%0D%0Aset-cookie%3A b" in ignored
    assert "set-cookie" not in answer.headers


def test_a_repeated_field_counts_once(server: Serving) -> None:
    sent = (
        b'{"model": "sora-2", "seconds": 5, "seconds": 4, "input_reference": "' + NOWHERE.encode()
    )
    answer = server.http.post(
        "/v1/videos", content=sent + b'"}', headers={"content-type": "application/json"}
    )

    assert answer.json()["seconds"] == "4"
