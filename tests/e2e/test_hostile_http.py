"""Callers who bend HTTP itself: the server answers what it can, and ends what it need not bear."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from support.hostile import TASKS, VIDEOS, Api, api_at, both, job_id, port_of, refusal, told
from support.servers import LOOPBACK_ALLOWED, Serving

NOWHERE = "http://127.0.0.1:1/"
HOST = b"host: localhost\r\n"


def post(path: str, *headers: bytes, body: bytes = b"") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return f"POST {path} HTTP/1.1\r\n".encode() + HOST + lines + b"\r\n" + body


def is_well(server: Serving) -> bool:
    return server.http.get("/health").is_success


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://localhost/health", b"evil.example", 200),
        (b"http://localhost:8000/?a", b"evil.example", 307),
        (b"http://evil.example/health", b"localhost", 403),
        (b"http://localhost@evil.example/health", b"localhost", 400),
        (b"http://evil.example/health#localhost", b"localhost", 403),
    ],
)
def test_of_a_target_that_is_a_whole_address_the_host_counts(
    server: Serving, target: bytes, host: bytes, status: int
) -> None:
    answer = told(server, b"GET " + target + b" HTTP/1.1\r\nhost: " + host + b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_whole_address_as_target_makes_no_host_where_none_was_sent(server: Serving) -> None:
    answer = told(server, b"GET http://localhost/health HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Host must be sent" in answer


def test_no_answer_repeats_what_a_terminal_would_obey(server: Serving) -> None:
    paths = ("/nowhere/%1b%5b2J%0a%C2%9b2J", "/V1/%E2%80%AEvideos")
    answers = [server.http.get(path) for path in paths]
    form = {b"content-type": b"text/\x9b2Jplain"}
    answers.append(server.http.post("/v1/videos", content=b"x", headers=form))

    assert [answer.status_code for answer in answers] == [404, 404, 415]
    for answer in answers:
        assert str(answer.json()["error"]["message"]).isprintable()


# --- methods and paths ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "HEAD", "GET", "DELETE"])
def test_each_route_refuses_methods_that_it_does_not_have(server: Serving, method: str) -> None:
    paths = server.http.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        has = {operation.upper() for operation in operations}
        if method in has or (method == "HEAD" and "GET" in has):
            continue
        names = dict.fromkeys(("video_id", "character_id", "task_id", "job_id"), "x")
        asked = path.format(**names, model="sora-2", variant="video")
        answer = server.http.request(method, asked)

        assert answer.status_code == 405, (method, path)
        assert has <= set(answer.headers["allow"].split(", ")), (method, path)
        if method != "HEAD":
            refusal(api_at(path), answer, 405)


@pytest.mark.parametrize(
    "path",
    ["/v1", "/v2/videos", "/v1/videos/a/b/c", "/files", "/..%2f..%2fetc/passwd", "/%00", "/é"],
)
def test_what_is_not_there_is_said_to_be_not_there(server: Serving, path: str) -> None:
    refusal(VIDEOS, server.http.get(path), 404)


@pytest.mark.parametrize(
    "name",
    [
        "00000000-0000-7000-8000-000000000000",
        "../../etc/passwd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "a" * 10_000,
        "\0",
        "a\0b",
        "\r\nset-cookie: a=b",
        "'; DROP TABLE jobs; --",
        "\U0001f408",
    ],
)
def test_a_task_that_is_none_is_not_found(server: Serving, name: str) -> None:
    answer = server.http.get("/v1/tasks/status", params={"task_id": name})

    refusal(TASKS, answer, 404)
    assert "set-cookie" not in answer.headers
    quoted = httpx2.QueryParams({"n": name})
    path = "/v1/videos/" + str(quoted).removeprefix("n=").replace("+", "%20").replace("/", "%2F")
    for method in ("GET", "DELETE"):
        refusal(VIDEOS, server.http.request(method, path), 404)


def test_no_task_id_at_all_is_refused(server: Serving) -> None:
    for query in ("", "?task_id=", "?task_id", "?Task_Id=a", "?&&&"):
        message = refusal(TASKS, server.http.get(f"/v1/tasks/status{query}"))

        assert message.startswith("task_id is required")


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=101", "limit=a", "limit=5.5", "order=up", "limit=" + "9" * 5000]
)
def test_a_list_that_cannot_be_is_refused(server: Serving, query: str) -> None:
    refusal(VIDEOS, server.http.get(f"/v1/videos?{query}"))


# --- the wire -------------------------------------------------------------------------------------


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


# --- time and numbers -----------------------------------------------------------------------------


@pytest.mark.slow
def test_callers_who_keep_us_waiting_are_hung_up_on(server: Serving) -> None:
    get = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    callers = {
        "silent": (b"", b""),
        "slow headers": (b"GET /health HTTP/1.1\r\n", b"a: b\r\n"),
        "line feeds after an answer": (get, b"\r\n"),
        "bytes after an upgrade": (get[:-2] + b"connection: upgrade\r\nupgrade: h2c\r\n\r\n", b"a"),
    }
    began_s = time.monotonic()
    with ExitStack() as open_callers:
        connections = [
            open_callers.enter_context(socket.create_connection(("127.0.0.1", port_of(server))))
            for _ in range(len(callers) + 300)
        ]
        idle = connections[len(callers) :]
        waiting = dict(zip(connections, (drip for _, drip in callers.values()), strict=False))
        for caller, (first, _) in zip(waiting, callers.values(), strict=True):
            caller.sendall(first)
        assert is_well(server)
        while waiting and time.monotonic() - began_s < 13:
            readable, _, _ = select.select(list(waiting), [], [], 0.5)
            for caller in readable:
                if not heard(caller):
                    del waiting[caller]
            for caller, drip in waiting.items():
                send_if_open(caller, drip)

        assert not waiting
        assert all(not heard(caller) for caller in idle)
    assert is_well(server)


def heard(caller: socket.socket) -> bytes:
    try:
        return caller.recv(65536)
    except ConnectionError:
        return b""


def send_if_open(caller: socket.socket, data: bytes) -> None:
    try:
        caller.sendall(data)
    except ConnectionError:
        return  # it has been hung up on; the next read finds that


@contextmanager
def narrow(tmp_path: Path, *, files: int) -> Iterator[tuple[str, int]]:
    """A server that may open few files; its address and its pid."""
    own = {"UNSTILL_DATA_DIR": str(tmp_path), "UNSTILL_PORT": "0"}
    environment = {**os.environ, **LOOPBACK_ALLOWED, **own}
    command = f'ulimit -n {files}; exec "{sys.executable}" -m unstill serve'
    with subprocess.Popen(
        ["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split(" is ready at ")[1].split()[0], process.pid
        finally:
            process.terminate()


def test_a_server_that_could_do_no_job_for_want_of_files_says_so_and_does_not_serve(
    tmp_path: Path,
) -> None:
    command = f'ulimit -n 40; exec "{sys.executable}" -m unstill serve --port 0 --data-dir "$0"'
    ended = subprocess.run(
        ["/bin/sh", "-c", command, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "the limit on open files (ulimit -Hn) is 40" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_connections_cannot_take_the_files_that_jobs_need(tmp_path: Path) -> None:
    with narrow(tmp_path, files=150) as (url, pid):
        port = int(url.rpartition(":")[2])
        with httpx2.Client(base_url=url) as caller, ExitStack() as flood:
            caller.get("/health")
            for _ in range(400):
                flood.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            answer = caller.post("/v1/videos", json=VIDEOS.body("sora-2", frame=NOWHERE))
            files = len(list(Path(f"/proc/{pid}/fd").iterdir()))

    assert answer.status_code == 200
    assert files < 110


@pytest.mark.slow
@pytest.mark.parametrize("asks", ["nothing", "once", "and waits"])
def test_no_flood_of_connections_keeps_out_even_callers_of_its_own_address(
    tmp_path: Path, asks: str
) -> None:
    with narrow(tmp_path, files=150) as (url, _), ExitStack() as flood:
        port = int(url.rpartition(":")[2])
        created = httpx2.post(f"{url}/v1/videos", json=VIDEOS.body("sora-2", frame=NOWHERE))
        assert created.is_success, created.text
        path = {"once": "/health", "and waits": f"/v1/videos/{created.json()['id']}?wait=60"}
        statuses = []
        for n in range(300):
            caller = socket.create_connection(("127.0.0.1", port), timeout=5)
            flood.enter_context(caller)
            if asks in path:
                sent = f"GET {path[asks]} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
                with suppress(ConnectionError):
                    caller.sendall(sent)
            if n % 10 == 0:
                time.sleep(0.06)  # a flood comes over seconds
                statuses.append(httpx2.get(f"{url}/health").status_code)

    assert statuses.count(200) >= len(statuses) - 1
