"""Limits of owners on a real server: set beside it and without it, told in each dialect's words."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from support.dashscope_tasks import CREATE
from support.dashscope_tasks import body as dashscope_body
from support.fork_server import ran
from support.openai_clients import openai, sdk
from support.servers import LOOPBACK_ALLOWED, PHOTOS, Serving

OWNERS = ("ann", "cid", "dan", "eve", "fay")  # each test has one of its own
KEYS = LOOPBACK_ALLOWED | {
    "UNSTILL_API_KEYS": ",".join(f"{owner}:sk-{owner}" for owner in (*OWNERS, "bob"))
}
ONE_SLOT = '[engines.camera]\nkind = "camera"\nslots = 1\n'
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
TAKEN_UP_S = 2.0  # what is set holds within that


def owners(data_dir: Path, *words: str, fails: bool = False) -> str:
    done = ran(["-m", "unstill", "owners", *words, "--data-dir", str(data_dir)])
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def set_and_wait(server: Serving, *words: str) -> None:
    owners(server.data_dir, "set", *words)
    time.sleep(TAKEN_UP_S)


def key_of(owner: str) -> dict[str, str]:
    return {"authorization": f"Bearer sk-{owner}"}


def submit(server: Serving, owner: str, headers: Mapping[str, str] = {}) -> httpx2.Response:
    return server.http.post(
        "/v1/tasks/submit",
        headers=key_of(owner) | dict(headers),
        json={
            "model": "wan2.7-i2v",
            "input": {"img_url": CHELSEA, "prompt": "push in"},
            "parameters": {"size": "320x256", "duration": 2},
        },
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("limits"), environment=KEYS, config=ONE_SLOT) as server:
        yield server


@pytest.mark.slow
def test_what_is_set_before_the_first_start_holds_and_is_listed(tmp_path: Path) -> None:
    empty = owners(tmp_path, "list")
    owners(tmp_path, "set", "ann", "--submits-per-minute", "1", "--weight", "3")
    owners(tmp_path, "set", "bob", "--bytes", "0")
    owners(tmp_path, "set", "bob", "--bytes", "none")
    listed = owners(tmp_path, "list")
    with Serving(tmp_path, environment=KEYS) as server:
        answers = [submit(server, "ann").status_code for _ in range(2)]
        other = submit(server, "bob").status_code

    assert "no owner has a limit" in empty
    assert "ann" in listed
    assert "bob" not in listed
    assert (answers, other) == ([200, 429], 200)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ann", "--queue", "-1"], "--queue"),
        (["ann", "--in-flight", "many"], "--in-flight"),
        (["ann", "--weight", "0"], "--weight"),
        (["ann", "--weight", "101"], "--weight"),
        (["an owner", "--queue", "1"], "OWNER"),
        (["ann"], "nothing to set"),
    ],
)
def test_what_is_no_limit_is_refused_by_its_option(
    tmp_path: Path, words: list[str], told: str
) -> None:
    assert told in owners(tmp_path, "set", *words, fails=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_limit_is_told_in_each_dialects_words_and_polls_go_on(server: Serving) -> None:
    taken = submit(server, "ann").json()["output"]["task_id"]
    set_and_wait(server, "ann", "--submits-per-minute", "1", "--queue", "100")
    first = submit(server, "ann", {"idempotency-key": "one"})
    answers = [
        submit(server, "ann"),
        server.http.post(
            "/v1/videos",
            headers=key_of("ann"),
            json={
                "model": "wan2.7-i2v",
                "prompt": "push in",
                "input_reference": f"data:image/jpeg;base64,{CHELSEA}",
            },
        ),
        server.http.post(
            CREATE,
            headers=key_of("ann") | {"x-dashscope-async": "enable"},
            json=dashscope_body(f"data:image/jpeg;base64,{CHELSEA}"),
        ),
    ]
    again = submit(server, "ann", {"idempotency-key": "one"})
    polls = {
        server.http.get(
            "/v1/tasks/status", params={"task_id": taken}, headers=key_of("ann")
        ).status_code
        for _ in range(20)
    }
    other = submit(server, "bob")

    assert [answer.status_code for answer in answers] == [429] * 3
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers)
    tasks, videos, dashscope = (answer.json() for answer in answers)
    assert (tasks["error"]["type"], tasks["error"]["code"]) == ("rate_limit_error", "rate_limit")
    assert videos["error"]["code"] == "rate_limit_exceeded"
    assert videos["error"]["type"] == "rate_limit_error"
    assert dashscope["code"] == "Throttling.RateQuota"
    assert "1 of 1 submits in the last minute" in videos["error"]["message"]
    assert again.json()["output"]["task_id"] == first.json()["output"]["task_id"]
    assert polls == {200}
    assert other.status_code == 200


@pytest.mark.slow
def test_of_many_submits_at_once_no_more_are_taken_than_the_queue_holds(server: Serving) -> None:
    set_and_wait(server, "cid", "--queue", "5")
    holder = [submit(server, "bob") for _ in range(3)]  # the one slot is taken for a while
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: submit(server, "cid").status_code, range(40)))
    listed = server.http.get("/v1/videos", params={"limit": 100}, headers=key_of("cid")).json()[
        "data"
    ]

    assert {each.status_code for each in holder} == {200}
    assert set(answers) == {200, 429}
    # One may have begun, and others after it, while the rest were still coming.
    assert 5 <= answers.count(200) <= 8
    assert len(listed) == answers.count(200)
    set_and_wait(server, "cid", "--queue", "none")
    assert submit(server, "cid").status_code == 200


@pytest.mark.slow
def test_openais_sdk_is_told_when_to_come_again_and_loses_nothing(server: Serving) -> None:
    set_and_wait(server, "dan", "--submits-per-minute", "1")
    picture = (PHOTOS / "chelsea.jpg").read_bytes()
    with sdk(server.url, key="sk-dan") as client:
        made = client.videos.create(
            model="sora-2", prompt="push in", input_reference=("cat.jpg", picture, "image/jpeg")
        )
        with pytest.raises(openai.RateLimitError) as refused:
            client.videos.create(
                model="sora-2", prompt="push in", input_reference=("cat.jpg", picture, "image/jpeg")
            )
        wait_s = int(refused.value.response.headers["retry-after"])
        found = client.videos.retrieve(made.id)
    owners(server.data_dir, "set", "dan", "--submits-per-minute", "2")
    time.sleep(TAKEN_UP_S)
    with sdk(server.url, key="sk-dan", max_retries=2) as client:
        second = client.videos.create(
            model="sora-2", prompt="push in", input_reference=("cat.jpg", picture, "image/jpeg")
        )

    assert 50 <= wait_s <= 60
    assert refused.value.code == "rate_limit_exceeded"
    assert found.id == made.id
    assert second.id != made.id


@pytest.mark.slow
def test_bytes_are_refused_before_anything_is_stored(server: Serving) -> None:
    size = (PHOTOS / "chelsea.jpg").stat().st_size
    set_and_wait(server, "eve", "--bytes", str(size - 1))
    refused = submit(server, "eve")
    listed = server.http.get("/v1/videos", headers=key_of("eve")).json()["data"]
    set_and_wait(server, "eve", "--bytes", str(size))

    assert refused.status_code == 413
    assert f"{size - 1} are left, this needs {size}" in refused.text
    assert listed == []
    assert submit(server, "eve").status_code == 200


@pytest.mark.slow
def test_jobs_that_have_begun_refuse_new_ones_until_they_end(server: Serving) -> None:
    set_and_wait(server, "fay", "--in-flight", "1")
    task_id = submit(server, "fay").json()["output"]["task_id"]
    statuses = set[int]()
    deadline = time.monotonic() + 30
    while 429 not in statuses:
        assert time.monotonic() < deadline
        statuses.add(submit(server, "fay").status_code)
    set_and_wait(server, "fay", "--in-flight", "none")

    assert statuses <= {200, 429}
    assert submit(server, "fay").status_code == 200
    assert task_id
