"""An emulator calls back as its upstream does: signed, until it is taken, on this machine alone."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import pytest

from support.emulator_process import Emulator
from support.kind_rows import PICTURE
from support.kinds.kling import KLING_30, kling
from support.webhook_receiver import SECRET, Receiver, answers, is_verified, receiving, resets

ROUTER = {
    "model": "alibaba/wan-2.7",
    "prompt": "a cat",
    "duration": 5,
    "frame_images": [
        {"type": "image_url", "image_url": {"url": PICTURE}, "frame_type": "first_frame"}
    ],
}
FAL = "/fal-ai/wan/v2.7/image-to-video"
Submit = Callable[[Emulator, str], httpx2.Response]


def submit_kling(emulator: Emulator, url: str) -> httpx2.Response:
    return emulator.http.post(KLING_30, json=kling(options={"callback_url": url}))


def submit_openrouter(emulator: Emulator, url: str) -> httpx2.Response:
    return emulator.http.post("/api/v1/videos", json=ROUTER | {"callback_url": url})


def submit_fal(emulator: Emulator, url: str) -> httpx2.Response:
    body = {"image_url": PICTURE, "prompt": "a cat", "duration": 5, "resolution": "720p"}
    return emulator.http.post(FAL, params={"fal_webhook": url}, json=body)


SUBMITS: Mapping[str, Submit] = {
    "fal": submit_fal,
    "openrouter": submit_openrouter,
    "kling": submit_kling,
}


def told(kind: str, receiver: Receiver, count: int, url: str = "") -> list[dict[str, Any]]:
    """The bodies of the first callbacks of a job that takes half a second."""
    with Emulator(kind, job_s=0.5, callback_secret=SECRET) as emulator:
        answer = SUBMITS[kind](emulator, url or receiver.url)
        assert answer.status_code in {200, 202}, answer.text
        return [json.loads(each.body) for each in receiver.wait(count)]


def test_kling_calls_at_each_state_in_the_style_of_svix() -> None:
    with receiving() as receiver:
        bodies = told("kling", receiver, 2)

        assert [each["status"] for each in bodies] == ["processing", "succeeded"]
        assert all(is_verified(each, SECRET) for each in receiver.got)


def test_openrouter_calls_at_the_end() -> None:
    with receiving() as receiver:
        (body,) = told("openrouter", receiver, 1)
        (got,) = receiver.got

    stamp, signature = (
        part.partition("=")[2] for part in got.headers["x-openrouter-signature"].split(",")
    )
    expected = hmac.digest(SECRET.encode(), f"{stamp},".encode() + got.body, "sha256").hex()
    assert signature == expected
    assert body["type"] == "video.generation.completed"
    assert got.headers["x-openrouter-idempotency-key"] == f"{body['data']['id']}-completed"


def test_fal_calls_at_the_end_with_the_output() -> None:
    with receiving() as receiver:
        (body,) = told("fal", receiver, 1)
        (got,) = receiver.got

    assert body["status"] == "OK"
    assert body["payload"]["video"]["content_type"] == "video/mp4"
    assert got.headers["x-fal-webhook-request-id"] == body["request_id"]


@pytest.mark.parametrize("kind", SUBMITS)
def test_what_is_not_taken_is_sent_again(kind: str) -> None:
    with receiving(answers(500), resets) as receiver:
        bodies = told(kind, receiver, 3)

    ids = [each.get("request_id") or each.get("id") or each["data"]["id"] for each in bodies]
    assert len(set(ids)) == 1


@pytest.mark.parametrize("kind", ["openrouter", "kling"])
def test_without_a_secret_nothing_is_sent(kind: str) -> None:
    with receiving() as receiver, Emulator(kind, job_s=0.1) as emulator:
        SUBMITS[kind](emulator, receiver.url)
        time.sleep(0.6)

        assert receiver.got == []
        assert emulator.http.get("/_emulator/callbacks").json() == {"callbacks": []}


@pytest.mark.parametrize("host", ["localhost", "192.0.2.1", "example.com"])
def test_nobody_is_called_beyond_this_machine(host: str) -> None:
    with Emulator("fal", job_s=0.1) as emulator:
        submit_fal(emulator, f"https://{host}/hook")
        time.sleep(0.6)

        assert emulator.http.get("/_emulator/callbacks").json() == {"callbacks": []}
