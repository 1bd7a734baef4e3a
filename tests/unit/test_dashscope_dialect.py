"""The dashscope dialect as functions: times, windows, codes, and what a retry is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.jobs import a_job
from support.route_tables import table_of
from unstill.dialects.apis.dashscope.answers import timed
from unstill.dialects.apis.dashscope.dialect import DashScope
from unstill.dialects.apis.dashscope.list_query import DAY_MS, wanted_of
from unstill.dialects.apis.videos.dialect import Videos
from unstill.dialects.call import Call, JobView
from unstill.domain.access_errors import ModelNotAllowed
from unstill.domain.errors import (
    BadField,
    BadImage,
    BadKey,
    BadPolicy,
    BodyTooLarge,
    MissingField,
    NoSuchJob,
    NoSuchRoute,
    Overloaded,
    OwnError,
    ShuttingDown,
    StorageFailed,
    StorageFull,
    SynchronousCall,
    TooLateToCancel,
    UnknownModel,
    UnstillError,
    UpstreamError,
)
from unstill.domain.job import Failure, State
from unstill.domain.request import CreateCall, GivenValue
from unstill.server.app import _refuse
from unstill.server.own_routes import OwnRoutes

CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
NOON_MS = 1_780_027_200_123  # 2026-05-29 04:00:00.123 UTC, noon in Beijing
NO_CALL = Call("r", {}, {}, {})


PLACES = table_of(Videos(), DashScope(), OwnRoutes())


def test_times_are_texts_of_beijing_with_milliseconds() -> None:
    job = a_job(created_ms=NOON_MS, started_ms=NOON_MS + 1000, ended_ms=NOON_MS + 16 * 3600_000)
    output = timed(job)

    assert output.submit_time == "2026-05-29 12:00:00.123"
    assert output.scheduled_time == "2026-05-29 12:00:01.123"
    assert output.end_time == "2026-05-30 04:00:00.123"


def test_a_task_that_waits_has_no_times_to_come() -> None:
    task = DashScope().status(a_job(created_ms=NOON_MS), JobView(NO_CALL, None, 0.0))

    assert msgspec.to_builtins(task.output).keys() == {"task_id", "task_status", "submit_time"}
    assert task.usage is None


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("invalid_image", "InvalidParameter.DataInspection"),
        ("deadline_exceeded", "InternalError.Timeout"),
        ("engine_died", "InternalError"),
        ("DataInspectionFailed", "DataInspectionFailed"),  # an upstream's own
        ("submit_unknown", "submit_unknown"),
    ],
)
def test_a_failure_has_the_documented_code_where_there_is_one(ours: str, theirs: str) -> None:
    job = a_job(state=State.FAILED, failure=Failure(ours, "why"))
    output = DashScope().status(job, JobView(NO_CALL, None, 0.0)).output

    assert (output.code, output.message) == (theirs, "why")


def window(**query: str) -> tuple[int, int] | None:
    return wanted_of(query).window_ms


def test_one_end_of_a_window_makes_it_a_day() -> None:
    noon_ms = NOON_MS - 123

    assert window() is None
    assert window(start_time="20260529120000") == (noon_ms, noon_ms + DAY_MS)
    assert window(end_time="20260529120000") == (noon_ms - DAY_MS, noon_ms)
    assert window(start_time="20260528120000", end_time="20260529120000") == (
        noon_ms - DAY_MS,
        noon_ms,
    )


@pytest.mark.parametrize("end", ["20260528115959", "20260529120001"])
def test_a_window_is_neither_turned_round_nor_longer_than_a_day(end: str) -> None:
    with pytest.raises(BadField, match="end_time must be at most 24 hours after"):
        window(start_time="20260528120000", end_time=end)


def test_empty_filters_are_no_filters() -> None:
    query = {"task_id": "", "start_time": "", "status": "", "model_name": "", "page_no": ""}

    assert wanted_of(query) == wanted_of({})


def test_a_status_filter_means_all_states_of_its_word() -> None:
    waiting = frozenset({State.QUEUED, State.READY, State.SUBMITTING})

    assert wanted_of({"status": "PENDING"}).states == waiting
    assert wanted_of({"status": "UNKNOWN"}).states == frozenset()
    assert wanted_of({}).states is None


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadKey("no"), 401, "InvalidApiKey"),
        (SynchronousCall("no"), 403, "AccessDenied"),
        (BadPolicy("no"), 403, "AccessDenied"),
        (UnknownModel("model", "x", "y"), 404, "ModelNotFound"),
        (ModelNotAllowed("model", "x"), 403, "Model.AccessDenied"),
        (MissingField("input"), 400, "InvalidParameter"),
        (BadImage("input.img_url", "no"), 400, "InvalidParameter.DataInspection"),
        (TooLateToCancel("x"), 400, "UnsupportedOperation"),
        (NoSuchJob("x"), 400, "UnsupportedOperation"),
        (NoSuchRoute("x"), 404, "NotFound"),
        (BodyTooLarge(1), 413, "BadRequest.TooLarge"),
        (Overloaded("later"), 503, "ServiceUnavailable"),
        (StorageFailed("broke"), 503, "ServiceUnavailable"),
        (StorageFull("full"), 507, "InternalError"),
        (UpstreamError("broke"), 502, "InternalError"),
        (OwnError("broke"), 500, "InternalError"),
    ],
)
def test_an_error_has_its_documented_status_and_code(
    error: UnstillError, status: int, code: str
) -> None:
    dialect = DashScope()

    assert (dialect.error_status(type(error)), dialect.error(error, "r").code) == (status, code)


def headers_of(path: str, method: str, error: UnstillError) -> dict[bytes, bytes]:
    place, _ = PLACES.find(path)
    return dict(_refuse(place, method, error, "r").headers)


@pytest.mark.parametrize("error", [OwnError("broke"), StorageFailed("broke")])
def test_a_create_that_may_have_been_done_is_not_to_be_sent_again(error: UnstillError) -> None:
    # The SDK sends a create again after a 5xx, and the documents know no idempotency key.
    again = {b"retry-after": b"1"} if error.status == 503 else {}
    assert headers_of(CREATE, "POST", error) == {b"x-should-retry": b"false"} | again
    assert b"x-should-retry" not in headers_of("/api/v1/tasks/a", "GET", error)
    assert b"x-should-retry" not in headers_of("/v1/videos", "POST", error)


@pytest.mark.parametrize("error", [Overloaded("later"), ShuttingDown("later")])
def test_what_was_surely_not_done_may_be_sent_again_in_a_second(error: UnstillError) -> None:
    assert headers_of(CREATE, "POST", error) == {b"retry-after": b"1"}


@pytest.mark.parametrize("value", ["", "disable"])
def test_only_enable_makes_a_call_asynchronous(value: str) -> None:
    body: dict[str, Any] = {"model": "wan2.7-i2v", "input": {"img_url": "https://a/b"}}

    with pytest.raises(SynchronousCall):
        DashScope().parse(Call("r", {}, {}, {"x-dashscope-async": value}, body))
    asked = DashScope().parse(Call("r", {}, {}, {"x-dashscope-async": "Enable"}, body))
    assert asked.frames[0].param == "input.img_url"


def parsed_with(top: object, inner: object) -> CreateCall:
    body = {
        "model": "wan2.7-i2v",
        "input": {"img_url": "https://a/b"},
        "parameters": {"webhook_url": inner},
        "webhook_url": top,
    }
    return DashScope().parse(Call("r", {}, {}, {"x-dashscope-async": "enable"}, body))


def test_a_receiver_is_found_where_the_sdk_puts_a_field_that_it_does_not_know() -> None:
    inner, both = parsed_with(None, "https://c/d"), parsed_with("https://c/d", "https://c/d")

    assert inner.webhook_url == GivenValue("parameters.webhook_url", "https://c/d")
    assert both.webhook_url == GivenValue("webhook_url", "https://c/d")
    assert inner.unknown == both.unknown == ()
    with pytest.raises(BadField, match=r"parameters\.webhook_url"):
        parsed_with("https://c/d", "https://c/other")
