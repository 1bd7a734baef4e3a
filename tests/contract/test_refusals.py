"""Wrong requests get a 400 in their dialect's envelope, in the caller's own words for the field."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx2
import pytest
from PIL import Image

from support.servers import PictureHost, Serving

TASKS, VIDEOS, OPENAI = "/v1/tasks/submit", "/v1/videos", "/openai/v1/videos"
DASHSCOPE = "/api/v1/services/aigc/video-generation/video-synthesis"
ASYNC = {"x-dashscope-async": "enable"}  # one dialect asks for it, the others do not mind


def png(width: int, height: int) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


PHOTO = png(320, 256)
OTHER = png(256, 320)


def task(**changes: object) -> dict[str, Any]:
    """A good request with `changes`: `input__prompt` is `input.prompt`; None leaves it out."""
    body: dict[str, Any] = {
        "model": "Wan-AI/Wan2.2-I2V",
        "input": {"first_frame_url": PHOTO, "prompt": "push in"},
        "parameters": {"size": "320x256"},
    }
    return changed(body, changes)


def video(**changes: object) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": "wan2.7-i2v",
        "prompt": "push in",
        "size": "320x256",
        "seconds": "2",
        "input_reference": {"image_url": PHOTO},
    }
    return changed(body, changes)


def changed(body: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    for name, value in changes.items():
        *sections, last = name.split("__")
        section = body
        for each in sections:
            section = section[each]
        if value is None:
            del section[last]
        else:
            section[last] = value
    return body


def assert_refused(answer: httpx2.Response, status: int, param: str | None, *words: str) -> None:
    """It is `status` in the envelope of the path's dialect, and names the field and the rest."""
    body = answer.json()
    if answer.request.url.path == DASHSCOPE:
        assert body.keys() == {"code", "message", "request_id"}
        assert answer.status_code == status, answer.text
        assert body["code"] == "InvalidParameter"
        assert all(word in body["message"] for word in words), body["message"]
        return
    error = body["error"]
    assert answer.status_code == status, answer.text
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert all(word in error["message"] for word in words), error["message"]
    if "/tasks/" in answer.request.url.path:
        # Modelverse, common error page: the request's id stands in param.
        assert body.keys() == {"error", "request_id"}
        assert error["param"] == body["request_id"] == answer.headers["x-request-id"]
        assert error["code"] == "param_error"
        assert param is None or error["message"].startswith(param), error["message"]
    else:
        assert body.keys() == {"error"}
        assert error["param"] == param


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"model": None}, "model", ["is required"]),
        ({"model": "wan9"}, "model", ["'wan9'", "Wan-AI/Wan2.2-I2V", "happyhorse-1.0-i2v"]),
        ({"model": 5}, "model", ["got 5"]),
        ({"model": ["sora-2"]}, "model", ["got a list"]),
        ({"input": None}, "input", ["is required"]),
        ({"input": "a cat"}, "input", ["must be an object", "'a cat'"]),
        ({"input": []}, "input", ["is required"]),
        ({"parameters": [1]}, "parameters", ["must be an object"]),
        ({"input__first_frame_url": None}, "input.first_frame_url", ["is required"]),
        ({"input__prompt": None}, "input.prompt", ["is required"]),
        ({"input__prompt": "  "}, "input.prompt", ["is required"]),
        ({"input__prompt": ["a", "cat"]}, "input.prompt", ["must be text", "a list"]),
        ({"input__negative_prompt": {}}, "input.negative_prompt", ["an object"]),
        ({"parameters__duration": 0}, "parameters.duration", ["5 or 8", "got 0"]),
        ({"parameters__duration": 6}, "parameters.duration", ["5 or 8", "got 6"]),
        ({"parameters__duration": "five"}, "parameters.duration", ["5 or 8", "'five'"]),
        ({"parameters__duration": 5.5}, "parameters.duration", ["5 or 8", "5.5"]),
        ({"parameters__duration": True}, "parameters.duration", ["got true"]),
        ({"parameters__seed": -1}, "parameters.seed", ["0 to 2147483647", "-1"]),
        ({"parameters__seed": 2**31}, "parameters.seed", ["2147483648"]),
        ({"parameters__resolution": "999P"}, "parameters.resolution", ["480P or 720P", "'999P'"]),
        ({"parameters__resolution": "1080P"}, "parameters.resolution", ["480P or 720P"]),
        ({"parameters__size": "100x100"}, "parameters.size", ["256 to 2048", "'100x100'"]),
        ({"input__img_url": OTHER}, "input.img_url", ["same picture", "input.first_frame_url"]),
        ({"input__images": [OTHER]}, "input.images[0]", ["same picture"]),
        ({"input__first_frame_url": "cat.png"}, "input.first_frame_url", ["'cat.png'", "base64"]),
        ({"input__first_frame_url": "aGVsbG8="}, "input.first_frame_url", ["not an image"]),
        ({"input__first_frame_url": png(1, 1)}, "input.first_frame_url", ["least 240", "1x1"]),
        ({"input__last_frame_url": 7}, "input.last_frame_url", ["got 7"]),
        ({"input__mid_frame": PHOTO}, "input.mid_frame", ["known picture fields"]),
    ],
)
def test_tasks_names_the_field_what_is_allowed_and_what_came(
    server: Serving, changes: dict[str, object], param: str, words: list[str]
) -> None:
    answer = server.http.post(TASKS, json=task(**changes))

    assert_refused(answer, 400, param, *words)


