"""A quote refuses what the create call of the same fields would, in its words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from support.quote_calls import MONEY, PHOTO, WAN22, WAN27, asked, create_call, refused
from support.servers import Serving
from unstill.media.picture_limits import MAX_PIXELS
from unstill.server.quotes import MOST_BODY_BYTES


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    with Serving(tmp_path_factory.mktemp("quotes"), config=MONEY) as server:
        yield server.http


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        (WAN22, {}, "prompt"),
        (WAN22, {"prompt": " "}, "prompt"),
        (WAN27, {"duration": 16}, "duration"),
        (WAN27, {"duration": 1}, "duration"),
        (WAN22, {"prompt": "a", "duration": 6}, "duration"),
        (WAN27, {"duration": "five"}, "duration"),
        (WAN27, {"resolution": "480P"}, "resolution"),
        (WAN27, {"size": "254x256"}, "size"),
        (WAN27, {"size": "320x256", "aspect_ratio": "9:16"}, "aspect_ratio"),
        (WAN27, {"seed": 2_147_483_648}, "seed"),
        (WAN27, {"watermark": 7}, "watermark"),
        (WAN27, {"prompt": "a" * 32_001}, "prompt"),
        ("wan2.7", {}, "model"),
    ],
)
def test_what_a_create_call_refuses_is_refused_in_its_words(
    http: httpx2.Client, model: str, fields: dict[str, Any], param: str
) -> None:
    status, code, named, words = refused(http, asked(model, **fields))
    call = create_call(http, WAN27, fields, PHOTO)
    answer = http.post("/v1/tasks/submit", json=call | {"model": model})
    of_create = answer.json()["error"]["message"]

    assert (status, named) == (400, param)
    assert code in {"invalid_parameter", "missing_parameter", "model_not_found"}
    plain = of_create.replace("parameters.", "").replace("input.", "")
    assert words.split(";")[0] == plain.split(";")[0]


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({"duration": 15}, PHOTO),
        ({"duration": 2}, PHOTO),
        ({"seed": 2_147_483_647}, PHOTO),
        ({"size": "256x256"}, PHOTO),
        ({"prompt": "図" * 32_000, "negative_prompt": "🎥" * 32_000}, PHOTO),
        ({}, {"first": {"width": 240, "height": 240}, "last": {"width": 240, "height": 1920}}),
        ({}, {"first": {"width": 12_000, "height": 10_000}, "last": None}),
    ],
)
def test_what_is_just_within_the_limits_is_quoted(
    http: httpx2.Client, fields: dict[str, Any], frames: dict[str, Any]
) -> None:
    body = asked(WAN27, frames, **fields)
    raw = httpx2.Request("POST", "http://any", json=body).content  # not escaped

    answer = http.post("/v1/quotes", content=raw, headers={"content-type": "application/json"})

    assert answer.status_code == 200, answer.text


def sides(width: object, height: object = 600) -> dict[str, Any]:
    return {"width": width, "height": height}


@pytest.mark.parametrize(
    ("frames", "param", "words"),
    [
        ({}, "first_frame", ""),
        ({"first": None}, "first_frame", ""),
        ({"last": sides(800)}, "first_frame", ""),
        ({"first": sides(239, 239)}, "first_frame", "at least 240 px, got 239x239"),
        ({"first": sides(240, 1921)}, "first_frame", "ratio must be 1:8 to 8:1, got 240x1921"),
        ({"first": sides(800), "last": sides(100)}, "last_frame", "at least 240 px"),
        (
            {"first": sides(12_001, 10_000)},
            "first_frame",
            "a picture must have at most 120 megapixels, got 12001x10000",
        ),
        ({"first": {"width": 800}}, "frames.first.height", "height in pixels"),
        ({"first": {}}, "frames.first.width", "width in pixels"),
        ({"first": sides(0)}, "frames.first.width", "from 1 to"),
        ({"first": sides(MAX_PIXELS + 1)}, "frames.first.width", "from 1 to"),
        ({"first": sides("800")}, "frames.first.width", "whole number"),
        ({"first": sides(1.5)}, "frames.first.width", "whole number"),
        ({"first": [800, 600]}, "frames.first", "an object"),
        ({"first": sides(800) | {"data": "x"}}, "data", "absent"),
        ({"middle": sides(800)}, "middle", "absent"),
        ([], "frames", "an object"),
    ],
)
def test_a_picture_is_told_by_its_sides_and_refused_as_it_would_be(
    http: httpx2.Client, frames: object, param: str, words: str
) -> None:
    status, _, named, message = refused(http, asked(WAN27, frames))

    assert (status, named) == (400, param)
    assert words in message


def test_what_no_engine_can_do_is_refused_by_the_canonical_name(http: httpx2.Client) -> None:
    refusal = refused(http, asked("far", prompt="a", duration=8))

    assert refusal == (400, "invalid_parameter", "duration", "duration must be 5, got 8")


@pytest.mark.parametrize(
    "body", [[], {"frames": PHOTO}, asked() | {"fields": None}, asked() | {"picture": "x"}]
)
def test_another_body_is_refused(http: httpx2.Client, body: object) -> None:
    assert (refused(http, body))[0] == 400


def test_a_quote_has_a_small_body(http: httpx2.Client) -> None:
    head = {"content-type": "application/json"}
    fits = b'{"model": "x"}'.ljust(MOST_BODY_BYTES)

    def pieces() -> Iterator[bytes]:
        for _ in range(5):
            yield b" " * (MOST_BODY_BYTES // 4)

    largest = http.post("/v1/quotes", content=fits, headers=head)
    larger = http.post("/v1/quotes", content=fits + b" ", headers=head)
    unsaid = http.post("/v1/quotes", content=pieces(), headers=head)
    form = http.post("/v1/quotes", data={"model": WAN27})

    assert largest.json()["error"]["code"] == "model_not_found"
    assert (larger.status_code, unsaid.status_code, form.status_code) == (413, 413, 415)
