"""What every dialect holds to, with every model behind it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from support.servers import LOOPBACK_ALLOWED, PictureHost, Serving
from support.state_words import SDK, WORDS, Said

MODELS = {  # and the shortest video of each
    "Wan-AI/Wan2.2-I2V": 5,
    "openai/sora-2/image-to-video-pro": 4,
    "wan2.7-i2v": 2,
    "happyhorse-1.0-i2v": 3,
}


def tasks_body(model: str, url: str) -> dict[str, Any]:
    return {
        "model": model,
        "input": {"prompt": "push in", "first_frame_url": url},
        "parameters": {"size": "320x256", "duration": MODELS[model]},
    }


def dashscope_body(model: str, url: str) -> dict[str, Any]:
    return {
        "model": model,
        "input": {"prompt": "push in", "media": [{"type": "first_frame", "url": url}]},
        "parameters": {"size": "320*256", "duration": MODELS[model]},
    }


def videos_body(model: str, url: str) -> dict[str, Any]:
    return {
        "model": model,
        "prompt": "push in",
        "size": "320x256",
        "seconds": str(MODELS[model]),
        "input_reference": {"image_url": url},
    }


Body = Callable[[str, str], dict[str, Any]]
SUBMITS: dict[str, tuple[str, Body]] = {
    "tasks": ("/v1/tasks/submit", tasks_body),
    "videos": ("/v1/videos", videos_body),
    "openai": ("/openai/v1/videos", videos_body),
    "dashscope": ("/api/v1/services/aigc/video-generation/video-synthesis", dashscope_body),
}
ASYNC = {"X-DashScope-Async": "enable"}  # one dialect asks for it, the others do not mind
FRAMES = {  # what each body calls its picture
    "tasks": "input.first_frame_url",
    "videos": "input_reference.image_url",
    "openai": "input_reference.image_url",
    "dashscope": "input.media[0].url",
}


def submit(server: Serving, dialect: str, model: str, url: str) -> str:
    path, body = SUBMITS[dialect]
    answer = server.http.post(path, json=body(model, url), headers=ASYNC)
    assert answer.status_code == 200, answer.text
    return id_of(answer.json())


def id_of(body: dict[str, Any]) -> str:
    return str(body["output"]["task_id"] if "output" in body else body["id"])


@pytest.fixture(scope="module")
def finished(server: Serving, pictures: PictureHost) -> dict[tuple[str, str], str]:
    """A finished job of every model, made through every dialect."""
    url = f"{pictures.url}/chelsea.jpg"
    jobs = {
        (dialect, model): submit(server, dialect, model, url)
        for dialect in SUBMITS
        for model in MODELS
    }
    for task_id in jobs.values():
        assert server.wait(task_id)["output"]["task_status"] == "Success"
    return jobs


# --- every model through every dialect -----------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dialect", SUBMITS)
def test_a_job_of_any_dialect_reads_as_finished_in_all_of_them(
    server: Serving, finished: dict[tuple[str, str], str], dialect: str, model: str
) -> None:
    task_id = finished[dialect, model]
    task = server.status(task_id)
    video = server.http.get(f"/v1/videos/{task_id}").json()
    openai = server.http.get(f"/openai/v1/videos/{task_id}").json()
    dashscope = server.http.get(f"/api/v1/tasks/{task_id}").json()
    said: Said = "openai" if dialect in {"openai", "videos"} else "unified"

    assert task["output"]["task_status"] == "Success"
    assert task["usage"]["duration"] == MODELS[model]
    assert video["status"] == WORDS[said][2]
    assert openai["status"] == "completed"
    assert dashscope["output"]["task_status"] == "SUCCEEDED"
    assert dashscope["usage"]["duration"] == MODELS[model]
    for body in (video, openai):
        assert (body["id"], body["model"], body["object"]) == (task_id, model, "video")
        assert (body["size"], body["seconds"]) == ("320x256", str(MODELS[model]))
        assert (body["prompt"], body["progress"]) == ("push in", 100)
        assert type(body["completed_at"]) is type(body["created_at"]) is int


@pytest.mark.parametrize("dialect", SUBMITS)
def test_its_video_is_the_same_by_every_way(
    server: Serving, finished: dict[tuple[str, str], str], dialect: str
) -> None:
    task_id = finished[dialect, "wan2.7-i2v"]
    link = server.status(task_id)["output"]["urls"][0]
    same = server.http.get(f"/api/v1/tasks/{task_id}").json()["output"]["video_url"]
    ways = (link, same, f"/v1/videos/{task_id}/content", f"/openai/v1/videos/{task_id}/content")

    contents = {server.http.get(way).content for way in ways}

    assert len(contents) == 1
    assert contents.pop()[4:8] == b"ftyp"


@pytest.mark.parametrize("model", MODELS)
def test_usage_is_told_in_the_fields_that_the_model_documents(
    server: Serving, finished: dict[tuple[str, str], str], model: str
) -> None:
    usage = server.status(finished["videos", model])["usage"]

    if model == "happyhorse-1.0-i2v":
        assert usage == {"duration": 3, "output_video_duration": 3.0, "video_count": 1, "SR": 256}
    else:
        assert usage == {"duration": MODELS[model]}
    assert type(usage["duration"]) is int


@pytest.mark.parametrize("dialect", SUBMITS)
def test_a_model_is_told_by_the_documented_name_that_it_was_asked_by(
    server: Serving, pictures: PictureHost, dialect: str
) -> None:
    path, body = SUBMITS[dialect]
    asked = body("openai/sora-2/image-to-video-pro", f"{pictures.url}/lost.png")

    answer = server.http.post(path, json=asked | {"model": "SORA-2-Pro"}, headers=ASYNC)
    task_id = id_of(answer.json())

    assert server.http.get(f"/v1/videos/{task_id}").json()["model"] == "sora-2-pro"


@pytest.mark.parametrize("dialect", SUBMITS)
def test_a_job_whose_picture_is_lost_fails_in_the_words_of_each_dialect(
    server: Serving, pictures: PictureHost, dialect: str
) -> None:
    task_id = submit(server, dialect, "wan2.7-i2v", f"{pictures.url}/lost.png")
    task = server.wait(task_id)
    video = server.http.get(f"/v1/videos/{task_id}").json()
    openai = server.http.get(f"/openai/v1/videos/{task_id}").json()
    output = server.http.get(f"/api/v1/tasks/{task_id}").json()["output"]
    param = FRAMES[dialect]

    message = task["output"]["error_message"]
    assert task["output"]["task_status"] == "Failure"
    assert re.match(rf"invalid_image: {re.escape(param)}: .*404", message)
    assert task["usage"] == {"duration": 0}
    assert "urls" not in task["output"]
    assert output["task_status"] == "FAILED"
    assert output["code"] == "InvalidParameter.DataInspection"
    assert message == f"invalid_image: {output['message']}"
    for body in (video, openai):
        assert f"{body['error']['code']}: {body['error']['message']}" == message
    assert openai["status"] == "failed"
    content = server.http.get(f"/v1/videos/{task_id}/content")
    assert (content.status_code, content.json()["error"]["code"]) == (400, "no_video")


# --- which words at /v1/videos -------------------------------------------------------------------


def unified(url: str) -> dict[str, Any]:
    """The picture as the unified document has it."""
    return {"input_reference": {"content": [{"type": "image_url", "image_url": {"url": url}}]}}


def sent(how: str, url: str) -> dict[str, Any]:
    """A create call in each form, as the keywords of an HTTP client."""
    fields = {"model": "wan2.7-i2v", "seconds": "2", "input_reference[image_url]": url}
    match how:
        case "json":
            return {"json": videos_body("wan2.7-i2v", url)}
        case "unified json":
            return {"json": videos_body("wan2.7-i2v", url) | unified(url)}
        case "json from an SDK":
            return {"json": videos_body("wan2.7-i2v", url), "headers": SDK}
        case "multipart":
            return {"files": {name: (None, value) for name, value in fields.items()}}
        case _:
            return {"data": fields}


@pytest.mark.parametrize(
    ("path", "how", "said"),
    [
        ("/v1/videos", "json", "openai"),
        ("/v1/videos", "unified json", "unified"),
        ("/v1/videos", "json from an SDK", "openai"),
        ("/v1/videos", "multipart", "openai"),
        ("/v1/videos", "urlencoded", "openai"),
        ("/openai/v1/videos", "unified json", "openai"),
        ("/openai/v1/videos", "multipart", "openai"),
    ],
)
def test_the_create_call_decides_the_words_that_its_job_is_told_in(
    server: Serving, pictures: PictureHost, path: str, how: str, said: Said
) -> None:
    answer = server.http.post(path, **sent(how, f"{pictures.url}/lost.png"))
    one = f"/v1/videos/{answer.json()['id']}"

    assert answer.json()["status"] == WORDS[said][0]
    assert server.http.get(one).json()["status"] in WORDS[said]
    assert server.http.get(one, headers=SDK).json()["status"] in WORDS["openai"]
    assert server.http.get(f"/openai{one}").json()["status"] in WORDS["openai"]


@pytest.mark.parametrize(("setting", "said"), [("openai", "openai"), ("unified", "unified")])
def test_the_setting_decides_the_words_for_all(
    tmp_path_factory: pytest.TempPathFactory, pictures: PictureHost, setting: str, said: Said
) -> None:
    environment = LOOPBACK_ALLOWED | {"UNSTILL_VIDEOS_STATES": setting}
    with Serving(tmp_path_factory.mktemp(setting), environment=environment) as server:
        for how in ("json", "unified json", "multipart"):
            answer = server.http.post("/v1/videos", **sent(how, f"{pictures.url}/lost.png"))
            one = server.http.get(f"/v1/videos/{answer.json()['id']}", headers=SDK)

            assert answer.json()["status"] == WORDS[said][0]
            assert one.json()["status"] in WORDS[said]
            assert ("remixed_from_video_id" in one.json()) is (said == "openai")


def test_openais_callers_may_leave_the_model_out_and_the_unified_ones_must_name_it(
    server: Serving, pictures: PictureHost
) -> None:
    url = f"{pictures.url}/lost.png"
    body = {"input_reference": {"image_url": url}}

    form = server.http.post("/v1/videos", data={"input_reference[image_url]": url})
    sdk = server.http.post("/v1/videos", json=body, headers=SDK)
    azure = server.http.post("/openai/v1/videos", json=body)
    unified = server.http.post("/v1/videos", json=body)

    for answer in (form, sdk, azure):
        assert (answer.json()["model"], answer.json()["seconds"]) == ("sora-2", "4")
    error = unified.json()["error"]
    assert (unified.status_code, error["code"], error["param"]) == (
        400,
        "missing_parameter",
        "model",
    )
