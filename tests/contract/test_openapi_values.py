"""Real bodies, answers and refusals keep to the schemas that the description has for them."""

from __future__ import annotations

from typing import Any

import pytest

from support.described_api import (
    ASYNC,
    CREATE,
    FILM,
    KEYFRAMES,
    TASK,
    VIDEO,
    answer_flaws,
    body_flaws,
    flaws,
    is_named,
    operation,
)
from support.servers import PictureHost, Serving
from unstill.dialects.apis.dashscope.dialect import OBJECTS


def test_the_bodies_of_operators_that_are_shown_keep_to_their_schemas(
    api: dict[str, Any],
) -> None:
    shown = {
        (path, method): operation["requestBody"]["content"]["application/json"]
        for path, methods in api["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/admin/") and "requestBody" in operation
    }

    assert len(shown) == 5
    for content in shown.values():
        assert content["examples"]
        for example in content["examples"].values():
            assert flaws(api, content["schema"], example["value"]) == []
        assert flaws(api, content["schema"], {"another": 1})


def test_what_operators_are_told_keeps_to_its_schema(api: dict[str, Any], server: Serving) -> None:
    get = server.http.get
    for noun in ("owners", "keys", "jobs", "held-jobs", "doubts", "engines", "queues", "retention"):
        assert answer_flaws(api, f"/admin/{noun}", get(f"/admin/{noun}").json()) == []
    body = {"model": "wan2.7-i2v", "input_reference": "http://nobody.invalid/a.png"}
    video = server.http.post("/v1/videos", json=body).json()["id"]
    one = "/admin/jobs/{job_id}"
    told = get(one.format(job_id=video)).json()
    deleted = server.http.delete(one.format(job_id=video)).json()

    assert answer_flaws(api, one, told) == []
    assert answer_flaws(api, one, deleted, method="delete") == []
    for method, path, sent in (
        ("patch", "/admin/owners/{owner}", {"weight": 2}),
        ("post", "/admin/held-jobs/release", {}),
    ):
        answer = server.http.request(method, path.format(owner="ann"), json=sent).json()
        assert answer_flaws(api, path, answer, method=method) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tasks/submit", TASK | {"parameters": {"resolution": "720p", "duration": "5"}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"size": "1280*720", "seed": 2147483647}}),
        ("/v1/tasks/submit", TASK | {"input": {"images": ["https://example.com/a.png"]}}),
        ("/v1/tasks/submit", TASK | {"model": "sora-2-pro"}),
        (CREATE, TASK | {"parameters": {"resolution": "720p", "audio": False}}),
        (KEYFRAMES, TASK | {"input": {"media": [{"type": "first_frame", "url": "https://a/b"}]}}),
        ("/v1/videos", FILM | {"seconds": 5, "size": "720P", "generate_audio": "true"}),
        ("/v1/videos", FILM | {"seconds": "5", "size": "1280X720", "generate_audio": False}),
        ("/v1/videos", {"model": "wan2.7-i2v", "image": {"image_url": "https://a/b"}}),
        ("/v1/videos", FILM | {"prompt": None, "seed": None, "image": None, "images": None}),
        ("/v1/videos", FILM | {"input_reference": {"image_url": {"url": "https://a/b"}}}),
        ("/v1/videos", FILM | {"input_reference": {"content": ["https://a/b", {"type": "text"}]}}),
        ("/v1/videos", FILM | {"input_reference": ["https://a/b"], "size": "256 x 512"}),
    ],
)
def test_every_spelling_that_is_taken_is_allowed_by_the_schema(
    api: dict[str, Any], server: Serving, path: str, body: dict[str, Any]
) -> None:
    answer = server.http.post(path, json=body, headers=ASYNC)

    assert answer.status_code == 200, answer.text
    assert body_flaws(api, path, body) == []
    for prefix in ("", "/openai"):
        server.http.delete(f"{prefix}/v1/videos/{answer.json().get('id')}")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tasks/submit", TASK | {"parameters": {"resolution": "999P"}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"duration": 16}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"duration": 5.5}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"duration": "five"}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"seed": 2147483648}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"watermark": 1}}),
        ("/v1/tasks/submit", TASK | {"parameters": {"size": "wide"}}),
        ("/v1/tasks/submit", TASK | {"input": {"prompt": "a cat"}}),
        ("/v1/tasks/submit", TASK | {"input": {"img_url": "https://a/b", "prompt": ["a"]}}),
        ("/v1/tasks/submit", TASK | {"model": "Wan-AI/Wan2.2-I2V"}),  # asks for a prompt
        ("/v1/tasks/submit", TASK | {"model": "wan9"}),
        (CREATE, TASK | {"parameters": {"duration": 16}}),
        ("/v1/videos", {"model": "wan2.7-i2v"}),
        ("/v1/videos", FILM | {"input_reference": 5}),
        ("/v1/videos", FILM | {"input_reference": {}}),
        ("/v1/videos", FILM | {"input_reference": []}),
        ("/v1/videos", FILM | {"input_reference": {"file_id": "f"}}),
        ("/v1/videos", FILM | {"input_reference": {"content": [{"type": "video_url"}]}}),
        ("/v1/videos", FILM | {"images": [None]}),
        ("/v1/videos", FILM | {"media": [{"type": "first_frame"}]}),
        ("/v1/videos", FILM | {"seconds": 5, "duration": 8}),
        ("/v1/videos", FILM | {"resolution": "720P", "size": "1080P"}),
        ("/v1/videos", FILM | {"size": "1279x720"}),
        ("/v1/videos", FILM | {"content": ["https://a/b"]}),
    ],
)
def test_what_is_refused_is_not_allowed_by_the_schema(
    api: dict[str, Any], server: Serving, path: str, body: dict[str, Any]
) -> None:
    answer = server.http.post(path, json=body, headers=ASYNC)
    responses = operation(api, path, "post")["responses"]

    assert answer.status_code == 400
    assert body_flaws(api, path, body)
    assert is_named(responses[str(answer.status_code)], answer.json())


