"""Long polls and event streams against the real process: no change is late, none is missed."""

from __future__ import annotations

import json
import signal
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from support.emulator_process import Emulator
from support.servers import PHOTOS, Serving
from support.settings_files import ONLY_UPSTREAMS, engine, model

MODEL = "openai/sora-2/image-to-video-pro"
UPSTREAM_JOB_S = 600.0  # they end when a test says so
SOON_S = 20.0  # on a busy machine; who is not woken waits for a minute
WAITERS = 200  # so many wait in each way
ENDS_WITHIN_S = 20.0  # likewise


class Place(NamedTuple):
    """A server whose jobs end when their upstream says so."""

    server: Serving
    upstream: Emulator

    def job(self) -> str:
        """A job that its upstream has begun to render."""
        video = self.create()
        deadline = time.monotonic() + 20
        while self.server.http.get(f"/v1/videos/{video}").json()["status"] != "in_progress":
            assert time.monotonic() < deadline, self.server.log
            time.sleep(0.05)
        return video

    def create(self) -> str:
        files = {"input_reference": (PHOTOS / "coffee.jpg").read_bytes()}
        answer = self.server.http.post(
            "/v1/videos", data={"model": MODEL, "prompt": "push in"}, files=files
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])


@contextmanager
def placed(folder: Path, **options: Any) -> Iterator[Place]:
    with Emulator("openai", **{"job_s": UPSTREAM_JOB_S} | options) as upstream:
        config = "".join((ONLY_UPSTREAMS, engine("ours", upstream), model(MODEL, "ours")))
        with Serving(folder, config=config) as server:
            yield Place(server, upstream)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with placed(tmp_path_factory.mktemp("waiting")) as place:
        yield place


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


# --- long polls ----------------------------------------------------------------------------------


STATUSES = {
    "tasks": "/v1/tasks/status?task_id={}&wait={}",
    "videos": "/v1/videos/{}?wait={}",
    "azure": "/openai/v1/videos/{}?wait={}",
    "dashscope": "/api/v1/tasks/{}?wait={}",
}
each_dialect = pytest.mark.parametrize("status", STATUSES.values(), ids=STATUSES)


def timed(server: Serving, path: str) -> tuple[float, httpx2.Response]:
    """How long the answer took, in seconds, and the answer."""
    begun_s = time.monotonic()
    with httpx2.Client(base_url=server.url, timeout=80) as http:
        answer = http.get(path)
    return time.monotonic() - begun_s, answer


@each_dialect
def test_a_long_poll_answers_the_end_as_soon_as_it_is_there(
    place: Place, threads: ThreadPoolExecutor, status: str
) -> None:
    video = place.job()
    asked = threads.submit(timed, place.server, status.format(video, 60))
    time.sleep(0.5)
    is_early = asked.done()
    place.upstream.finish()
    begun_s = time.monotonic()
    answer = asked.result()[1]
    while not has_ended(answer):  # a video that is being saved is a change too
        answer = timed(place.server, status.format(video, 60))[1]
    late_s = time.monotonic() - begun_s
    at_once_s, again = timed(place.server, status.format(video, 60))

    assert not is_early
    assert late_s < SOON_S
    assert at_once_s < SOON_S
    assert without_request_id(again) == without_request_id(answer)


def has_ended(answer: httpx2.Response) -> bool:
    assert answer.status_code == 200, answer.text
    return any(word in answer.text for word in ('"completed"', '"Success"', '"SUCCEEDED"'))


def without_request_id(answer: httpx2.Response) -> object:
    return {key: value for key, value in answer.json().items() if key != "request_id"}


@each_dialect
def test_a_long_poll_answers_at_the_end_of_its_time_with_what_is_true_then(
    place: Place, status: str
) -> None:
    video = place.job()
    took_s, answer = timed(place.server, status.format(video, 0.7))

    assert 0.7 <= took_s < SOON_S
    assert answer.status_code == 200
    place.upstream.finish()


@each_dialect
def test_a_wait_of_more_than_a_minute_is_refused_in_the_dialects_envelope(
    place: Place, status: str
) -> None:
    refused = place.server.http.get(status.format("unknown", 60.5))

    assert refused.status_code == 400
    assert "wait must be a number of seconds, 0 to 60, got" in refused.text


