"""Webhooks by the real server process to real receivers that fail, hang, redirect, reset, die."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from support.free_ports import free_port
from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving
from support.webhook_listing import NO_PICTURE, SIGNING, failing, listed_as, unstill
from support.webhook_receiver import (
    OLD_SECRET,
    SECRET,
    Got,
    answers,
    answers_late,
    hangs,
    is_verified,
    receiving,
    resets,
)

SYNC = "/api/v1/services/aigc/video-generation/video-synthesis"


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that signs with two secrets, and may send to loopback."""
    folder: Path = tmp_path_factory.mktemp("hooked")
    with Serving(folder, environment=LOOPBACK_ALLOWED | SIGNING) as serving:
        yield serving


def seconds(got: list[Got]) -> list[float]:
    """From each request to the next."""
    return [after.at_s - before.at_s for before, after in pairwise(got)]


# --- what comes --------------------------------------------------------------------------------


def test_a_finished_video_is_told_in_an_event_that_both_libraries_believe(
    hooked: Serving, pictures: PictureHost
) -> None:
    with receiving() as receiver:
        job_id = hooked.submit(
            {
                "model": "wan2.7-i2v",
                "input": {"img_url": f"{pictures.url}/coffee.jpg"},
                "parameters": {"size": "320x256", "duration": 2},
                "webhook_url": f"{receiver.url}?token=t0ken",
            }
        )
        (got,) = receiver.wait(1, within_s=60)
    status = hooked.status(job_id)["output"]

    assert status["task_status"] == "Success"
    assert json.loads(got.body) == {
        "id": f"evt_{job_id}",
        "object": "event",
        "created_at": status["finish_time"],
        "type": "video.completed",
        "data": {"id": job_id},
    }
    assert got.path == "/hook?token=t0ken"
    assert got.headers["webhook-id"] == f"evt_{job_id}"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"].startswith("unstill/")
    assert is_verified(got, SECRET)
    assert is_verified(got, OLD_SECRET)
    with OpenAI(api_key="none", webhook_secret=SECRET) as client:
        event: Any = client.webhooks.unwrap(got.body, got.headers)
    assert (event.type, event.data.id) == ("video.completed", job_id)


def test_a_forged_event_is_believed_by_neither_library(hooked: Serving) -> None:
    with receiving() as receiver:
        hooked.submit(failing(receiver.url))
        (got,) = receiver.wait(1)
    altered = got._replace(body=got.body.replace(b"failed", b"completed"))
    moved = got._replace(headers={**got.headers, "webhook-id": "evt_other"})
    other_secret = "whsec_" + "Zm9yZ2VkLWZvcmdlZC1mb3JnZWQtZm9yZ2Vk"

    assert is_verified(got, SECRET)
    assert not is_verified(got, other_secret)
    assert not is_verified(altered, SECRET)
    assert not is_verified(moved, SECRET)


@pytest.mark.parametrize("way", ["json", "form", "multipart", "openai", "dashscope"])
def test_every_dialect_takes_an_address(hooked: Serving, way: str) -> None:
    with receiving() as receiver:
        body = video() | {"webhook_url": receiver.url}
        match way:
            case "json":
                answer = hooked.http.post("/v1/videos", json=body)
            case "form":
                answer = hooked.http.post("/v1/videos", data=body)
            case "multipart":
                parts = [(name, (None, value)) for name, value in body.items()]
                answer = hooked.http.post("/v1/videos", files=parts)
            case "openai":
                answer = hooked.http.post("/openai/v1/videos", json=body)
            case _:
                asynchronous = {"x-dashscope-async": "enable"}
                answer = hooked.http.post(SYNC, json=failing(receiver.url), headers=asynchronous)
        (got,) = receiver.wait(1)
    made = answer.json()

    assert answer.status_code == 200, made
    assert "x-unstill-ignored" not in answer.headers
    assert json.loads(got.body)["type"] == "video.failed"
    assert json.loads(got.body)["data"]["id"] == made.get(
        "id", made.get("output", {}).get("task_id")
    )


