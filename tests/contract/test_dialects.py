"""What every dialect holds to, with every model behind it; and the words that each one says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
import pytest

from serving import LOOPBACK_ALLOWED, PictureHost, Serving
from unstill.dialects.dashscope import DashScope
from unstill.dialects.route import Call, Look
from unstill.dialects.tasks import Tasks
from unstill.dialects.videos import Form, Videos
from unstill.errors import (
    BadKey,
    NoSuchJob,
    NotReady,
    Overloaded,
    OwnError,
    ShuttingDown,
    StorageFull,
    UnstillError,
)
from unstill.job import Failure, Job, State, Usage, Words
from unstill.models import CARDS
from unstill.request import Frame, VideoRequest

MODELS = {  # and the shortest video of each
    "Wan-AI/Wan2.2-I2V": 5,
    "openai/sora-2/image-to-video-pro": 4,
    "wan2.7-i2v": 2,
    "happyhorse-1.0-i2v": 3,
}
SDK = {"x-stainless-lang": "python"}
Said = Literal["tasks", "seed", "openai", "dashscope"]
WORDS: dict[Said, tuple[str, str, str, str]] = {
    "tasks": ("Pending", "Running", "Success", "Failure"),
    "seed": ("QUEUED", "IN_PROGRESS", "SUCCESS", "FAILURE"),
    "openai": ("queued", "in_progress", "completed", "failed"),
    "dashscope": ("PENDING", "RUNNING", "SUCCEEDED", "FAILED"),
}
STEPS = (
    (State.QUEUED, 0),
    (State.READY, 0),
    (State.SUBMITTING, 0),
    (State.RUNNING, 1),
    (State.SAVING, 1),
    (State.SUCCEEDED, 2),
    (State.FAILED, 3),
    (State.CANCELLED, 3),
)


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
    said: Said = "openai" if dialect == "openai" else "seed"

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


def sent(how: str, url: str) -> dict[str, Any]:
    """A create call in each form, as the keywords of an HTTP client."""
    fields = {"model": "wan2.7-i2v", "seconds": "2", "input_reference[image_url]": url}
    match how:
        case "json":
            return {"json": videos_body("wan2.7-i2v", url)}
        case "json from an SDK":
            return {"json": videos_body("wan2.7-i2v", url), "headers": SDK}
        case "multipart":
            return {"files": {name: (None, value) for name, value in fields.items()}}
        case _:
            return {"data": fields}


@pytest.mark.parametrize(
    ("path", "how", "said"),
    [
        ("/v1/videos", "json", "seed"),
        ("/v1/videos", "json from an SDK", "openai"),
        ("/v1/videos", "multipart", "openai"),
        ("/v1/videos", "urlencoded", "openai"),
        ("/openai/v1/videos", "json", "openai"),
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


@pytest.mark.parametrize(("setting", "said"), [("openai", "openai"), ("unified", "seed")])
def test_the_setting_decides_the_words_for_all(
    tmp_path_factory: pytest.TempPathFactory, pictures: PictureHost, setting: str, said: Said
) -> None:
    environment = LOOPBACK_ALLOWED | {"UNSTILL_VIDEOS_STATES": setting}
    with Serving(tmp_path_factory.mktemp(setting), environment=environment) as server:
        for how in ("json", "multipart"):
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


# --- rendering, without a server -----------------------------------------------------------------


def a_job(state: State, *, words: Words = "seed") -> Job:
    request = VideoRequest(
        model="wan2.7-i2v",
        prompt="a cat",
        first_frame=Frame("first", "image", url="https://example.com/a.png"),
        duration_s=5,
        frame_rate=30,
        seed=1,
    )
    job = Job(
        id="job",
        owner="team-a",
        dialect="videos",
        words=words,
        model="wan2.7-i2v",
        request=request,
        engine="camera",
        created_ms=1_780_021_218_999,
        state=state,
    )
    if not state.is_final:
        return job
    failure = Failure("engine_died", "it broke") if state is State.FAILED else None
    return msgspec.structs.replace(
        job, ended_ms=1_780_021_300_000, failure=failure, usage=Usage(duration_s=0, video_count=0)
    )


def look(headers: Mapping[str, str] | None = None, progress: float = 0.5) -> Look:
    return Look(Call("r", {}, {}, headers or {}), None, progress)


def built(struct: msgspec.Struct) -> dict[str, Any]:
    return dict(msgspec.to_builtins(struct))


@pytest.mark.parametrize(("state", "step"), STEPS)
def test_every_state_has_its_documented_word_in_every_dialect(state: State, step: int) -> None:
    task = built(Tasks({card.id: card.usage for card in CARDS}).status(a_job(state), look()))

    assert task["output"]["task_status"] == WORDS["tasks"][step]
    asked = built(DashScope().status(a_job(state), look(progress=0.5)))["output"]["task_status"]
    is_cancelled = state is State.CANCELLED
    assert asked == ("CANCELED" if is_cancelled else WORDS["dashscope"][step])
    assert DashScope().state_word(a_job(state), look().call) == asked
    for words in ("seed", "openai"):
        video = built(Videos().status(a_job(state, words=words), look()))
        assert video["status"] == WORDS[words][step]
        assert Videos().state_word(a_job(state, words=words), look().call) == video["status"]


def test_every_state_of_a_job_is_tried() -> None:
    assert {state for state, _ in STEPS} == set(State)


@pytest.mark.parametrize(
    ("states", "words", "headers", "said"),
    [
        ("auto", "seed", {}, "seed"),
        ("auto", "openai", {}, "openai"),
        ("auto", "seed", SDK, "openai"),
        ("unified", "openai", SDK, "seed"),
        ("openai", "seed", {}, "openai"),
    ],
)
def test_setting_caller_and_job_decide_the_words_in_that_order(
    states: Form, words: Words, headers: dict[str, str], said: Said
) -> None:
    job = a_job(State.RUNNING, words=words)

    video = built(Videos(states=states).status(job, look(headers)))

    assert video["status"] == WORDS[said][1]


def test_a_cancelled_job_is_told_as_a_failure_that_says_so() -> None:
    job = a_job(State.CANCELLED)
    task = built(Tasks({"wan2.7-i2v": ("duration",)}).status(job, look()))
    video = built(Videos().status(job, look()))

    assert task["output"]["error_message"] == "cancelled: the task was cancelled"
    assert task["output"]["finish_time"] == 1_780_021_300
    assert task["usage"] == {"duration": 0}
    assert video["error"] == {"code": "cancelled", "message": "the video was cancelled"}
    assert "completed_at" not in video


def test_openais_object_has_every_key_of_its_specification_with_nulls() -> None:
    video = built(Videos(states="openai").status(a_job(State.RUNNING), look()))

    # OpenAI, video object, spec 2.3.0
    assert video == {
        "id": "job",
        "object": "video",
        "model": "wan2.7-i2v",
        "status": "in_progress",
        "progress": 50,
        "created_at": 1_780_021_218,
        "completed_at": None,
        "expires_at": None,
        "prompt": "a cat",
        "size": "720P",
        "seconds": "5",
        "remixed_from_video_id": None,
        "error": None,
    }


@pytest.mark.parametrize("state", [State.RUNNING, State.SAVING, State.FAILED, State.CANCELLED])
def test_only_a_finished_video_is_told_as_100_percent(state: State) -> None:
    assert built(Videos().status(a_job(state), look(progress=1.0)))["progress"] < 100


@pytest.mark.parametrize(("expected_ms", "told_s"), [(None, None), (5_000, 5), (5_001, 6)])
def test_an_event_expects_no_end_before_its_time(
    expected_ms: int | None, told_s: int | None
) -> None:
    job = a_job(State.RUNNING)
    event = Videos().event(job, look(), queue_position=None, expected_ms=expected_ms)

    assert event.expected_at == told_s


@pytest.mark.parametrize(
    ("error", "task", "video"),
    [
        (BadKey("no"), ("invalid_request_error", "auth_error"), "authentication_error"),
        (NoSuchJob("x"), ("invalid_request_error", "param_error"), "invalid_request_error"),
        (
            NotReady("x", "QUEUED"),
            ("invalid_request_error", "param_error"),
            "invalid_request_error",
        ),
        (Overloaded("later"), ("rate_limit_error", "rate_limit"), "server_error"),
        (ShuttingDown("later"), ("internal_error", "internal_error"), "server_error"),
        (StorageFull("full"), ("internal_error", "internal_error"), "server_error"),
        (OwnError("broke"), ("internal_error", "internal_error"), "server_error"),
    ],
)
def test_an_error_has_the_type_and_code_of_each_dialects_error_page(
    error: UnstillError, task: tuple[str, str], video: str
) -> None:
    kind, code = task

    assert built(Tasks({}).error(error, "r")) == {
        "error": {"message": error.message, "type": kind, "param": "r", "code": code},
        "request_id": "r",
    }
    assert built(Videos().error(error, "r")) == {
        "error": {"message": error.message, "type": video, "param": None, "code": error.code}
    }
