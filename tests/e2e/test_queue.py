"""Jobs that wait for one slot: where they stand, and when their end is expected."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import httpx2
import pytest

from support.servers import PHOTOS, Serving

pytestmark = pytest.mark.slow

ONE_SLOT = '[engines.camera]\nkind = "camera"\nslots = 1\n'
CHELSEA = base64.b64encode((PHOTOS / "chelsea.jpg").read_bytes()).decode()
BODY = {
    "model": "openai/sora-2/image-to-video-pro",
    "input": {"first_frame_url": CHELSEA, "prompt": "push in"},
    "parameters": {"size": "848x480", "duration": 4},
}
STATUSES = ("/v1/tasks/status?task_id=", "/v1/videos/", "/openai/v1/videos/", "/api/v1/tasks/")
TIMES_OFF = 3  # the machine has other things to do, and more at one time than at another


def submitted(server: Serving) -> tuple[str, httpx2.Headers]:
    answer = server.http.post("/v1/tasks/submit", json=BODY)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"]), answer.headers


def headers(server: Serving, job_id: str, status: str = STATUSES[0]) -> httpx2.Headers:
    answer = server.http.get(f"{status}{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.headers


def position(told: httpx2.Headers) -> int | None:
    value = told.get("x-unstill-queue-position")
    return None if value is None else int(value)


def left_s(told: httpx2.Headers) -> float | None:
    end = told.get("x-unstill-expected-end")
    return None if end is None else int(end) - time.time()


def render_of(server: Serving, job_id: str) -> None:
    """Wait until the one slot has the job."""
    deadline = time.monotonic() + 30
    while position(headers(server, job_id)) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_positions_only_fall_and_what_is_expected_comes_true(tmp_path: Path) -> None:
    with Serving(tmp_path, config=ONE_SLOT) as server:
        first, told = submitted(server)
        of_nothing = left_s(told)
        server.wait(first)
        for _ in range(2):  # its process had to come up for the first one
            server.wait(submitted(server)[0])
        of_an_ended_job = headers(server, first)
        running, _ = submitted(server)
        render_of(server, running)
        begun_s = time.monotonic()
        queue = [submitted(server) for _ in range(3)]
        promised_s = [left_s(told) for _, told in queue]
        last = queue[-1][0]
        seen = [position(told) for _, told in queue[-1:]]
        while seen[-1] is not None:
            seen.append(position(headers(server, last)))
            time.sleep(0.02)
        server.wait(last)
        took_s = time.monotonic() - begun_s

    places = [each for each in seen if each is not None]
    assert of_nothing is None
    assert [position(told) for _, told in queue] == [1, 2, 3]
    assert places == sorted(places, reverse=True)
    assert set(places) == {1, 2, 3}
    assert promised_s[0] is not None
    assert promised_s[-1] is not None
    assert promised_s[0] < promised_s[-1]
    assert took_s / TIMES_OFF < promised_s[-1] < took_s * TIMES_OFF
    assert {"x-unstill-queue-position", "x-unstill-expected-end"}.isdisjoint(of_an_ended_job)


def test_a_restart_knows_the_queue_and_the_times_at_once_in_every_dialect(tmp_path: Path) -> None:
    with Serving(tmp_path, config=ONE_SLOT) as server:
        measured, _ = submitted(server)
        server.wait(measured)
        ids = [submitted(server)[0] for _ in range(4)]
        server.kill()

    with Serving(tmp_path, config=ONE_SLOT) as server:
        render_of(server, ids[0])
        told = [headers(server, ids[-1], status) for status in STATUSES]

    assert {position(each) for each in told} == {3}
    ends = [left_s(each) for each in told]
    assert all(end is not None and end > 0 for end in ends)
