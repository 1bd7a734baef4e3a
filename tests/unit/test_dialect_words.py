"""The words in which each dialect tells a job and an error; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from support.jobs import a_job
from support.state_words import SDK, WORDS, Said
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.tasks import Tasks
from unstill.dialects.apis.videos.dialect import Form, Videos
from unstill.dialects.call import Call, JobView
from unstill.domain.access_errors import ModelNotAllowed
from unstill.domain.errors import (
    BadKey,
    NoSuchJob,
    Overloaded,
    OwnError,
    ShuttingDown,
    StorageFull,
    UnstillError,
)
from unstill.domain.file_errors import NotReady
from unstill.domain.job import Failure, Job, State, Usage, Vocabulary

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


def job_in(state: State, *, words: Vocabulary = "unified") -> Job:
    job = a_job(id="job", dialect="videos", words=words, created_ms=1_780_021_218_999, state=state)
    if not state.is_final:
        return job
    failure = Failure("engine_died", "it broke") if state is State.FAILED else None
    return msgspec.structs.replace(
        job, ended_ms=1_780_021_300_000, failure=failure, usage=Usage(duration_s=0, video_count=0)
    )


def view(headers: Mapping[str, str] | None = None, progress: float = 0.5) -> JobView:
    return JobView(Call("r", {}, {}, headers or {}), None, progress)


def built(struct: msgspec.Struct) -> dict[str, Any]:
    return dict(msgspec.to_builtins(struct))


@pytest.mark.parametrize(("state", "step"), STEPS)
def test_every_state_has_its_documented_word_in_every_dialect(state: State, step: int) -> None:
    task = built(Tasks().status(job_in(state), view()))

    assert task["output"]["task_status"] == WORDS["tasks"][step]
    asked = built(DashScope().status(job_in(state), view(progress=0.5)))["output"]["task_status"]
    is_cancelled = state is State.CANCELLED
    assert asked == ("CANCELED" if is_cancelled else WORDS["dashscope"][step])
    assert DashScope().state_word(job_in(state), view().call) == asked
    for words in ("unified", "openai"):
        video = built(Videos().status(job_in(state, words=words), view()))
        assert video["status"] == WORDS[words][step]
        assert Videos().state_word(job_in(state, words=words), view().call) == video["status"]


def test_every_state_of_a_job_is_tried() -> None:
    assert {state for state, _ in STEPS} == set(State)


@pytest.mark.parametrize(
    ("states", "words", "headers", "said"),
    [
        ("auto", "unified", {}, "unified"),
        ("auto", "openai", {}, "openai"),
        ("auto", "unified", SDK, "openai"),
        ("unified", "openai", SDK, "unified"),
        ("openai", "unified", {}, "openai"),
    ],
)
def test_setting_caller_and_job_decide_the_words_in_that_order(
    states: Form, words: Vocabulary, headers: dict[str, str], said: Said
) -> None:
    job = job_in(State.RUNNING, words=words)

    video = built(Videos(states=states).status(job, view(headers)))

    assert video["status"] == WORDS[said][1]


CONTENT = {"content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}
PICTURE = "https://example.com/a.png"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        # OpenAI, POST /videos, input_reference in JSON; and as its copies have it.
        ({"input_reference": {"image_url": PICTURE}}, "openai"),
        ({"input_reference": {"image_url": {"url": PICTURE}}}, "openai"),
        ({"input_reference": {"image_url": PICTURE, "content": None}}, "openai"),
        ({"input_reference": PICTURE}, "openai"),
        ({"image_reference": {"image_url": PICTURE}}, "openai"),
        ({"reference_url": PICTURE}, "openai"),
        ({"image": PICTURE, "input_reference": None}, "openai"),
        # The unified document's own.
        ({"input_reference": CONTENT}, "unified"),
        ({"input_reference": CONTENT, "image": PICTURE}, "unified"),
        # Names of DashScope's and Modelverse's.
        ({"img_url": PICTURE}, "unified"),
        ({"first_frame_url": PICTURE}, "unified"),
        ({"media": [{"type": "first_frame", "url": PICTURE}]}, "unified"),
        ({"images": [PICTURE]}, "unified"),
        ({}, "unified"),
    ],
)
def test_json_is_told_in_the_words_of_the_document_whose_picture_it_has(
    body: dict[str, Any], said: Vocabulary
) -> None:
    call = Call("r", {}, {}, {}, body={"model": "sora-2"} | body)

    assert Videos().words(call) == said
    assert Videos(prefix="/openai", states="openai").words(call) == "openai"
    assert Videos().words(msgspec.structs.replace(call, headers=SDK)) == "openai"
    assert Videos().words(msgspec.structs.replace(call, is_form=True)) == "openai"


def test_a_cancelled_job_is_told_as_a_failure_that_says_so() -> None:
    job = job_in(State.CANCELLED)
    task = built(Tasks().status(job, view()))
    video = built(Videos().status(job, view()))

    assert task["output"]["error_message"] == "cancelled: the task was cancelled"
    assert task["output"]["finish_time"] == 1_780_021_300
    assert task["usage"] == {"duration": 0}
    assert video["error"] == {"code": "cancelled", "message": "the video was cancelled"}
    assert "completed_at" not in video


def test_openais_object_has_every_key_of_its_specification_with_nulls() -> None:
    video = built(Videos(states="openai").status(job_in(State.RUNNING), view()))

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
        "prompt": "push in",
        "size": "720P",
        "seconds": "5",
        "remixed_from_video_id": None,
        "error": None,
    }


@pytest.mark.parametrize("state", [State.RUNNING, State.SAVING, State.FAILED, State.CANCELLED])
def test_only_a_finished_video_is_told_as_100_percent(state: State) -> None:
    assert built(Videos().status(job_in(state), view(progress=1.0)))["progress"] < 100


@pytest.mark.parametrize(("expected_ms", "told_s"), [(None, None), (5_000, 5), (5_001, 6)])
def test_an_event_expects_no_end_before_its_time(
    expected_ms: int | None, told_s: int | None
) -> None:
    job = job_in(State.RUNNING)
    event = Videos().event(job, view(), queue_position=None, expected_ms=expected_ms)

    assert event.expected_at == told_s


@pytest.mark.parametrize(
    ("error", "task", "video"),
    [
        (BadKey("no"), ("invalid_request_error", "auth_error"), "authentication_error"),
        (NoSuchJob("x"), ("invalid_request_error", "param_error"), "invalid_request_error"),
        (
            ModelNotAllowed("model", "x"),
            ("invalid_request_error", "param_error"),
            "invalid_request_error",
        ),
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

    assert built(Tasks().error(error, "r")) == {
        "error": {"message": error.message, "type": kind, "param": "r", "code": code},
        "request_id": "r",
    }
    assert built(Videos().error(error, "r")) == {
        "error": {
            "message": error.message,
            "type": video,
            "param": getattr(error, "param", None),
            "code": error.code,
        }
    }
