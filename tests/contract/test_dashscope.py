"""The dashscope dialect on the wire: what its documents say, and what its SDKs rely on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from support.dashscope_tasks import (
    ASYNC,
    CREATE,
    INLINE,
    A,
    B,
    body,
    create,
    ended,
    refusal,
)
from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving

KEYFRAMES = "/api/v1/services/aigc/image2video/video-synthesis"
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with two owners; jobs of HappyHorse wait for an upstream that is not there."""
    config = """
[engines.nobody]
kind = "modelverse"
base_url = "http://127.0.0.1:9/v1"
api_key = "sk-nobody"

[models."happyhorse-1.0-i2v"]
engines = ["nobody"]
"""
    environment = LOOPBACK_ALLOWED | {"UNSTILL_API_KEYS": "team-a:sk-a,team-b:sk-b"}
    folder = tmp_path_factory.mktemp("shared")
    with Serving(folder, environment=environment, config=config) as server:
        yield server


# --- create --------------------------------------------------------------------------------------


def test_a_list_that_names_a_task_and_more_has_it_only_if_all_of_it_fits(
    server: Serving,
) -> None:
    task_id = create(server, body())
    ended(server, task_id)

    def found(query: str) -> tuple[int, int]:
        answer = server.http.get(f"/api/v1/tasks?task_id={task_id}&{query}").json()
        return answer["total"], len(answer["data"])

    assert found("model_name=wan2.7-i2v&status=SUCCEEDED") == (1, 1)
    assert found("page_no=2") == (1, 0)
    assert found("status=PENDING") == (0, 0)
    assert found("model_name=happyhorse-1.0-i2v") == (0, 0)
    assert found("start_time=20250101000000") == (0, 0)


def test_a_create_call_under_the_key_of_a_deleted_task_is_told_so(server: Serving) -> None:
    keyed = ASYNC | {"idempotency-key": "deleted-17"}
    task_id = create(server, body(), keyed)
    server.http.delete(f"/v1/videos/{task_id}")
    answer = server.http.post(CREATE, json=body(), headers=keyed)

    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
    assert answer.json()["message"].endswith("was deleted: send a new key")


def test_a_call_that_would_wait_is_refused_in_the_documented_words(server: Serving) -> None:
    answer = server.http.post(CREATE, json=body())

    assert refusal(answer) == (403, "AccessDenied")
    assert answer.json()["message"] == "current user api does not support synchronous calls."


@pytest.mark.parametrize("path", [CREATE, KEYFRAMES, f"{CREATE}/"])
def test_what_the_older_sdk_adds_does_no_harm(server: Serving, path: str) -> None:
    sent = body()
    sent["input"] |= {"prompt": None, "extend_prompt": True, "function": "video-synthesis"}
    sent["input"] |= {"audio_url": None, "last_frame_url": None}

    answer = server.http.post(path, json=sent, headers=ASYNC)
    said = answer.json()

    assert answer.status_code == 200
    assert said.keys() == {"output", "request_id"}
    assert said["output"].keys() == {"task_status", "task_id"}
    assert said["output"]["task_status"] == "PENDING"
    server.http.post(f"/api/v1/tasks/{said['output']['task_id']}/cancel")


