"""Callers who bend HTTP itself: the server answers what it can, and ends what it need not bear."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from support.hostile import TASKS, VIDEOS, api_at, port_of, refusal, told
from support.hostile_posts import HOST, is_well
from support.servers import LOOPBACK_ALLOWED, Serving

NOWHERE = "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://localhost/health", b"evil.example", 200),
        (b"http://localhost:8000/?a", b"evil.example", 200),
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
        names = dict.fromkeys(re.findall(r"\{(\w+)\}", path), "x")
        asked = path.format(**names | {"model": "sora-2", "variant": "video"})
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
