"""Create calls whose replies are lost, by real clients against real servers: one job each."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import httpx2
import pytest

from support.cutting_proxy import CuttingProxy, cutting_proxy
from support.openai_clients import openai, sdk
from support.servers import PHOTOS, Serving

SMALL = {"size": "256x320"}
PHOTO = PHOTOS / "astronaut.jpg"
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
TASK = {
    "model": "sora-2",
    "input": {"first_frame_url": CHELSEA, "prompt": "push in"},
    "parameters": {"size": "320x256", "duration": 4},
}
# The same in the other dialect: in JSON, and as a form with a file.
VIDEO = {
    "model": "sora-2",
    "prompt": "push in",
    "size": "320X256",
    "seconds": "4",
    "input_reference": {"image_url": f"data:image/jpeg;base64,{CHELSEA}"},
}
FORM = {"model": "Sora-2", "seconds": "4", "size": "320*256", "prompt": "push in"}


def port_of(server: Serving) -> int:
    return int(server.url.rpartition(":")[2])


def ids_in(server: Serving) -> set[str]:
    """All that it shows."""
    ids: list[str] = []
    has_more = True
    while has_more:
        after = {"after": ids[-1]} if ids else {}
        page = server.http.get("/v1/videos", params={"limit": 100, **after}).json()
        ids += [video["id"] for video in page["data"]]
        has_more = page["has_more"]
    return set(ids)


@pytest.fixture
def proxy(server: Serving) -> Iterator[CuttingProxy]:
    with cutting_proxy(port_of(server)) as proxy:
        yield proxy


def create(client: openai.OpenAI, prompt: str, **extra: Any) -> str:
    video = client.videos.create(prompt=prompt, input_reference=PHOTO, extra_body=SMALL, **extra)
    return str(video.id)


# --- the SDK's own retries ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_storm_of_the_sdks_retries_makes_one_job(server: Serving, proxy: CuttingProxy) -> None:
    before = ids_in(server)
    proxy.cuts = 3
    with sdk(proxy.url, max_retries=3) as client:
        video_id = create(client, "a storm")

        assert proxy.was_cut == 3
        assert ids_in(server) - before == {video_id}


def test_equal_calls_of_the_sdk_are_a_job_each(server: Serving, proxy: CuttingProxy) -> None:
    before = ids_in(server)
    with sdk(proxy.url, max_retries=0) as client:
        made = {create(client, "twice on purpose") for _ in range(2)}

    assert ids_in(server) - before == made
    assert len(made) == 2


def test_a_lost_reply_without_a_mark_is_another_job(server: Serving, proxy: CuttingProxy) -> None:
    before = ids_in(server)
    proxy.cuts = 1
    with httpx2.Client(base_url=proxy.url) as plain:
        with pytest.raises(httpx2.RemoteProtocolError):
            plain.post("/v1/videos", json=VIDEO)
        made = plain.post("/v1/videos", json=VIDEO).json()["id"]

    assert len(ids_in(server) - before) == 2
    assert made in ids_in(server)


@pytest.mark.parametrize("key", [None, "order-17"], ids=["marked", "with a key"])
@pytest.mark.slow
def test_a_retry_after_a_kill_finds_the_job_of_the_killed_server(
    tmp_path: Path, key: str | None
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    with Serving(tmp_path) as first, cutting_proxy(port_of(first)) as proxy:
        proxy.cuts = 1

        def restart() -> None:
            first.kill()
            again.append(Serving(tmp_path))
            proxy.port = port_of(again[0])

        again: list[Serving] = []
        with sdk(proxy.url, max_retries=8) as client, ThreadPoolExecutor(1) as pool:
            making = pool.submit(create, client, "through a kill", extra_headers=headers)
            while not proxy.was_cut:
                assert not making.done()
                time.sleep(0.005)
            restart()
            with again[0] as second:
                video_id = making.result(timeout=60)

                assert ids_in(second) == {video_id}


# --- keys --------------------------------------------------------------------------------------


def test_one_key_is_one_job_in_every_dialect_and_spelling(server: Serving) -> None:
    before = ids_in(server)
    headers = {"Idempotency-Key": "in every spelling"}
    with PHOTOS.joinpath("chelsea.jpg").open("rb") as photo:
        form = server.http.post(
            "/v1/videos", data=FORM, files={"input_reference": photo}, headers=headers
        )
    task = server.http.post("/v1/tasks/submit", json=TASK, headers=headers)
    json = server.http.post("/v1/videos", json=VIDEO, headers=headers)
    plain = server.http.post("/v1/videos", json=VIDEO)

    made = form.json()["id"]
    assert task.json()["output"] == {"task_id": made}
    assert json.json()["id"] == made
    assert json.json().keys() == form.json().keys()
    assert ids_in(server) - before == {made, plain.json()["id"]}


@pytest.mark.slow
def test_an_answer_under_a_known_key_shows_the_job_as_it_is(server: Serving) -> None:
    headers = {"Idempotency-Key": "until it is done"}
    first = server.http.post("/v1/tasks/submit", json=TASK, headers=headers).json()
    server.wait(first["output"]["task_id"])

    again = server.http.post("/v1/videos", json=VIDEO, headers=headers)

    assert (again.status_code, again.json()["status"]) == (200, "SUCCESS")
    assert again.headers["x-unstill-engine"] == "camera"
    assert "openai-poll-after-ms" not in again.headers


def test_the_sdk_is_told_of_a_key_for_other_fields_and_does_not_try_again(
    server: Serving, proxy: CuttingProxy
) -> None:
    with sdk(proxy.url, max_retries=3) as client:
        headers = {"Idempotency-Key": "for one thing"}
        create(client, "one thing", extra_headers=headers)
        before = ids_in(server)
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            create(client, "another thing", extra_headers=headers)

    assert (refused.value.code, refused.value.param) == (
        "idempotency_key_reused",
        "Idempotency-Key",
    )
    assert ids_in(server) == before


def test_a_key_that_is_too_long_is_refused_in_each_dialect(server: Serving) -> None:
    headers = {"Idempotency-Key": "k" * 256}
    task = server.http.post("/v1/tasks/submit", json=TASK, headers=headers)
    video = server.http.post("/v1/videos", json=VIDEO, headers=headers)

    assert (task.status_code, task.json()["error"]["code"]) == (400, "param_error")
    assert (video.status_code, video.json()["error"]["param"]) == (400, "Idempotency-Key")


def test_calls_at_one_moment_with_one_key_make_one_job(server: Serving) -> None:
    before = ids_in(server)
    together = Barrier(8)

    def post(n: int) -> str:
        with httpx2.Client(base_url=server.url, timeout=60) as http:
            together.wait(10)
            answer = http.post(
                "/v1/videos", json=VIDEO, headers={"Idempotency-Key": f"at once {n % 2}"}
            )
            return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(post, range(8)))

    assert ids_in(server) - before == set(made)
    assert made == made[:2] * 4
    assert made[0] != made[1]


@pytest.mark.slow
def test_every_key_is_one_job_whenever_the_server_is_killed(tmp_path: Path) -> None:
    body = VIDEO | {"input_reference": "http://127.0.0.1:1/no-picture"}
    keys = [f"key-{n // 2}" for n in range(160)]  # each twice, at about the same time
    heard: list[tuple[str, str]] = []
    lost: list[str] = []

    def post(server: Serving, key: str) -> None:
        headers = {"Idempotency-Key": key}
        try:
            answer = server.http.post("/v1/videos", json=body, headers=headers)
        except httpx2.TransportError:
            lost.append(key)
            return
        heard.append((key, answer.json()["id"]))

    for kill_at in (30, 60, None):  # answers, of all so far
        with Serving(tmp_path) as server, ThreadPoolExecutor(8) as pool:
            posts = [pool.submit(post, server, key) for key in keys]
            while kill_at is not None and len(heard) < kill_at:
                assert not all(each.done() for each in posts)
                time.sleep(0.001)
            if kill_at is not None:
                server.process.kill()
            for each in posts:
                each.result()
            stored = ids_in(server) if kill_at is None else set()

    assert lost
    assert len(set(heard)) == len(set(keys))  # one id for each key, whichever server was asked
    assert {key for key, _ in heard} == set(keys)
    assert stored == {job_id for _, job_id in heard}


# --- when to ask again -------------------------------------------------------------------------


@pytest.mark.slow
def test_an_sdk_is_advised_when_to_ask_again_until_the_video_is_there(server: Serving) -> None:
    shown: list[int] = []
    with sdk(server.url, max_retries=0) as client:
        raw = client.videos.with_raw_response
        created = raw.create(prompt="push in", input_reference=PHOTO, extra_body=SMALL)
        answer, video_id = created, created.parse().id
        while answer.parse().status in {"queued", "in_progress"}:
            assert 1000 <= int(answer.headers["openai-poll-after-ms"]) <= 5000
            shown.append(answer.parse().progress)
            answer = raw.retrieve(video_id)

    assert "openai-poll-after-ms" not in answer.headers
    assert shown == sorted(shown)
    assert max(shown) < 100
    assert (answer.parse().status, answer.parse().progress) == ("completed", 100)


def test_only_callers_in_openais_words_are_advised(server: Serving) -> None:
    unified = {"input_reference": {"content": [VIDEO["input_reference"]]}}
    made = server.http.post("/v1/videos", json=VIDEO | {"seconds": "12"} | unified)
    one = f"/v1/videos/{made.json()['id']}"
    plain = server.http.get(one)
    of_sdk = server.http.get(one, headers={"X-Stainless-Lang": "js"})
    azure = server.http.get(f"/openai{one}")
    task = server.http.get("/v1/tasks/status", params={"task_id": made.json()["id"]})

    assert plain.json()["status"] in {"QUEUED", "IN_PROGRESS"}
    assert [
        "openai-poll-after-ms" in answer.headers for answer in (made, plain, of_sdk, azure, task)
    ] == [False, False, True, True, False]