@pytest.mark.parametrize(
    "given",
    [
        {"img_url": INLINE},
        {"first_frame_url": INLINE, "last_frame_url": INLINE},
        {"media": [{"type": "first_frame", "url": INLINE}, {"type": "last_frame", "url": INLINE}]},
    ],
    ids=["img_url", "first and last", "media"],
)
def test_a_picture_is_found_under_each_documented_name(
    server: Serving, given: dict[str, Any]
) -> None:
    sent = body() | {"input": {"prompt": "push in"} | given}

    said = ended(server, create(server, sent))

    assert said["output"]["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("changes", "status", "code", "words"),
    [
        ({"model": "wan9"}, 404, "ModelNotFound", "'wan9'"),
        ({"model": None}, 400, "InvalidParameter", "model is required"),
        ({"input": None}, 400, "InvalidParameter", "input is required"),
        ({"input": {"prompt": "a"}}, 400, "InvalidParameter", "input.media is required"),
        ({"parameters": {"duration": 99}}, 400, "InvalidParameter", "parameters.duration must be"),
        ({"parameters": {"resolution": "9P"}}, 400, "InvalidParameter", "parameters.resolution"),
        ({"input": {"img_url": "cat.png"}}, 400, "InvalidParameter", "input.img_url"),
        (
            {"input": {"img_url": "aGVsbG8="}},
            400,
            "InvalidParameter.DataInspection",
            "not an image",
        ),
        (
            {"input": {"media": [{"type": "driving_audio", "url": "https://a/b.mp3"}]}},
            400,
            "InvalidParameter",
            "input.media[0].type must be first_frame or last_frame",
        ),
        (
            {
                "input": {"img_url": INLINE, "negative_prompt": "a"},
                "parameters": {"negative_prompt": "b"},
            },
            400,
            "InvalidParameter",
            "parameters.negative_prompt must be the same as input.negative_prompt",
        ),
    ],
)
def test_a_wrong_request_is_told_the_documented_code_and_the_callers_field(
    server: Serving, changes: dict[str, Any], status: int, code: str, words: str
) -> None:
    answer = server.http.post(CREATE, json=body() | changes, headers=ASYNC)

    assert refusal(answer) == (status, code)
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", CREATE, 405, "MethodNotAllowed"),
        ("POST", "/api/v1/services/aigc/text2image/image-synthesis", 404, "NotFound"),
        ("GET", "/api/v1/uploads?action=other&model=wan2.7-i2v", 400, "InvalidParameter"),
        ("GET", "/api/v1/uploads?action=getPolicy", 400, "InvalidParameter"),
        ("GET", "/api/v1/uploads?action=getPolicy&model=wan9", 404, "ModelNotFound"),
        ("GET", "/api/v1/tasks?page_size=0", 400, "InvalidParameter"),
        ("GET", "/api/v1/tasks?page_no=x", 400, "InvalidParameter"),
        ("GET", "/api/v1/tasks?status=Done", 400, "InvalidParameter"),
        ("GET", "/api/v1/tasks?start_time=yesterday", 400, "InvalidParameter"),
        (
            "GET",
            "/api/v1/tasks?start_time=20261101000000&end_time=20261103000000",
            400,
            "InvalidParameter",
        ),
    ],
)
def test_every_refusal_is_flat_and_has_a_documented_code(
    server: Serving, method: str, path: str, status: int, code: str
) -> None:
    assert refusal(server.http.request(method, path)) == (status, code)


def test_a_key_is_asked_for_in_the_dialects_words(shared: Serving) -> None:
    for method, path in (("POST", CREATE), ("GET", "/api/v1/tasks/x"), ("GET", "/api/v1/tasks")):
        answer = shared.http.request(method, path, headers={"Authorization": "Bearer sk-x"})

        assert refusal(answer) == (401, "InvalidApiKey")


# --- query ---------------------------------------------------------------------------------------


def test_a_finished_task_shows_what_the_documents_show(server: Serving) -> None:
    task_id = create(server, body())
    said = ended(server, task_id)
    output = said["output"]

    assert said.keys() == {"request_id", "output", "usage"}
    assert output.keys() == {
        "task_id",
        "task_status",
        "submit_time",
        "scheduled_time",
        "end_time",
        "orig_prompt",
        "video_url",
    }
    assert output["orig_prompt"] == "push in"
    assert output["submit_time"] <= output["scheduled_time"] <= output["end_time"]
    assert all(TIME.fullmatch(output[name]) for name in output if name.endswith("_time"))
    assert server.http.get(output["video_url"]).content[4:8] == b"ftyp"
    assert said["usage"] == {
        "duration": 2,
        "SR": 256,
        "video_count": 1,
        "input_video_duration": 0,
        "output_video_duration": 2,
    }


def test_usage_of_wan22_has_its_familys_fields(server: Serving) -> None:
    sent = body(duration=5) | {"model": "Wan-AI/Wan2.2-I2V"}

    assert ended(server, create(server, sent))["usage"] == {
        "duration": 5,
        "SR": 256,
        "video_count": 1,
    }


def test_a_failed_task_is_a_200_with_its_code_inside(
    server: Serving, pictures: PictureHost
) -> None:
    task_id = create(server, body(f"{pictures.url}/lost.png"))
    said = ended(server, task_id)

    assert said.keys() == {"request_id", "output"}
    assert said["output"]["code"] == "InvalidParameter.DataInspection"
    assert said["output"]["message"].startswith("input.img_url: ")


@pytest.mark.parametrize("asked", ["{0}", "{0}/", "{0}/?duration=5&prompt=%E7%8C%AB", "{0}?x"])
def test_a_task_is_found_with_slashes_and_junk_behind_it(server: Serving, asked: str) -> None:
    task_id = create(server, body())

    answer = server.http.get("/api/v1/tasks/" + asked.format(task_id))

    assert answer.status_code == 200
    assert answer.json()["output"]["task_id"] == task_id
    server.http.delete(f"/v1/videos/{task_id}")


