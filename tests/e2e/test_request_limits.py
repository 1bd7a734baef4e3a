"""Limits on calls as such and limits of keys, on a real server, in each dialect's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from e2e.test_keys_made import FRAME, HELD, is_let_in, keys, listed, made, soon
from e2e.test_owner_limits import owners
from support.hostile import DASHSCOPE, TASKS, VIDEOS, Api, refusal
from support.servers import LOOPBACK_ALLOWED, Serving

FREE = 3  # calls in a minute


class Client(msgspec.Struct):
    """An owner's calls in one dialect."""

    server: Serving
    api: Api
    key: dict[str, str]

    def submit(self) -> httpx2.Response:
        body = self.api.body("wan2.7-i2v", frame=FRAME, prompt="still")
        return self.server.http.post(self.api.path, json=body, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return self.key | {"x-dashscope-async": "enable"}

    def id_of(self, answer: httpx2.Response) -> str:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return str(body["id"] if self.api is VIDEOS else body["output"]["task_id"])

    def poll(self, job_id: str) -> httpx2.Response:
        path, params = {
            "tasks": ("/v1/tasks/status", {"task_id": job_id}),
            "videos": (f"/v1/videos/{job_id}", None),
            "dashscope": (f"/api/v1/tasks/{job_id}", None),
        }[self.api.name]
        return self.get(path, params)

    def end(self, job_id: str) -> httpx2.Response:
        """Cancel it, or where the dialect has no word for that, delete it by another."""
        if self.api is DASHSCOPE:
            return self.server.http.post(f"/api/v1/tasks/{job_id}/cancel", headers=self.key)
        return self.server.http.delete(f"/v1/videos/{job_id}", headers=self.key)

    def get(self, path: str, params: Any = None) -> httpx2.Response:
        return self.server.http.get(path, params=params, headers=self.key)

    def models(self) -> int:
        return self.get("/v1/models").status_code


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    data_dir = tmp_path_factory.mktemp("requests") / "data"
    with Serving(data_dir, environment=LOOPBACK_ALLOWED, config=HELD) as serving:
        yield serving


@pytest.mark.slow
@pytest.mark.parametrize("api", [TASKS, VIDEOS, DASHSCOPE], ids=lambda api: api.name)
def test_calls_are_refused_above_their_limit_and_those_about_a_known_job_never(
    server: Serving, api: Api
) -> None:
    owner = f"calls-{api.name}"
    caller = Client(server, api, made("create", owner, data_dir=server.data_dir))
    other = Client(server, api, made("create", f"{owner}-2", data_dir=server.data_dir))
    soon(lambda: is_let_in(server, other.key))
    job_id, gone = (caller.id_of(caller.submit()) for _ in range(2))
    assert server.http.delete(f"/v1/videos/{gone}", headers=caller.key).status_code == 200
    owners(server.data_dir, "set", owner, "--requests-per-minute", "0")
    soon(lambda: caller.models() == 429)
    owners(server.data_dir, "set", owner, "--requests-per-minute", f"{FREE}")
    soon(lambda: caller.models() == 200)

    assert caller.submit().status_code == 200
    assert caller.get("/v1/videos").status_code == 200
    refused = caller.submit()
    message = refusal(api, refused, 429)
    assert f"{FREE} of {FREE} requests in the last minute" in message
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    if api is not TASKS:  # which lists nothing
        lists = "/v1/videos" if api is VIDEOS else "/api/v1/tasks/"
        refusal(api, caller.get(lists), 429)
    assert {caller.poll(job_id).status_code for _ in range(20)} == {200}
    refusal(api, caller.poll(gone), 429)
    if api is TASKS:  # the others' polls are about some job by their paths
        refusal(api, caller.get("/v1/tasks/status"), 429)
    assert caller.get(f"/v1/videos/{job_id}/content").status_code == 400  # it has none yet
    with server.http.stream("GET", f"/v1/videos/{job_id}/events", headers=caller.key) as events:
        assert events.status_code == 200
    assert caller.end(job_id).status_code == 200
    assert other.models() == other.submit().status_code == 200

    owners(server.data_dir, "set", owner, "--requests-per-minute", "none")
    soon(lambda: caller.models() == 200)
    assert {caller.models() for _ in range(2 * FREE)} == {200}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "status"),
    [
        ("--in-flight", 429),
        ("--queue", 429),
        ("--submits-per-minute", 429),
        ("--requests-per-minute", 429),
        ("--bytes", 413),
    ],
)
def test_each_limit_of_a_key_is_set_listed_and_taken_away_beside_the_server(
    server: Serving, option: str, status: int
) -> None:
    folder, name = server.data_dir, f"key-{option[2:]}"
    limited = Client(
        server, VIDEOS, made("create", "team-a", "--name", name, option, "0", data_dir=folder)
    )
    other = Client(server, VIDEOS, made("create", "team-a", "--name", f"{name}-2", data_dir=folder))
    soon(lambda: is_let_in(server, other.key))

    refused = limited.submit()
    assert f"limit {option[2:]} of this API key" in refusal(VIDEOS, refused, status)
    assert ("retry-after" in refused.headers) is (status == 429)
    assert other.submit().status_code == 200
    assert re.search(r" 0$", listed(folder, name))
    keys("set", name, option, "none", data_dir=folder)
    soon(lambda: limited.submit().status_code == 200)
    assert listed(folder, name).endswith("none")
    keys("set", name, option, "0", data_dir=folder)
    soon(lambda: limited.submit().status_code == status)


@pytest.mark.slow
def test_a_rotated_key_keeps_its_limits_and_what_it_has_used_of_them(server: Serving) -> None:
    folder = server.data_dir
    old = made("create", "team-r", "--submits-per-minute", "1", data_dir=folder)
    client = Client(server, VIDEOS, old)
    soon(lambda: is_let_in(server, old))
    assert client.submit().status_code == 200
    refusal(VIDEOS, client.submit(), 429)

    client.key = made("rotate", "team-r", data_dir=folder)
    soon(lambda: is_let_in(server, client.key))
    assert "1 of 1 submits" in refusal(VIDEOS, client.submit(), 429)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--queue", "-1"], "--queue must be a whole number from 0 or none"),
        (["--requests-per-minute", "often"], "--requests-per-minute must be"),
        ([], "nothing to set"),
    ],
)
@pytest.mark.slow
def test_what_is_no_limit_of_a_key_is_refused_by_its_option(
    tmp_path: Path, words: list[str], told: str
) -> None:
    folder = tmp_path / "data"
    made("create", "team-a", data_dir=folder)

    refused = keys("set", "team-a", *words, data_dir=folder, ends_with=1)
    assert told in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert (
        "no key 'team-b'"
        in keys("set", "team-b", "--queue", "1", data_dir=folder, ends_with=1).stderr
    )