def test_real_answers_keep_to_their_schemas(
    api: dict[str, Any], server: Serving, pictures: PictureHost
) -> None:
    url = f"{pictures.url}/chelsea.jpg"
    body = {"model": "happyhorse-1.0-i2v", "input": {"img_url": url}}
    small = body | {"parameters": {"size": "320x256", "duration": 3}}
    submitted = server.http.post("/v1/tasks/submit", json=small).json()
    task_id = submitted["output"]["task_id"]
    get = server.http.get

    assert answer_flaws(api, "/v1/tasks/submit", submitted, method="post") == []
    for _ in range(2):  # unfinished, then finished
        assert answer_flaws(api, "/v1/tasks/status", server.status(task_id)) == []
        assert answer_flaws(api, VIDEO, get(f"/v1/videos/{task_id}").json()) == []
        task = get(f"/api/v1/tasks/{task_id}").json()
        assert answer_flaws(api, "/api/v1/tasks/{task_id}", task) == []
        openai = get(f"/openai/v1/videos/{task_id}").json()
        assert answer_flaws(api, f"/openai{VIDEO}", openai) == []
        assert server.wait(task_id)["output"]["task_status"] == "Success"
    assert answer_flaws(api, "/v1/videos", get("/v1/videos").json()) == []
    assert answer_flaws(api, "/openai/v1/videos", get("/openai/v1/videos").json()) == []
    assert answer_flaws(api, "/api/v1/tasks", get("/api/v1/tasks").json()) == []
    ask = {"action": "getPolicy", "model": "wan2.7-i2v"}
    policy = get("/api/v1/uploads", params=ask).json()
    assert answer_flaws(api, "/api/v1/uploads", policy) == []
    assert answer_flaws(api, "/v1/models", get("/v1/models").json()) == []
    assert answer_flaws(api, "/v1/models/{model}", get("/v1/models/sora-2").json()) == []
    assert answer_flaws(api, "/v1/account", get("/v1/account").json()) == []
    assert answer_flaws(api, "/v1/usage", get("/v1/usage").json()) == []
    assert answer_flaws(api, "/health", get("/health").json()) == []
    assert answer_flaws(api, "/ready", get("/ready").json()) == []
    deleted = server.http.delete(f"/v1/videos/{task_id}").json()
    assert answer_flaws(api, VIDEO, deleted, method="delete") == []


def test_a_quote_keeps_to_its_schemas(api: dict[str, Any], server: Serving) -> None:
    frames = {"first": {"width": 800, "height": 600}, "last": None}
    body = {"model": "wan2.7-i2v", "fields": {"duration": "5", "style": "noir"}, "frames": frames}
    content = operation(api, "/v1/quotes", "post")["requestBody"]["content"]["application/json"]
    shown = [each["value"] for each in content["examples"].values()]

    for each in (body, *shown):
        told = server.http.post("/v1/quotes", json=each)
        assert told.status_code == 200, told.text
        assert body_flaws(api, "/v1/quotes", each) == []
        assert answer_flaws(api, "/v1/quotes", told.json(), method="post") == []
    assert body_flaws(api, "/v1/quotes", body | {"another": 1})
    assert body_flaws(api, "/v1/quotes", body | {"frames": {}})


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/quotes", "post"),
        ("/v1/tasks/submit", "post"),
        ("/v1/tasks/status", "get"),
        ("/v1/videos", "post"),
        (VIDEO, "get"),
        (f"{VIDEO}/content", "get"),
        (f"{VIDEO}/events", "get"),
        (VIDEO, "delete"),
        (f"{VIDEO}/remix", "post"),
        ("/v1/videos/edits", "post"),
        ("/v1/videos/characters/{character_id}", "get"),
        (CREATE, "post"),
        ("/api/v1/tasks/{task_id}/cancel", "post"),
        ("/api/v1/uploads", "get"),
        (OBJECTS, "post"),
        ("/v1/models/{model}", "get"),
        ("/files/{job_id}/{variant}.mp4", "get"),
        ("/admin/jobs/{job_id}", "get"),
        ("/admin/jobs/{job_id}/cancel", "post"),
        ("/admin/keys/{key}", "delete"),
        ("/admin/keys/{key}/rotate", "post"),
    ],
)
def test_real_refusals_keep_to_their_schemas(
    api: dict[str, Any], server: Serving, path: str, method: str
) -> None:
    names = dict.fromkeys(
        ("video_id", "character_id", "task_id", "model", "job_id", "key"), "nothing"
    )
    place = path.format(**names, variant="video")

    answer = server.http.request(method.upper(), place)

    status = str(answer.status_code)

    assert status.startswith("4")
    assert answer_flaws(api, path, answer.json(), method=method, status=status) == []
    assert is_named(operation(api, path, method)["responses"][status], answer.json())