@each_dialect
def test_a_wait_for_an_unknown_job_answers_at_once(place: Place, status: str) -> None:
    took_s, answer = timed(place.server, status.format("unknown", 60))

    assert took_s < SOON_S
    assert answer.status_code == (200 if "/api/v1/" in status else 404)


def test_a_long_poll_answers_that_its_job_is_deleted(
    place: Place, threads: ThreadPoolExecutor
) -> None:
    video = place.job()
    asked = threads.submit(timed, place.server, f"/v1/videos/{video}?wait=60")
    time.sleep(0.3)
    place.server.http.delete(f"/v1/videos/{video}")
    took_s, answer = asked.result()

    assert took_s < SOON_S
    assert answer.status_code == 404


@pytest.mark.slow
def test_long_polls_one_after_another_see_progress_grow_to_the_end(tmp_path: Path) -> None:
    with placed(tmp_path, job_s=3.0) as place:
        video = place.create()
        seen = [timed(place.server, f"/v1/videos/{video}?wait=60")[1].json()]
        while seen[-1]["status"] in {"queued", "in_progress"}:
            seen.append(timed(place.server, f"/v1/videos/{video}?wait=60")[1].json())

    progress = [each["progress"] for each in seen]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert len(set(progress)) > 3
    # Each answered a change that the one before had not seen, but for the races between two calls.
    same = sum(one == next_one for one, next_one in pairwise(seen))
    assert same <= len(seen) // 3


# --- event streams -------------------------------------------------------------------------------


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """As the HTML standard has a client read them (9.2.6); each with the `id` it came with."""
    data, last_id = "", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                data += value
            case "id":
                last_id = value
            case "" if not line and data:
                yield json.loads(data) | {"event_id": last_id}
                data = ""