def test_the_unified_document_asks_for_a_model_and_openais_does_not(server: Serving) -> None:
    body = video(model=None, seconds="4")
    unified, openai = (server.http.post(path, json=body) for path in (VIDEOS, OPENAI))

    assert_refused(unified, 400, "model", "is required")
    assert (openai.status_code, openai.json()["model"]) == (200, "sora-2")


@pytest.mark.parametrize("path", [VIDEOS, OPENAI])
@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"model": "wan9"}, "model", ["'wan9'", "wan2.7-i2v"]),
        ({"prompt": ["a", "cat"]}, "prompt", ["must be text"]),
        ({"seconds": "1"}, "seconds", ["2 to 15", "'1'"]),
        ({"seconds": 16}, "seconds", ["2 to 15", "16"]),
        ({"seconds": "five"}, "seconds", ["'five'"]),
        ({"duration": 5}, "duration", ["the same as seconds"]),
        ({"size": "10x10"}, "size", ["1280x720", "'10x10'"]),
        ({"size": "480P"}, "size", ["720P or 1080P"]),
        ({"resolution": "999P"}, "resolution", ["720P or 1080P"]),
        ({"seed": -2}, "seed", ["-2"]),
        ({"generate_audio": "loud"}, "generate_audio", ["true or false", "'loud'"]),
        ({"watermark": 1}, "watermark", ["true or false", "got 1"]),
        ({"input_reference": None}, "input_reference", ["is required"]),
        (
            {"input_reference": {"file_id": "file-1"}},
            "input_reference.file_id",
            ["absent", "'file-1'"],
        ),
        ({"input_reference_xyz": PHOTO}, "input_reference_xyz", ["known picture fields"]),
        ({"input_reference": png(1, 1)}, "input_reference", ["least 240"]),
        ({"first_frame_url": OTHER}, "first_frame_url", ["same picture as input_reference.image"]),
        # The unified document, 1: top-level content is not supported.
        ({"content": [{"image_url": PHOTO}]}, "content", ["use input_reference.content"]),
        ({"remix_video_id": "video_1"}, "remix_video_id", ["absent", "'video_1'"]),
    ],
)
def test_videos_names_the_field_what_is_allowed_and_what_came(
    server: Serving, path: str, changes: dict[str, object], param: str, words: list[str]
) -> None:
    answer = server.http.post(path, json=video(**changes))

    assert_refused(answer, 400, param, *words)


