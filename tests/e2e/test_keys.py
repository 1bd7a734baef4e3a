"""Keys and owners: who is let in, and what others can see."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from support.hostile import (
    DASHSCOPE,
    SMALL,
    TASKS,
    VIDEOS,
    Api,
    api_at,
    both,
    job_id,
    refusal,
    told,
)
from support.servers import PHOTOS, Serving
from unstill.dialects.apis.dashscope.dialect import OBJECTS

KEY_A = "sk-secret-of-team-a"
KEY_B = "sk-secret-of-team-b"
BARE = "sk-without-a-team"
FOREIGN = "sk-schlüssel"  # a key that is no ASCII, as a header's bytes
KEYS = {
    "UNSTILL_API_KEYS": f"team-a:{KEY_A}, team-b:{KEY_B},{BARE},{FOREIGN}",
    "UNSTILL_ALLOW_NETWORKS": "127.0.0.0/8",
}
A, B = {"authorization": f"Bearer {KEY_A}"}, {"authorization": f"Bearer {KEY_B}"}
OPEN = ("/", "/health", "/ready", "/docs", "/openapi.json")
FRAME = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()


class Owned(msgspec.Struct, frozen=True):
    """A server with keys, and a finished job of team a."""

    server: Serving
    job_id: str
    link: str


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    with Serving(tmp_path_factory.mktemp("keys"), environment=KEYS) as server:
        server.http.headers.update(A)
        body = TASKS.body("sora-2", frame=FRAME, prompt="static") | {"parameters": SMALL}
        task_id = server.submit(body)
        link = server.wait(task_id)["output"]["urls"][0]
        server.http.headers.pop("authorization")
        yield Owned(server, task_id, link)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY_A}"},
        {"Authorization": f"bearer   {KEY_A}"},
        {"Authorization": KEY_A},
        {"api-key": KEY_A},
        {"Authorization": BARE},
        {"Authorization": f"Bearer {FOREIGN}".encode()},
    ],
)
def test_a_key_is_taken_in_each_documented_form(
    owned: Owned, headers: dict[str, str | bytes]
) -> None:
    raw = {
        name.encode(): value.encode() if isinstance(value, str) else value
        for name, value in headers.items()
    }

    assert owned.server.http.get("/v1/videos", headers=raw).status_code == 200


@both
@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer x", KEY_A[:-1], KEY_A + "x", f"Basic {KEY_A}", "team-a", "é"],
)
def test_a_wrong_key_or_none_is_refused(owned: Owned, api: Api, given: str) -> None:
    headers = {b"authorization": given.encode()} if given else {}

    answer = owned.server.http.post(api.path, json=api.body(frame=FRAME), headers=headers)

    message = refusal(api, answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert given not in message or len(given) < 7


def test_every_route_but_the_open_ones_asks_for_a_key(owned: Owned) -> None:
    http = owned.server.http
    paths = http.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method in operations:
            names = dict.fromkeys(("video_id", "character_id", "task_id", "job_id"), owned.job_id)
            names |= {
                "engine": "camera",
                "owner": "team-a",
                "key": "laptop",
                "version": "0",
                "path": "app.js",
            }
            asked = path.format(**names, model="sora-2", variant="video", role="first")
            answer = http.request(method, asked)
            if path in OPEN or path.startswith("/console/"):
                assert answer.status_code == 200, path
            elif path.startswith("/files/"):
                assert answer.status_code == 403  # asks for its signature instead
            elif path.startswith("/v1/callbacks/"):
                refusal(api_at(path), answer, 404)  # asks for a signature where there are any
            elif path == OBJECTS:
                refusal(DASHSCOPE, answer, 400)  # asks for its signed policy instead
            else:
                refusal(api_at(path), answer, 401)


def test_a_key_is_asked_for_before_the_body_is_read(owned: Owned) -> None:
    head = b"POST /v1/videos HTTP/1.1\r\nhost: x\r\n"
    answer = told(owned.server, head + b"content-length: 9\r\nexpect: 100-continue\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 401 ")


def test_another_owners_job_is_as_if_it_were_not(owned: Owned) -> None:
    http, job = owned.server.http, owned.job_id

    seen = http.get("/v1/tasks/status", params={"task_id": job}, headers=B)
    never = http.get("/v1/tasks/status", params={"task_id": "no-such-task"}, headers=B)
    message = refusal(TASKS, seen, 404)
    assert message.replace(job, "no-such-task") == refusal(TASKS, never, 404)

    for path in (f"/v1/videos/{job}", f"/openai/v1/videos/{job}", f"/v1/videos/{job}/content"):
        refusal(VIDEOS, http.get(path, headers=B), 404)
    refusal(VIDEOS, http.delete(f"/v1/videos/{job}", headers=B), 404)
    assert http.get("/v1/videos", headers=B).json()["data"] == []
    assert http.get("/v1/videos", params={"after": job}, headers=B).json()["data"] == []
    assert http.get(f"/v1/videos/{job}", headers=A).status_code == 200


def test_a_list_after_another_owners_job_tells_nothing_of_it(owned: Owned) -> None:
    http = owned.server.http
    mine = job_id(
        VIDEOS, http.post("/v1/videos", json=VIDEOS.body("sora-2", frame=FRAME), headers=B)
    )

    nobodys = owned.job_id[:-1] + ("1" if owned.job_id.endswith("0") else "0")
    foreign, unknown = (
        http.get("/v1/videos", params={"after": after, "order": "asc", "limit": "1"}, headers=B)
        for after in (owned.job_id, nobodys)
    )

    assert foreign.status_code == unknown.status_code
    assert [each["id"] for each in foreign.json()["data"]] == [
        each["id"] for each in unknown.json()["data"]
    ]
    assert http.delete(f"/v1/videos/{mine}", headers=B).status_code == 200


def test_a_signed_link_needs_no_key(owned: Owned) -> None:
    assert owned.server.http.get(owned.link).status_code == 200


def test_neither_keys_nor_pictures_come_into_the_log(owned: Owned) -> None:
    http = owned.server.http
    http.get("/v1/videos", headers={"authorization": "Bearer sk-wrong-but-secret"})
    http.post("/v1/videos", headers=A, json=VIDEOS.body("sora-2", frame=FRAME[:20_000]))
    http.post("/v1/videos", headers=A, json={"model": FRAME})
    ticket = http.post("/v1/tickets", headers=A).json()["ticket"]
    content = f"/v1/videos/{owned.job_id}/content"
    used = [http.get(content, params={"ticket": each}) for each in (ticket, ticket[:-9])]
    assert [each.status_code for each in used] == [200, 401]
    told(owned.server, f"GET /{KEY_A} HTTP/9\r\nauthorization: {KEY_A}\r\n\r\n".encode())

    log = owned.server.log
    assert owned.job_id in log
    for secret in (KEY_A, KEY_B, BARE, "sk-wrong-but-secret", FRAME[:60], ticket[:22], ticket[-9:]):
        assert secret not in log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_this_machine_nothing_is_served_without_keys(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "unstill", "serve", "--host", host, "--port", "0"]
    started = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "data")],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
        env={"HOME": str(tmp_path), "COLUMNS": "200"},
        cwd=tmp_path,
    )

    assert started.returncode == 1
    assert started.stdout == ""
    assert len(started.stderr.splitlines()) == 1
    assert "UNSTILL_API_KEYS" in started.stderr


def test_a_server_keeps_answering_while_wrong_keys_come(owned: Owned) -> None:
    sent = b"GET /v1/videos HTTP/1.1\r\nhost: x\r\nauthorization: guess\r\n\r\n" * 200

    answers = told(owned.server, sent, ends=False, answers=200)

    assert answers.count(b"HTTP/1.1 401 ") == 200
