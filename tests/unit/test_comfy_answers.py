"""What the answers of Comfy Router come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from unstill.engines.comfy.answers import (
    CODES,
    failure_of,
    is_too_late,
    result_of,
    settled_by,
    state_of,
    submission_of,
)
from unstill.engines.comfy.engine import BASE_URL
from unstill.upstreams.client import Trouble
from unstill.upstreams.key_check import standing_of
from unstill.upstreams.port import (
    Accepted,
    Busy,
    Done,
    Doubt,
    Failed,
    Gone,
    Refused,
    Rejected,
    Running,
    Waiting,
    not_taken,
)
from unstill.upstreams.replies import Odd, Reply
from unstill.upstreams.vocabulary import BUILT_IN

ID = "0b1c7f3e-2f43-4c8e-9d1b-4f7a3c1d2e5f"


def reply(code: int, kind: str = "", /, **fields: Any) -> Reply:
    told = {"x-comfy-error-type": kind} if kind else {}
    return Reply(code, msgspec.json.encode(fields), told=told)


def wan_result(**output: Any) -> Reply:
    task = {"task_id": "t", "task_status": "SUCCEEDED", "video_url": "https://v/1.mp4"}
    return reply(200, output=task | output, usage={"duration": 5, "video_count": 1})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(201, request_id=ID, status="IN_QUEUE"), Accepted),
        (reply(201, status="IN_QUEUE"), Doubt),
        (reply(400, "invalid_input", detail="no"), Rejected),
        (reply(422, "invalid_input", detail=[{"loc": ["body"], "msg": "no"}]), Rejected),
        (reply(422, "content_policy_violation", detail="no"), Rejected),
        (reply(413, detail="too large"), Rejected),
        (reply(404, "model_not_found", detail="none"), Refused),
        (reply(404), Doubt),
        (reply(409, "concurrency_limit_exceeded", detail="wait"), Doubt),
        (reply(409, "invalid_input", detail="another"), Doubt),
        (reply(429, "rate_limited", detail="wait"), Busy),
        (reply(429, "concurrency_limit_exceeded", detail="wait"), Busy),
        (reply(500, "internal_error", detail="ill"), Doubt),
        (reply(503, "service_unavailable", detail="later"), Doubt),
        (reply(504, "deadline_exceeded", detail="late"), Doubt),
        (reply(504, "provider_timeout", detail="late"), Doubt),
        (reply(499, "client_disconnected", detail="gone"), Doubt),
    ],
)
def test_what_an_answer_to_a_submit_comes_to(answer: Reply, kind: type) -> None:
    assert type(submission_of(answer, BUILT_IN)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, "unauthorized"),
        (402, "insufficient_credits"),
        (403, "forbidden"),
        (403, "not_enabled"),
        (429, "insufficient_credits"),
    ],
)
def test_the_key_and_the_bill_are_the_accounts_trouble(status: int, kind: str) -> None:
    refused = submission_of(reply(status, kind, detail="no"), BUILT_IN)

    assert isinstance(refused, Refused)
    assert refused.of_account


def test_the_key_of_the_call_is_its_ticket() -> None:
    assert submission_of(reply(201, request_id=ID), BUILT_IN) == Accepted(ID)


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (Accepted(ID), Accepted),
        (Rejected("invalid_input", "no"), Rejected),
        (Rejected("content_policy_violation", "no"), Doubt),
        (Busy("rate_limited", "wait"), Doubt),
        (Refused("insufficient_credits", "no", of_account=True), Doubt),
        (not_taken("nobody there"), Doubt),
        (Doubt("http_500", "ill"), Doubt),
    ],
)
def test_what_the_same_call_says_of_the_first(second: Any, kind: type) -> None:
    assert type(settled_by(second)) is kind


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (reply(200, request_id=ID, status="IN_QUEUE", queue_position=3), Waiting()),
        (reply(200, request_id=ID, status="IN_PROGRESS"), Running()),
        (reply(200, request_id=ID, status="COMPLETED"), Done()),
    ],
)
def test_how_a_request_stands(answer: Reply, verdict: object) -> None:
    assert state_of(answer, ID, BUILT_IN) == verdict


@pytest.mark.parametrize("kind", ["cancelled", "queue_timeout", "provider_error"])
def test_what_is_completed_with_a_kind_of_error_has_failed(kind: str) -> None:
    state = state_of(reply(200, status="COMPLETED", error_type=kind), ID, BUILT_IN)
    assert isinstance(state, Failed)
    told = failure_of(state, reply(504, kind, detail="it was late"), BUILT_IN)

    assert (state.code, told) == (kind, Failed(kind, "it was late"))
    assert failure_of(state, reply(200), BUILT_IN) == state


@pytest.mark.parametrize(
    ("answer", "is_late"),
    [
        (reply(409, status="ALREADY_COMPLETED"), True),
        (reply(400, status="ALREADY_COMPLETED"), True),
        (reply(400, "invalid_input", detail="ALREADY_COMPLETED"), True),
        (reply(409, "concurrency_limit_exceeded", detail="wait"), False),
        (reply(202, status="CANCELLATION_REQUESTED"), False),
        (reply(500, detail="ALREADY_COMPLETED"), False),
    ],
)
def test_a_cancel_comes_too_late_by_either_status(
    answer: Reply,
    is_late: bool,  # noqa: FBT001
) -> None:
    assert is_too_late(answer) is is_late


@pytest.mark.parametrize("look", [lambda each: state_of(each, ID, BUILT_IN), result_of])
def test_what_is_forgotten_is_gone_and_what_is_not_known_is_not(look: Any) -> None:
    words = () if look is not result_of else (BUILT_IN,)

    assert isinstance(look(reply(410, detail="over"), *words), Gone)
    for status, kind in (
        (404, "request_not_found"),
        (500, "internal_error"),
        (401, "unauthorized"),
    ):
        with pytest.raises(Trouble):
            look(reply(status, kind, detail="no"), *words)


def test_a_word_that_nobody_knows_is_odd() -> None:
    with pytest.raises(Odd):
        state_of(reply(200, status="REHEARSING"), ID, BUILT_IN)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (wan_result(), Done("https://v/1.mp4", {"duration": 5, "video_count": 1})),
        (
            reply(
                200,
                id="cgt-1",
                status="succeeded",
                content={"video_url": "https://v/2.mp4"},
                usage={"completion_tokens": 9},
            ),
            Done("https://v/2.mp4", {"completion_tokens": 9}),
        ),
        (reply(200, video={"url": "https://v/3.mp4"}), Done("https://v/3.mp4")),
        (
            reply(
                200,
                code=0,
                data={
                    "task_id": "kling-1",
                    "task_status": "succeed",
                    "task_result": {"videos": [{"id": "v", "url": "https://v/4.mp4"}]},
                },
            ),
            Done("https://v/4.mp4"),
        ),
        (
            reply(200, code=0, data={"task_status": "failed", "task_status_msg": "unsafe"}),
            Failed("failed", "unsafe"),
        ),
        (reply(200, code=1301, message="risk control"), Failed("1301", "risk control")),
        (reply(200, code=0, message="SUCCEED", data={"task_id": "kling-1"}), Done(None)),
        (
            reply(
                200,
                task={
                    "id": "3f7a",
                    "status": "succeeded",
                    "content": {"url": "https://v/5.mp4"},
                    "usage": {"output_seconds": 6},
                },
            ),
            Done("https://v/5.mp4", {"output_seconds": 6}),
        ),
        (
            reply(200, task={"id": "3f7a", "status": "failed", "error": {"code": "1026"}}),
            Failed("1026", "the upstream gave no reason"),
        ),
        (
            wan_result(task_status="FAILED", video_url=None, code="DataInspection", message="no"),
            Failed("DataInspection", "no", {"duration": 5, "video_count": 1}),
        ),
        (reply(202, request_id=ID, status="IN_PROGRESS"), Running()),
        (
            reply(422, "content_policy_violation", detail="not so"),
            Failed("content_policy_violation", "not so"),
        ),
    ],
)
def test_a_result_is_the_vendors_own(answer: Reply, verdict: object) -> None:
    assert result_of(answer, BUILT_IN) == verdict


def test_a_result_of_no_words_is_no_end() -> None:
    with pytest.raises(Trouble):
        result_of(Reply(200, b"<html>"), BUILT_IN)


@pytest.mark.parametrize(
    ("answer", "is_let_in"),
    [
        (reply(404, "request_not_found", detail="none"), True),
        (reply(401, "unauthorized", detail="no"), False),
        (reply(403, "not_enabled", detail="no"), False),
        (reply(503, "service_unavailable", detail="later"), None),
    ],
)
def test_what_it_says_to_the_key(answer: Reply, is_let_in: bool | None) -> None:  # noqa: FBT001
    assert standing_of(answer, CODES, is_of_unknown=True).is_let_in is is_let_in


def test_the_base_address_is_the_bare_host() -> None:
    address = "https://api.comfy.org"

    assert BASE_URL.checked(f"{address}/", "ours", has_key=True) == address