@pytest.mark.parametrize("path", [TASKS, VIDEOS, OPENAI, DASHSCOPE])
@pytest.mark.parametrize(
    ("content_type", "data", "status"),
    [
        ("application/json", b"", 400),
        ("application/json", b'{"model": ', 400),
        ("application/json", b"model=wan2.7-i2v", 400),
        ("application/json", b'{"prompt": "\xed\xa0\x80"}', 400),
        ("application/json", b"[" * 50_000, 400),
        ("application/json", b"[]", 400),
        ("application/json", b"null", 400),
        ("multipart/form-data; boundary=x", b"--y--", 400),
        ("text/plain", b"{}", 415),
        ("image/png", b"\x89PNG", 415),
        ("application/x-www-form-urlencoded", b'{"model": "sora-2"}', 415),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_in_the_dialect(
    server: Serving, path: str, content_type: str, data: bytes, status: int
) -> None:
    answer = server.http.post(path, content=data, headers=ASYNC | {"content-type": content_type})

    assert_refused(answer, status, None)


def test_the_dialect_of_the_path_words_an_unknown_task(server: Serving) -> None:
    foreign = "../../etc/passwd"

    asked = server.http.get("/v1/tasks/status", params={"task_id": foreign})
    none = server.http.get("/v1/tasks/status")
    empty = server.http.get("/v1/tasks/status", params={"task_id": ""})

    assert_refused(asked, 404, None, foreign)
    assert_refused(none, 400, "task_id", "is required")
    assert_refused(empty, 400, "task_id", "is required")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("prefix", ["/v1/videos", "/openai/v1/videos"])
def test_an_unknown_video_is_not_found(server: Serving, prefix: str, method: str) -> None:
    answer = server.http.request(method, f"{prefix}/nothing")

    assert_refused(answer, 404, None, "'nothing'")
    assert answer.json()["error"]["code"] == "task_not_found"


@pytest.mark.parametrize("variant", ["poster", "Thumbnail", "", "../video-1.mp4"])
def test_an_unknown_variant_of_a_video_is_refused(server: Serving, variant: str) -> None:
    answer = server.http.get("/v1/videos/any/content", params={"variant": variant})

    allowed = "must be video, thumbnail, spritesheet or last_frame, got "
    assert_refused(answer, 400, "variant", f"{allowed}{variant!r}")


# --- fields that are ignored ---------------------------------------------------------------------


def ignored(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.headers.get("x-unstill-ignored", ""))


def test_fields_that_are_not_the_models_are_named_in_a_header(server: Serving) -> None:
    body = task(
        model="sora-2",
        user="me",
        input__negative_prompt="blur",
        input__style="anime",
        input__last_frame_url=PHOTO,
        input__images=[PHOTO, OTHER],
        parameters__seed=7,
        parameters__mode="pro",
        parameters__resolution="720p",
    )

    answer = server.http.post(TASKS, json=body)

    assert set(ignored(answer).split(", ")) == {
        "user",
        "input.negative_prompt",
        "input.style",
        "input.last_frame_url",
        "input.images[1]",
        "parameters.seed",
        "parameters.mode",
        "parameters.resolution",
    }


def test_pictures_and_texts_of_content_that_are_not_used_are_named(server: Serving) -> None:
    content = [{"type": "text", "text": "hi"}, {"image_url": PHOTO}, {"image_url": OTHER}]
    reference = {"content": content}

    answer = server.http.post(VIDEOS, json=video(input_reference=reference, metadata={"a": 1}))

    assert ignored(answer) == "metadata, input_reference.content[0], input_reference.content[2]"


def test_a_name_that_no_header_may_hold_is_written_safely(server: Serving) -> None:
    answer = server.http.post(VIDEOS, json=video(**{"a\r\nx-evil: 1": 1, "猫": 2}))

    assert ignored(answer) == "a%0D%0Ax-evil%3A 1, %E7%8C%AB"
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    ("path", "body"), [(TASKS, task()), (VIDEOS, video()), (DASHSCOPE, task())]
)
def test_nothing_is_named_where_nothing_is_ignored(
    server: Serving, path: str, body: dict[str, Any]
) -> None:
    answer = server.http.post(path, json=body, headers=ASYNC)

    assert answer.status_code == 200
    assert "x-unstill-ignored" not in answer.headers


@pytest.mark.slow
def test_an_extra_of_a_dead_picture_host_is_not_even_fetched(
    server: Serving, pictures: PictureHost
) -> None:
    body = task(input__first_frame_url=None, input__images=[PHOTO, f"{pictures.url}/extra.png"])

    server.wait(server.submit(body))

    assert "/extra.png" not in pictures.asked
