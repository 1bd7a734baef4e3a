"""Kling's emulator refuses what its documents refuse."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from support.emulator_process import KEY, Emulator
from support.kind_rows import CHELSEA, CHELSEA_URL, PICTURE
from support.kinds.kling import KLING_30, kling
from support.upstream_calls import polled, submitted

TURBO = "/image-to-video/kling-3.0-turbo"
PROMPT = {"type": "prompt", "text": "a cat"}
FIRST = {"type": "first_frame", "url": PICTURE}
LAST = {"type": "last_frame", "url": PICTURE}
BARE = b64encode(CHELSEA).decode()


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator("kling", job_s=600) as emulating:
        yield emulating


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (KLING_30, {"model": "kling-3.0"}),  # it is in the route
        (KLING_30, {"contents": [PROMPT]}),
        (KLING_30, {"contents": [PROMPT, LAST]}),
        (KLING_30, {"contents": [PROMPT, FIRST, FIRST]}),
        (KLING_30, {"contents": [PROMPT, PROMPT, FIRST]}),
        (KLING_30, {"contents": [{**PROMPT, "text": "x" * 3073}, FIRST]}),
        (KLING_30, {"contents": [PROMPT, {**FIRST, "url": CHELSEA_URL}]}),
        (KLING_30, {"contents": [PROMPT, {**FIRST, "url": "AAAA"}]}),
        (KLING_30, {"contents": [PROMPT, {**FIRST, "role": "first"}]}),
        (KLING_30, {"settings": {"resolution": "480p"}}),
        (KLING_30, {"settings": {"duration": 2}}),
        (KLING_30, {"settings": {"duration": 16}}),
        (KLING_30, {"settings": {"duration": "5"}}),
        (KLING_30, {"settings": {"audio": True}}),
        (KLING_30, {"settings": {"multi_shot": "no"}}),
        (KLING_30, {"settings": {"seed": 7}}),
        (KLING_30, {"settings": {"aspect_ratio": "16:9"}}),
        (KLING_30, {"options": {"watermark_info": True}}),
        (KLING_30, {"options": {"watermark_info": {"enabled": 1}}}),
        (KLING_30, {"options": {"external_task_id": 7}}),
        (TURBO, {"settings": {"multi_shot": False}}),
        (TURBO, {"settings": {"audio": "off"}}),
        (TURBO, {"settings": {"resolution": "4k"}}),
        (TURBO, {"contents": [PROMPT, FIRST, LAST], "settings": {}}),
        (TURBO, {"contents": [{**PROMPT, "text": "x" * 2501}, FIRST], "settings": {}}),
    ],
)
def test_what_no_page_allows_is_a_1201_and_not_charged(
    path: str, changes: dict[str, Any], emulator: Emulator
) -> None:
    before = emulator.charges()["accepted"]
    answer = emulator.http.post(path, json=kling(**changes))

    assert (answer.status_code, answer.json()["code"]) == (400, 1201), answer.text
    assert emulator.charges()["accepted"] == before


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        (KLING_30, {"contents": [FIRST]}),
        (KLING_30, {"contents": [PROMPT, FIRST, LAST]}),
        (KLING_30, {"contents": [{**PROMPT, "text": "x" * 3072}, FIRST]}),
        (KLING_30, {"contents": [PROMPT, {**FIRST, "url": BARE}]}),
        (KLING_30, {"settings": {"resolution": "4k", "duration": 3, "audio": "native"}}),
        (KLING_30, {"settings": {"duration": 15, "multi_shot": True}}),
        (KLING_30, {"options": {"external_task_id": "", "callback_url": "https://x/cb"}}),
        (KLING_30, {"options": {"watermark_info": {"enabled": True}}}),
        (TURBO, {"settings": {"resolution": "1080p", "duration": 10}}),
        (TURBO, {"contents": [{**PROMPT, "text": "x" * 2500}, FIRST], "settings": {}}),
    ],
)
def test_what_a_page_allows_is_taken(
    path: str, changes: dict[str, Any], emulator: Emulator
) -> None:
    answer = emulator.http.post(path, json=kling(**changes))

    assert (answer.status_code, answer.json()["code"]) == (200, 0), answer.text
    assert answer.json()["data"]["status"] == "submitted"


def test_a_model_and_a_route_that_do_not_exist_have_codes_of_their_own(emulator: Emulator) -> None:
    model = emulator.http.post("/image-to-video/kling-9.0", json=kling())
    route = emulator.http.get("/v1/videos/image2video/1")

    assert (model.status_code, model.json()["code"]) == (404, 1203)
    assert (route.status_code, route.json()["code"]) == (404, 1202)


def test_a_missing_key_is_told_from_a_wrong_one() -> None:
    with Emulator("kling", job_s=600) as emulator:
        emulator.http.headers["authorization"] = f"Bearer {KEY}x"
        wrong = emulator.http.get("/tasks?task_ids=1")
        del emulator.http.headers["authorization"]
        missing = emulator.http.get("/tasks?task_ids=1")

    assert (wrong.status_code, wrong.json()["code"]) == (401, 1002)
    assert (missing.status_code, missing.json()["code"]) == (401, 1001)


def test_tasks_are_found_by_their_ids_or_by_ours_and_never_by_both(emulator: Emulator) -> None:
    options = {"external_task_id": "mine-1"}
    mine = emulator.http.post(KLING_30, json=kling(options=options)).json()["data"]["id"]
    other = submitted(emulator)
    by_ids = emulator.http.get("/tasks", params={"task_ids": f"{other},unknown,{mine}"}).json()
    by_ours = emulator.http.get("/tasks", params={"external_task_ids": "mine-1,mine-2"}).json()

    assert [each["id"] for each in by_ids["data"]] == [other, mine]
    assert [each["external_id"] for each in by_ids["data"]] == ["", "mine-1"]
    assert [each["id"] for each in by_ours["data"]] == [mine]
    for query in ("", "?task_ids=1&external_task_ids=mine-1", "?task_ids="):
        assert emulator.http.get(f"/tasks{query}").json()["code"] == 1201


def test_an_external_id_is_taken_once_whatever_else_is_sent(emulator: Emulator) -> None:
    options = {"external_task_id": "twice"}
    first = emulator.http.post(KLING_30, json=kling(options=options))
    again = emulator.http.post(KLING_30, json=kling("a dog", options=options))

    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 400, 1201)


def test_a_finished_task_says_its_links_and_what_it_was_billed(emulator: Emulator) -> None:
    options = {"watermark_info": {"enabled": True}}
    plain = submitted(emulator)
    marked = emulator.http.post(KLING_30, json=kling(options=options)).json()["data"]["id"]
    large = emulator.http.post(KLING_30, json=kling(settings={"resolution": "4k"})).json()
    emulator.finish()
    tasks = [polled(emulator, each).json()["data"][0] for each in (plain, marked)]
    unpriced = polled(emulator, large["data"]["id"]).json()["data"][0]

    assert [bool(each["outputs"][0]["watermark_url"]) for each in tasks] == [False, True]
    assert tasks[0]["billing"][0]["amount"] == "0.42"
    assert tasks[0]["billing"][0]["currency"] == "USD"
    assert unpriced["billing"] == []


def test_our_id_finds_its_task_after_a_restart(tmp_path: Any) -> None:
    state = str(tmp_path / "jobs")
    first = Emulator("kling", job_s=600, state=state)
    body = kling(options={"external_task_id": "kept"})
    made = first.http.post(KLING_30, json=body).json()["data"]["id"]
    first.kill()
    with Emulator("kling", job_s=600, state=state) as second:
        found = second.http.get("/tasks", params={"external_task_ids": "kept"}).json()["data"]

    assert [(each["id"], each["external_id"]) for each in found] == [(made, "kept")]