def followed(server: Serving, path: str, **headers: str) -> list[dict[str, Any]]:
    with (
        httpx2.Client(base_url=server.url, timeout=80) as http,
        http.stream("GET", path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(events(answer.iter_lines()))


@pytest.mark.parametrize("prefix", ["", "/openai"])
@pytest.mark.slow
def test_a_stream_tells_a_job_from_its_beginning_to_its_end(tmp_path: Path, prefix: str) -> None:
    with placed(tmp_path, job_s=3.0) as place:
        video = place.create()
        told = followed(place.server, f"{prefix}/v1/videos/{video}/events")
        shown = place.server.http.get(f"{prefix}/v1/videos/{video}").json()

    words = [event["status"] for event in told]
    progress = [event["progress"] for event in told]
    assert {event["id"] for event in told} == {video}
    assert list(dict.fromkeys(words)) == ["queued", "in_progress", "completed"]
    assert words.count("completed") == 1
    assert words[-1] == shown["status"]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert len(set(progress)) > 3
    assert all(one != other for one, other in pairwise(told))
    assert [event["event_id"] for event in told if event["event_id"]] == ["end"]
    assert any(event["expected_at"] for event in told)


def broken(server: Serving) -> str:
    """A job that fails before it begins: its picture is cut off."""
    picture = b64encode((PHOTOS / "coffee.jpg").read_bytes()[:9_000]).decode()
    body = {"model": MODEL, "prompt": "push in", "input_reference": picture}
    answer = server.http.post("/v1/videos", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def test_a_stream_of_a_failed_job_ends_with_its_error(place: Place) -> None:
    video = broken(place.server)
    told = followed(place.server, f"/v1/videos/{video}/events")

    assert told[-1]["status"] == "failed"
    assert told[-1]["error"]["code"] == "invalid_image"
    assert told[-1]["error"] == place.server.http.get(f"/v1/videos/{video}").json()["error"]


def test_a_job_that_failed_before_it_began_has_no_progress_in_any_dialect(place: Place) -> None:
    video = broken(place.server)
    told = followed(place.server, f"/v1/videos/{video}/events")
    shown = [
        place.server.http.get(f"{prefix}/v1/videos/{video}").json()["progress"]
        for prefix in ("", "/openai")
    ]

    assert [event["progress"] for event in told] == [0] * len(told)
    assert shown == [0, 0]
    assert place.server.status(video)["output"]["progress"] == 0


@pytest.mark.slow
def test_a_job_that_failed_halfway_shows_how_far_it_came(tmp_path: Path) -> None:
    with placed(tmp_path, job_s=3.0) as place:
        place.upstream.next("submit", "fail")
        video = place.create()
        told = followed(place.server, f"/v1/videos/{video}/events")
        shown = place.server.http.get(f"/v1/videos/{video}").json()
        task = place.server.status(video)["output"]

    progress = [event["progress"] for event in told]
    assert (told[-1]["status"], task["task_status"]) == ("failed", "Failure")
    assert progress == sorted(progress)
    assert progress[-1] == shown["progress"] == task["progress"]
    assert 0 < shown["progress"] < 97


def test_a_head_of_the_events_is_whole_at_once_and_leaves_its_connection_free(
    place: Place,
) -> None:
    url = f"{place.server.url}/v1/videos/{place.job()}/events"
    with httpx2.Client(timeout=5) as http:
        answers = [http.head(url) for _ in range(2)]
    place.upstream.finish()

    for answer in answers:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")


def test_a_browser_that_comes_back_after_the_end_is_told_to_stop(place: Place) -> None:
    video = place.job()
    path = f"/v1/videos/{video}/events"
    get = place.server.http.get
    with place.server.http.stream("GET", path, headers={"last-event-id": "end"}) as early:
        before_the_end = early.status_code
    place.upstream.finish()
    last = followed(place.server, path)[-1]
    again = get(path, headers={"last-event-id": last["event_id"]})

    assert before_the_end == 200
    assert (again.status_code, again.content) == (204, b"")
    assert "content-length" not in again.headers
    assert followed(place.server, path, **{"last-event-id": "other"})[-1] == last


def test_a_stream_says_what_it_is_before_it_begins(place: Place) -> None:
    video = place.job()
    head = place.server.http.head(f"/v1/videos/{video}/events")
    place.upstream.finish()

    assert (head.status_code, head.content) == (200, b"")
    wanted = ("content-type", "cache-control", "x-accel-buffering", "x-unstill-engine")
    assert [head.headers[name] for name in wanted] == [
        "text/event-stream",
        "no-store",
        "no",
        "ours",
    ]
    assert len(head.headers["x-request-id"]) == 32


def test_a_stream_of_an_unknown_job_is_refused_in_the_envelope(place: Place) -> None:
    refused = place.server.http.get("/v1/videos/unknown/events")

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "task_not_found")


def test_a_stream_ends_when_its_job_is_deleted(place: Place) -> None:
    video = place.job()
    with (
        httpx2.Client(base_url=place.server.url, timeout=SOON_S) as http,
        http.stream("GET", f"/v1/videos/{video}/events") as answer,
    ):
        told = events(answer.iter_lines())
        first = next(told)
        place.server.http.delete(f"/v1/videos/{video}")
        last = [first, *told][-1]

    assert last["status"] == "in_progress"


# --- the end of the server -----------------------------------------------------------------------


def opened(server: Serving, path: str) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    line = socket.create_connection((host, int(port)), timeout=20)
    line.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    return line


def all_of(line: socket.socket) -> bytes:
    """What comes until the server closes."""
    with line:
        return b"".join(iter(lambda: line.recv(65536), b""))


@pytest.mark.slow
def test_a_server_that_ends_answers_all_who_wait_at_once(tmp_path: Path) -> None:
    with placed(tmp_path) as place:
        video = place.job()
        polls = [opened(place.server, f"/v1/videos/{video}?wait=60") for _ in range(WAITERS)]
        streams = [opened(place.server, f"/v1/videos/{video}/events") for _ in range(WAITERS)]
        for line in streams:  # and the polls before them
            assert line.recv(1, socket.MSG_PEEK)
        begun_s = time.monotonic()
        place.server.process.send_signal(signal.SIGTERM)
        answers, told = ([all_of(line) for line in each] for each in (polls, streams))
        answered_s = time.monotonic() - begun_s
        status = place.server.process.wait(timeout=20)
        ended_s = time.monotonic() - begun_s

    assert status in {0, -signal.SIGTERM}  # uvicorn hands the signal on when all is done
    assert answered_s < ENDS_WITHIN_S
    assert ended_s < ENDS_WITHIN_S
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert json.loads(body)["status"] == "in_progress"
    for stream in told:
        assert stream.startswith(b"HTTP/1.1 200 ")
        assert stream.endswith(b"\r\n0\r\n\r\n")
