"""Ark's emulator refuses what its documents refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from support.emulator_process import Emulator
from support.kind_rows import CHELSEA_URL, PICTURE
from support.kinds.ark import ARK_TASKS, seedance
from support.upstream_calls import link_to, polled, submitted, word

FIRST = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
LAST = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "last_frame"}
BARE = {"type": "image_url", "image_url": {"url": PICTURE}}
S25, S10 = "doubao-seedance-2-5-260628", "doubao-seedance-1-0-pro-250528"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator("ark", job_s=600, requests_per_s=0) as emulating:
        yield emulating


def post(emulator: Emulator, body: dict[str, Any]) -> httpx2.Response:
    return emulator.http.post(ARK_TASKS, json=body)


@pytest.mark.parametrize(
    "changes",
    [
        {"seconds": 5},  # unknown
        {"seed": 7},  # of 1.0 alone
        {"negative_prompt": "blur"},
        {"duration": 3},
        {"duration": 16},
        {"duration": "5"},
        {"resolution": "720P"},
        {"resolution": "768p"},
        {"ratio": "2:1"},
        {"watermark": "no"},
        {"priority": 10},
        {"execution_expires_after": 3599},
        {"content": []},
        {"content": [BARE, BARE]},  # two frames without roles
        {"content": [LAST]},
        {"content": [FIRST, FIRST]},
        {"content": [FIRST, {**BARE, "role": "reference_image"}]},
        {"content": [{"type": "video_url", "video_url": {"url": PICTURE}}]},
        {"content": [{**BARE, "image_url": {"url": CHELSEA_URL.replace("jpeg", "JPEG", 1)}}]},
        {"content": [{**BARE, "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"model": S25, "ratio": "16:9"},
        {"model": S25, "duration": 31},
        {"model": S25, "resolution": "4k"},
        {"model": S10, "generate_audio": True},
        {"model": S10, "duration": -1},
        {"model": S10, "frames": 30},
    ],
)
def test_what_no_page_allows_is_a_400_and_not_charged(
    changes: dict[str, Any], emulator: Emulator
) -> None:
    before = emulator.charges()["accepted"]
    answer = post(emulator, seedance(**changes))

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"].keys() == {"code", "message", "param", "type"}
    assert emulator.charges()["accepted"] == before


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 4},
        {"duration": 15},
        {"duration": -1},
        {"resolution": "4k", "ratio": "21:9"},
        {"content": [BARE]},
        {"content": [FIRST, LAST]},
        {"content": [{**BARE, "image_url": {"url": CHELSEA_URL}}]},
        {"model": S25, "ratio": "adaptive", "duration": 30},
        {"model": S25, "ratio": "16:9", "content": [{"type": "text", "text": "a cat"}]},
        {"model": S10, "seed": -1, "frames": 29},
        {"model": "ep-20261128-abcde"},
        {"seed": None},  # as the official SDK sends what was not given
    ],
)
def test_what_a_page_allows_is_taken(changes: dict[str, Any], emulator: Emulator) -> None:
    assert post(emulator, seedance(**changes)).status_code == 200


def test_a_ratio_with_frames_has_a_code_of_its_own(emulator: Emulator) -> None:
    answer = post(emulator, seedance(model=S25, ratio="16:9"))

    assert answer.json()["error"]["code"] == "InvalidParameter.TaskTypeConstraint"


def test_a_model_that_is_not_there_is_a_404(emulator: Emulator) -> None:
    answer = post(emulator, seedance(model="doubao-seedance-9"))

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "InvalidEndpointOrModel.NotFound"


def test_a_delete_cancels_what_is_queued_and_forgets_what_has_ended(emulator: Emulator) -> None:
    queued, ended = submitted(emulator), submitted(emulator)
    cancelled = emulator.http.delete(f"{ARK_TASKS}/{queued}")
    emulator.finish()
    again = emulator.http.delete(f"{ARK_TASKS}/{queued}")
    deleted = emulator.http.delete(f"{ARK_TASKS}/{ended}")

    assert (cancelled.status_code, cancelled.json()) == (200, {})
    assert word(polled(emulator, queued)) == "cancelled"
    assert (again.status_code, again.json()["error"]["code"]) == (409, "TaskRunningCannotCancel")
    assert (deleted.status_code, polled(emulator, ended).status_code) == (200, 404)


def test_the_list_shows_the_tasks_of_each_repeated_id(emulator: Emulator) -> None:
    first, _, third = (submitted(emulator) for _ in range(3))
    ids = {"filter.task_ids": [first, third]}
    found = emulator.http.get(ARK_TASKS, params={**ids, "page_size": 500}).json()
    one = emulator.http.get(ARK_TASKS, params={**ids, "page_size": 1, "page_num": 2})

    assert [each["id"] for each in found["items"]] == [third, first]
    assert found["total"] == 2
    assert [each["id"] for each in one.json()["items"]] == [first]
    for name in ("page_num", "page_size"):
        for number in ("0", "501", "x"):
            assert emulator.http.get(ARK_TASKS, params={name: number}).status_code == 400


def test_a_link_has_ended_after_its_day_and_the_content_with_it() -> None:
    with Emulator("ark", job_s=600, link_s=0) as emulator:
        job_id = submitted(emulator)
        emulator.finish()

        assert polled(emulator, job_id).json()["content"] is None
        assert word(polled(emulator, job_id)) == "succeeded"


def test_a_list_is_answered_once_a_second() -> None:
    with Emulator("ark", job_s=600) as emulator:
        statuses = [emulator.http.get(ARK_TASKS).status_code for _ in range(2)]

    assert statuses == [200, 429]


def test_tokens_are_told_of_what_was_made_alone(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    early = polled(emulator, job_id).json()["usage"]
    emulator.finish()
    late = polled(emulator, job_id).json()["usage"]

    assert early["completion_tokens"] == 0
    assert late["completion_tokens"] == 1280 * 720 * 24 * 5 // 1024
    assert link_to(emulator, job_id).startswith(emulator.url)