def test_a_cancelled_job_is_told_as_failed_and_a_deleted_one_not_at_all(hooked: Serving) -> None:
    with receiving() as receiver, socket.create_server(("127.0.0.1", 0)) as silent:
        slow = failing(receiver.url)
        slow["input"] = {"img_url": f"http://127.0.0.1:{silent.getsockname()[1]}/cat.jpg"}
        deleted, stopped = hooked.submit(slow), hooked.submit(slow)
        hooked.http.delete(f"/v1/videos/{deleted}")
        hooked.http.post(f"/api/v1/tasks/{stopped}/cancel")
        last = hooked.submit(failing(receiver.url))
        got = receiver.wait(2)
        owed = unstill("list", "--limit", "1000", data_dir=hooked.data_dir).stdout

    ids = [json.loads(each.body)["data"]["id"] for each in receiver.got]
    assert len(got) == len(ids)
    assert sorted(ids) == sorted([stopped, last])
    assert stopped in owed
    assert deleted not in owed
    assert {json.loads(each.body)["type"] for each in got} == {"video.failed"}


# --- receivers in trouble ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_receiver_that_fails_is_tried_again_with_growing_pauses(hooked: Serving) -> None:
    with receiving(answers(503), resets) as receiver:
        job_id = hooked.submit(failing(receiver.url))
        got = receiver.wait(3)
        line = listed_as("delivered", hooked, job_id)

    assert len(receiver.got) == 3
    first_s, second_s = seconds(got)
    assert 1.5 < first_s < second_s
    assert 4.5 < second_s < 30
    assert {each.body for each in got} == {got[0].body}
    assert {each.headers["webhook-id"] for each in got} == {f"evt_{job_id}"}
    assert len({each.headers["webhook-timestamp"] for each in got}) == 3
    assert all(is_verified(each, SECRET) for each in got)
    assert "3 tries" in line


def test_a_redirect_is_a_failure_and_is_never_followed(hooked: Serving) -> None:
    with receiving() as elsewhere, receiving() as receiver:
        receiver.acts = [answers(307, Location=elsewhere.url)] * 20  # in time for the list
        job_id = hooked.submit(failing(receiver.url))
        line = listed_as("answered 307", hooked, job_id)
        receiver.wait(2)
        hooked.http.delete(f"/v1/videos/{job_id}")

    assert elsewhere.got == []
    assert line.startswith("owed")


def test_a_receiver_that_hangs_holds_up_no_other(hooked: Serving) -> None:
    with receiving(*[hangs] * 10) as hanging, receiving(answers_late(1)) as well:
        hung = [hooked.submit(failing(hanging.url)) for _ in range(10)]
        hanging.wait(4)
        began_s = time.monotonic()
        job_id = hooked.submit(failing(well.url))
        well.wait(1)
        took_s = time.monotonic() - began_s
        listed_as("delivered", hooked, job_id)
        for each in hung:
            hooked.http.delete(f"/v1/videos/{each}")

    assert took_s < 10  # each that hangs would take 15
    assert len(hanging.got) == 4


def test_a_receiver_that_was_away_is_told_when_it_is_back(hooked: Serving) -> None:
    port = free_port()
    job_id = hooked.submit(failing(f"http://127.0.0.1:{port}/hook"))
    hooked.wait(job_id)
    with receiving(port=port) as receiver:
        (got,) = receiver.wait(1)

    assert json.loads(got.body)["data"]["id"] == job_id


def test_deleting_a_job_ends_what_is_owed_for_it(hooked: Serving) -> None:
    with receiving(*[answers(500)] * 2) as receiver:
        job_id = hooked.submit(failing(receiver.url))
        receiver.wait(1)
        hooked.http.delete(f"/v1/videos/{job_id}")
        later = hooked.submit(failing(receiver.url))
        got = receiver.wait(3)  # a second try comes as long after the first of either

    assert [json.loads(each.body)["data"]["id"] for each in got] == [job_id, later, later]
    assert job_id not in unstill("list", data_dir=hooked.data_dir).stdout


