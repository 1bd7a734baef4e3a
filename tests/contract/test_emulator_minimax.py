"""MiniMax's emulator refuses what its documents refuse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.emulator_process import Emulator
from support.kind_rows import CHELSEA_URL, PICTURE
from support.kinds.minimax import MINIMAX_TASKS, h3
from support.upstream_calls import link_to, polled, submitted, word

QUERIES = "/v2/query/video_generation"
TEXT = {"type": "text", "text": "a cat"}
FIRST = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
LAST = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "last_frame"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator("minimax", job_s=600) as emulating:
        yield emulating


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"negative_prompt": "blur"},
        {"generate_audio": False},
        {"duration": 3},
        {"duration": 16},
        {"duration": None},
        {"resolution": "720P"},
        {"resolution": None},
        {"ratio": "16:9"},
        {"content": [FIRST]},  # without a text
        {"content": [{**TEXT, "text": "x" * 7001}, FIRST]},
        {"content": [TEXT, LAST]},
        {"content": [TEXT, FIRST, FIRST]},
        {"content": [TEXT, {**FIRST, "image_url": {"url": "data:image/png;base64,AAAA"}}]},
        {"model": "MiniMax-H4"},
        {"model": "MiniMax-H3-Max", "duration": 4},
        {"model": "MiniMax-H3-Max", "resolution": "2K"},
    ],
)
def test_what_no_page_allows_is_a_400_and_not_charged(
    changes: dict[str, Any], emulator: Emulator
) -> None:
    before = emulator.charges()["accepted"]
    answer = emulator.http.post(MINIMAX_TASKS, json=h3(**changes))

    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["type"] == "bad_request_error"
    assert emulator.charges()["accepted"] == before


@pytest.mark.parametrize(
    "changes",
    [
        {"duration": 4, "ratio": "adaptive"},
        {"duration": 15, "resolution": "2K", "aigc_watermark": True},
        {"content": [TEXT, FIRST, LAST]},
        {"content": [{**TEXT, "text": "x" * 7000}, FIRST]},
        {"content": [TEXT, {**FIRST, "image_url": {"url": CHELSEA_URL}}]},
        {"model": "MiniMax-H3-Max", "resolution": "480P"},
    ],
)
def test_what_a_page_allows_is_taken(changes: dict[str, Any], emulator: Emulator) -> None:
    assert emulator.http.post(MINIMAX_TASKS, json=h3(**changes)).status_code == 200


def test_each_query_gives_a_new_link(emulator: Emulator) -> None:
    job_id = submitted(emulator)
    emulator.finish()

    assert link_to(emulator, job_id) != link_to(emulator, job_id)


def test_a_delete_cancels_what_is_queued_and_forgets_what_has_ended(emulator: Emulator) -> None:
    queued, ended = submitted(emulator), submitted(emulator)
    cancelled = emulator.http.delete(f"{MINIMAX_TASKS}/{queued}")
    emulator.finish()

    assert (cancelled.status_code, cancelled.json()) == (200, {})
    assert word(polled(emulator, queued)) == "cancelled"
    assert emulator.http.delete(f"{MINIMAX_TASKS}/{queued}").status_code == 400
    assert emulator.http.delete(f"{MINIMAX_TASKS}/{ended}").status_code == 200
    assert polled(emulator, ended).status_code == 404


def test_the_list_shows_the_tasks_of_each_repeated_id(emulator: Emulator) -> None:
    first, _, third = (submitted(emulator) for _ in range(3))
    ids = {"filter.task_ids": [first, third]}
    found = emulator.http.get(QUERIES, params={**ids, "page_size": 500}).json()

    assert [each["id"] for each in found["items"]] == [third, first]
    assert found["total"] == 2
    for size in ("0", "501", "x"):
        assert emulator.http.get(QUERIES, params={"page_size": size}).status_code == 400
