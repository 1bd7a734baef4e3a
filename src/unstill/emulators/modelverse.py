"""Modelverse's task wire: submit and status.

Covers `/v1/tasks` for the image-to-video models; its OpenAI-shaped `/v1/videos` is not here.
Source: Modelverse's model pages, its error code and API key pages, read 2026-11-20. What it says
of a task it does not know is not documented.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from unstill.emulators.desk import Desk
from unstill.emulators.faults import Fault, FaultSite
from unstill.emulators.jobs import EmulatedJob, EmulatedState
from unstill.emulators.modelverse_models import (
    MODELS,
    ModelverseCreate,
    ModelverseModelFields,
    bad_param,
    read_wish,
)
from unstill.emulators.pictures import (
    PictureFault,
    PictureRule,
    bytes_of_base64,
    bytes_of_data_url,
    check_bytes,
    is_address,
)
from unstill.emulators.results import RESULTS
from unstill.emulators.wire import Answer, Ask, Endpoint, Refusal, as_json, json_body

WORDS = {
    EmulatedState.WAITING: "Pending",
    EmulatedState.RUNNING: "Running",
    EmulatedState.DONE: "Success",
    EmulatedState.FAILED: "Failure",
    EmulatedState.CANCELLED: "Failure",
}
NO_SUCH_WORD = "Reviewing"
OUTPUT_FAULT = "code=InternalError.Algo, message=The video could not be generated."

# Modelverse names no limits of its own; these are the widest of its upstreams' pages.
PICTURE = PictureRule(
    formats=("JPEG", "PNG", "BMP", "WebP"),
    least_side_px=240,
    most_side_px=8000,
    most_bytes=20 * 1024**2,
)

# Source: Modelverse, error code and API key pages.
INJECTED = {
    400: ("invalid_request_error", "invalid_messages", "The content is not allowed"),
    401: ("invalid_request_error", "auth_error", "Validate Certification failed"),
    403: ("permission_error", "forbidden", "Access forbidden: api key quota exceeded"),
    404: ("invalid_request_error", "param_error", "Invalid param: not found"),
    429: ("rate_limit_error", "rate_limit", "Rate limit exceeded"),
    500: ("internal_error", "internal_error", "Internal error"),
    503: ("internal_error", "model_server_error", "Model server error"),
}


class ModelverseEmulator:
    wants_key = True
    takes_bare_key = True
    key_scheme = "Bearer"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.endpoints = (
            Endpoint("POST", "/v1/tasks/submit", self._submit, FaultSite.SUBMIT),
            Endpoint("GET", "/v1/tasks/status", self._status, FaultSite.POLL),
            Endpoint("GET", f"{RESULTS}{{name}}", desk.follow, FaultSite.FETCH, needs_key=False),
        )

    def render(self, refusal: Refusal, ask: Ask) -> Answer:  # noqa: ARG002  - the port's shape
        """`param` is the request's id, not a field's name."""
        error = {
            "message": refusal.message,
            "type": refusal.kind,
            "param": _new_id(),
            "code": refusal.code,
        }
        return as_json({"error": error}, status=refusal.status)

    def bad_key(self, *, is_missing: bool) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(401, FaultSite.SUBMIT)

    def injected(self, status: int, place: FaultSite) -> Refusal:  # noqa: ARG002  - the port's shape
        kind, code, message = INJECTED[status]
        return Refusal(status, code, message, kind=kind)

    def no_route(self, ask: Ask) -> Refusal:  # noqa: ARG002  - the port's shape
        return self.injected(404, FaultSite.POLL)

    def _submit(self, ask: Ask) -> Answer:
        if not self._desk.submits.takes(ask.key):
            raise self.injected(429, FaultSite.SUBMIT)
        body = _object_body(ask)
        name = body.get("model")
        model = MODELS.get(name) if isinstance(name, str) else None
        if model is None or not isinstance(name, str):
            message = f"model {name!r} does not exist"
            raise Refusal(400, "model_error", message, kind="invalid_request_error")
        wish = read_wish(name, model, body)
        _check_pictures(model, wish)
        job = self._desk.accept(ask, _new_id(), wish.terms, prompt=wish.prompt, body=body)
        return as_json({"output": {"task_id": job.id}, "request_id": _new_id()}, job_id=job.id)

    def _status(self, ask: Ask) -> Answer:
        task_id = ask.query.get("task_id")
        if not task_id:
            raise bad_param("task_id is required")
        job = self._desk.find(task_id, ask)
        if job is None:
            message = f"Invalid param: task {task_id} not found"
            raise Refusal(404, "param_error", message, kind="invalid_request_error")
        return as_json({"output": self._output(job, ask), "usage": _usage(job), "request_id": ""})

    def _output(self, job: EmulatedJob, ask: Ask) -> dict[str, Any]:
        word = NO_SUCH_WORD if ask.fault is Fault.UNKNOWN_STATE else WORDS[job.state]
        output: dict[str, Any] = {
            "task_id": job.id,
            "task_status": word,
            "submit_time": job.submitted_ms // 1000,
        }
        match job.state:
            case EmulatedState.WAITING | EmulatedState.RUNNING:
                return output
            case EmulatedState.DONE:
                end: dict[str, Any] = {"urls": [self._desk.link(job, ask)]}
            case _:
                end = {"error_message": OUTPUT_FAULT}
        return output | end | {"finish_time": job.ends_ms // 1000}


def _usage(job: EmulatedJob) -> dict[str, Any]:
    """What an ended task used; a failed one has a duration too in the documents' samples."""
    if job.state in {EmulatedState.WAITING, EmulatedState.RUNNING}:
        return {}
    if job.state is not EmulatedState.DONE:
        return {"duration": job.terms.duration_s}
    values = {
        "duration": job.terms.duration_s,
        "output_video_duration": job.terms.duration_s,
        "video_count": 1,
        "SR": job.terms.tier,
    }
    return {name: values[name] for name in MODELS[job.terms.model].usage}


def _check_pictures(model: ModelverseModelFields, wish: ModelverseCreate) -> None:
    """Raises Refusal."""
    for name, value in wish.pictures:
        try:
            _check_picture(model, value)
        except PictureFault as fault:
            raise bad_param(f"input.{name}: {fault}") from None


def _check_picture(model: ModelverseModelFields, value: str) -> None:
    """Raises PictureFault."""
    if is_address(value):
        return
    data = bytes_of_data_url(value)
    if data is not None and not model.takes_data_urls:
        raise PictureFault("its base64 must not be a data URL")
    if data is None and model.takes_base64:
        data = bytes_of_base64(value)
    if data is None:
        raise PictureFault("it must be a URL")
    check_bytes(data, PICTURE)


def _object_body(ask: Ask) -> Mapping[str, Any]:
    if ask.content_type != "application/json":
        raise bad_param("the body must be application/json")
    try:
        body = json_body(ask)
    except msgspec.DecodeError:
        raise bad_param("the body is not JSON") from None
    if not isinstance(body, dict):
        raise bad_param("the body must be an object")
    return body


def _new_id() -> str:
    return str(uuid.uuid4())


EMULATOR = ModelverseEmulator