# --- who may be told ---------------------------------------------------------------------------


def test_the_operators_own_receiver_may_be_private_and_a_callers_may_not(tmp_path: Path) -> None:
    with receiving() as receiver:
        keys = {"UNSTILL_API_KEYS": "team-a:sk-a,team-b:sk-b"}
        config = f'[webhooks]\nteam-a = "{receiver.url}?token=t0ken"\n'
        with Serving(tmp_path, environment=SIGNING | keys, config=config) as server:
            of_a, of_b = ({"authorization": f"Bearer {key}"} for key in ("sk-a", "sk-b"))
            submit = "/v1/tasks/submit"
            nowhere = {"img_url": "http://nobody.invalid/cat.png"}  # looked up when it is fetched
            in_figures = server.http.post(
                submit, json=failing(receiver.url, input=nowhere), headers=of_a
            )
            by_name = failing(f"http://localhost:{receiver.port}/hook", input=nowhere)
            named = server.http.post(submit, json=by_name, headers=of_a)
            server.http.post(submit, json=failing(None, input=nowhere), headers=of_b)
            plain = server.http.post(submit, json=failing(None, input=nowhere), headers=of_a)
            (got,) = receiver.wait(1)
            line = listed_as("could not be found", server, named.json()["output"]["task_id"])
        log = server.log

    assert in_figures.status_code == 400
    assert "webhook_url must be an address on the public internet" in in_figures.text
    assert json.loads(got.body)["data"]["id"] == plain.json()["output"]["task_id"]
    assert len(receiver.got) == 1
    assert "the host localhost could not be found on the public internet" in line
    assert "t0ken" not in log


def test_without_a_secret_a_request_that_asks_for_a_webhook_is_refused(server: Serving) -> None:
    answer = server.http.post("/v1/videos", json={"webhook_url": "https://example.com/", **video()})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "webhook_url"
    assert "until its operator sets UNSTILL_WEBHOOK_SECRET" in answer.json()["error"]["message"]


def test_the_same_key_with_another_address_is_refused(hooked: Serving) -> None:
    def create(path: str) -> httpx2.Response:
        with_key = {"idempotency-key": "hooked-17"}
        body = failing(f"http://127.0.0.1:9/{path}")
        return hooked.http.post("/v1/tasks/submit", json=body, headers=with_key)

    first, again, other = create("a"), create("a"), create("b")

    assert first.json()["output"] == again.json()["output"]
    assert other.status_code == 422


def test_a_call_that_comes_again_finds_its_job_when_webhooks_are_off_by_then(
    tmp_path: Path,
) -> None:
    body, again = failing("http://127.0.0.1:9/hook"), {"idempotency-key": "hooked-18"}
    with Serving(tmp_path, environment=LOOPBACK_ALLOWED | SIGNING) as server:
        first = server.http.post("/v1/tasks/submit", json=body, headers=again)
    with Serving(tmp_path, environment=LOOPBACK_ALLOWED) as server:
        second = server.http.post("/v1/tasks/submit", json=body, headers=again)
        new = server.http.post("/v1/tasks/submit", json=body)

    assert first.status_code == second.status_code == 200
    assert first.json()["output"] == second.json()["output"]
    assert new.status_code == 400
    assert "webhooks_not_sent" in server.log


@pytest.mark.slow
def test_the_log_tells_of_deliveries_and_no_secret(hooked: Serving) -> None:
    with receiving(answers(404)) as receiver:
        job_id = hooked.submit(failing(f"{receiver.url}?token=t0ken"))
        receiver.wait(2)
        listed_as("delivered", hooked, job_id)
    lines = [line for line in hooked.log.splitlines() if job_id in line and "webhook" in line]

    assert len(lines) == 2
    assert "answered 404" in lines[0]
    assert "delivered" in lines[1]
    assert "t0ken" not in hooked.log
    assert SECRET.removeprefix("whsec_") not in hooked.log


def video() -> dict[str, str]:
    return {"model": "wan2.7-i2v", "prompt": "a cat", "image_url": NO_PICTURE}