def test_what_is_not_yours_or_not_there_is_unknown_with_200(shared: Serving) -> None:
    theirs = create(shared, body(), ASYNC | B)
    gone = create(shared, body(), ASYNC | A)
    shared.http.delete(f"/v1/videos/{gone}", headers=A)

    for task_id in (theirs, gone, "nothing"):
        answer = shared.http.get(f"/api/v1/tasks/{task_id}", headers=A)

        assert answer.status_code == 200
        assert answer.json()["output"] == {"task_id": task_id, "task_status": "UNKNOWN"}
        assert "code" not in answer.json()


# --- cancel --------------------------------------------------------------------------------------


@pytest.mark.parametrize("junk", [None, b"", b'{"model":"","parameters":{},"input":""}', b"\0{"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_waiting_task_is_cancelled_whatever_the_call_carries(
    shared: Serving, junk: bytes | None, slash: str
) -> None:
    sent = body() | {"model": "happyhorse-1.0-i2v", "parameters": {"duration": 3}}
    task_id = create(shared, sent, ASYNC | A)

    answer = shared.http.post(f"/api/v1/tasks/{task_id}/cancel{slash}", content=junk, headers=A)
    said = ended(shared, task_id, A)
    again = shared.http.post(f"/api/v1/tasks/{task_id}/cancel", headers=A)

    assert (answer.status_code, set(answer.json())) == (200, {"request_id"})
    assert said["output"]["task_status"] == "CANCELED"
    assert "usage" not in said
    assert refusal(again) == (400, "UnsupportedOperation")


def test_a_cancel_that_comes_too_late_is_refused_in_the_documented_words(shared: Serving) -> None:
    done = create(shared, body(), ASYNC | A)
    ended(shared, done, A)

    for task_id, headers in ((done, A), (done, B), ("nothing", A)):
        answer = shared.http.post(f"/api/v1/tasks/{task_id}/cancel", headers=headers)

        assert refusal(answer) == (400, "UnsupportedOperation")
        assert answer.json()["message"] == (
            "Failed to cancel the task, please confirm if the task is in PENDING status."
        )
    assert ended(shared, done, A)["output"]["task_status"] == "SUCCEEDED"


# --- list ----------------------------------------------------------------------------------------


def listed(server: Serving, headers: dict[str, str], **query: str | int) -> dict[str, Any]:
    answer = server.http.get("/api/v1/tasks", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_list_tells_each_task_in_both_shapes(shared: Serving) -> None:
    task_id = create(shared, body(), ASYNC | A)
    ended(shared, task_id, A)
    said = listed(shared, A, task_id=task_id)
    row, task = said["data"][0], said["tasks"][0]

    assert {name: said[name] for name in ("total", "total_page", "page_no", "page_size")} == {
        "total": 1,
        "total_page": 1,
        "page_no": 1,
        "page_size": 10,
    }
    assert (row["task_id"], row["status"], row["model_name"]) == (
        task_id,
        "SUCCEEDED",
        "wan2.7-i2v",
    )
    assert all(type(row[name]) is int for name in ("gmt_create", "start_time", "end_time"))
    assert abs(row["gmt_create"] / 1000 - time.time()) < 600
    assert (task["task_id"], task["task_status"]) == (task_id, "SUCCEEDED")
    assert TIME.fullmatch(task["submit_time"])


@pytest.mark.slow
def test_a_list_is_paged_filtered_and_the_owners_own(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    environment = {"UNSTILL_API_KEYS": "team-a:sk-a,team-b:sk-b"}
    with Serving(tmp_path_factory.mktemp("lists"), environment=environment) as server:
        lost = body("https://lost.invalid/lost.png")  # a name that nobody has
        made = [create(server, lost, ASYNC | A) for _ in range(3)]
        other = create(server, body() | {"model": "wan2.7-i2v-2026-04-25"}, ASYNC | A)
        theirs = create(server, lost, ASYNC | B)
        for task_id in (*made, other):
            ended(server, task_id, A)
        first, second = (listed(server, A, page_no=n, page_size=3) for n in (1, 2))

        assert [row["task_id"] for row in first["data"]] == [other, *reversed(made[1:])]
        assert [row["task_id"] for row in second["tasks"]] == made[:1]
        assert (first["total"], first["total_page"], second["page_no"]) == (4, 2, 2)
        assert listed(server, A, task_id=theirs)["total"] == 0
        assert listed(server, A, status="FAILED")["total"] == 3
        assert listed(server, A, status="UNKNOWN")["total"] == 0
        assert listed(server, A, model_name="wan2.7-i2v-2026-04-25")["total"] == 1
        assert listed(server, A, start_time="20200101000000")["total"] == 0
        assert listed(server, A, end_time="20991231235959")["total"] == 0
        assert listed(server, A, page_size=500)["page_size"] == 100
        assert server.http.get("/api/v1/tasks/", headers=A).json()["total"] == 4
