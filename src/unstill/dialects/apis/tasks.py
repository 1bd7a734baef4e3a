"""The tasks dialect: Modelverse's POST /v1/tasks/submit and GET /v1/tasks/status.

Source: the image-to-video models' pages of Modelverse's documentation, and its common error page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from unstill.dialects.body_fields import ASPECT_RATIOS, REGION, body_of
from unstill.dialects.call import Call, JobView
from unstill.dialects.input_parameters import (
    inputs_of,
    parameters_of,
    read_sections,
    sectioned_form,
    sectioned_schema,
)
from unstill.dialects.parameters import WAIT
from unstill.dialects.route import Parameter, Route
from unstill.dialects.verbs import STATUS, SUBMIT
from unstill.dialects.waiting_reason import WaitingFor, waiting_for
from unstill.domain.access_errors import OverBudget, OverLimit
from unstill.domain.errors import BadKey, CallerError, MissingField, Overloaded, UnstillError
from unstill.domain.job import Job, State, Vocabulary
from unstill.domain.request import CreateCall
from unstill.models.card import Card
from unstill.models.catalogue import CARDS, named_by_none

_INPUT = {"prompt": "prompt", "negative_prompt": "negative_prompt"}
_PARAMETERS = {
    "resolution": "resolution",
    "size": "size",
    **ASPECT_RATIOS,
    **REGION,
    "duration": "duration",
    "seed": "seed",
    "watermark": "watermark",
    "generate_audio": "generate_audio",
    "audio": "generate_audio",
    "prompt_extend": "prompt_extend",
}
_NAMES = {
    "first_frame": "input.first_frame_url",
    "last_frame": "input.last_frame_url",
    **{canonical: f"input.{wire}" for wire, canonical in _INPUT.items()},
    **{
        canonical: f"parameters.{wire}"
        for wire, canonical in _PARAMETERS.items()
        if wire != "audio"
    },
}
_INPUT_SECTION = inputs_of(_INPUT)

WORDS: dict[State, str] = {
    State.QUEUED: "Pending",
    State.READY: "Pending",
    State.SUBMITTING: "Pending",
    State.RUNNING: "Running",
    State.SAVING: "Running",
    State.SUCCEEDED: "Success",
    State.FAILED: "Failure",
    State.CANCELLED: "Failure",  # the documents of these models have four words only
}


class SubmitOutput(msgspec.Struct, frozen=True):
    task_id: str


class Submitted(msgspec.Struct, frozen=True):
    """`ignored`: names of fields that had no effect; ours, and only where there are any."""

    output: SubmitOutput
    request_id: str
    ignored: list[str] | msgspec.UnsetType = msgspec.UNSET


class StatusOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    task_id: str
    task_status: Literal["Pending", "Running", "Success", "Failure"]
    submit_time: int  # Unix seconds
    progress: int  # 0 to 100; ours
    urls: list[str] | None = None
    finish_time: int | None = None
    error_message: str | None = None
    waiting: WaitingFor | None = None  # ours


class StatusUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Seconds of video made; the last three of models that document them."""

    duration: int | None = None
    output_video_duration: float | None = None
    video_count: int | None = None
    SR: int | None = None


class Status(msgspec.Struct, frozen=True):
    output: StatusOutput
    usage: StatusUsage
    request_id: str


class TaskErrorBody(msgspec.Struct, frozen=True):
    message: str
    type: str
    param: str  # Modelverse puts the request's id here; the field's name is in the message
    code: str


class TaskError(msgspec.Struct, frozen=True):
    error: TaskErrorBody
    request_id: str


class Tasks:
    """Modelverse's task API over the job store."""

    name = "tasks"
    shows_link = True
    refusal = TaskError

    def __init__(self, cards: Sequence[Card] = CARDS) -> None:
        self.routes = _ROUTES
        self._own = own = named_by_none(_NAMES, cards)
        self.form_names = _NAMES | {name: f"parameters.{name}" for name in own}
        self._parameters = parameters_of(_parameters(cards))
        self._usage_fields = {card.id: card.usage for card in cards}

    def parse(self, call: Call) -> CreateCall:
        return read_sections(
            body_of(call),
            dialect=self.name,
            inputs=_INPUT_SECTION,
            parameters=self._parameters,
            names=self.form_names,
            own=self._own,
        )

    def words(self, call: Call) -> Vocabulary:  # noqa: ARG002  - the port's shape
        return "unified"

    def job_id(self, call: Call) -> str:
        task_id = call.query.get("task_id", "")
        if not task_id:
            raise MissingField("task_id", "the id that /v1/tasks/submit answered")
        return task_id

    def state_word(self, job: Job, call: Call) -> str:  # noqa: ARG002  - the port's shape
        return WORDS[job.state]

    def submitted(self, job: Job, view: JobView) -> Submitted:
        return Submitted(SubmitOutput(job.id), view.call.request_id, view.ignored)

    def status(self, job: Job, view: JobView) -> Status:
        output = StatusOutput(
            task_id=job.id,
            task_status=WORDS[job.state],  # type: ignore[arg-type]
            submit_time=job.created_ms // 1000,
            progress=int(view.progress * 100),
            urls=None if view.url is None else [view.url],
            finish_time=None if job.ended_ms is None else job.ended_ms // 1000,
            error_message=_error_message(job),
            waiting=waiting_for(view.stall),
        )
        return Status(output, self._usage(job), view.call.request_id)

    def _usage(self, job: Job) -> StatusUsage:
        if job.video is None or job.usage is None:
            return StatusUsage(duration=0) if job.state.is_final else StatusUsage()
        fields: dict[str, Any] = {
            "duration": job.usage.duration_s,
            "output_video_duration": job.video.duration_s,
            "video_count": job.usage.video_count,
            "SR": job.usage.tier_height,
        }
        documented = self._usage_fields[job.request.model]
        return StatusUsage(**{name: fields[name] for name in documented})

    def error(self, error: UnstillError, request_id: str) -> TaskError:
        kind, code = _error_words(type(error))
        return TaskError(TaskErrorBody(error.message, kind, request_id, code), request_id)

    def error_status(self, kind: type[UnstillError]) -> int:
        return kind.status

    def error_code(self, kind: type[UnstillError]) -> str:
        _, code = _error_words(kind)
        return code


def _error_message(job: Job) -> str | None:
    if job.state is State.CANCELLED:
        return "cancelled: the task was cancelled"
    if job.failure is None:
        return None
    return f"{job.failure.code}: {job.failure.message}"


def _error_words(kind: type[UnstillError]) -> tuple[str, str]:
    """Type and code of the common error page; its code for every bad parameter is `param_error`."""
    if issubclass(kind, BadKey):
        return "invalid_request_error", "auth_error"
    if issubclass(kind, (Overloaded, OverLimit)):
        return "rate_limit_error", "rate_limit"
    if issubclass(kind, OverBudget):
        return "invalid_request_error", kind.code
    if issubclass(kind, CallerError):
        return "invalid_request_error", "param_error"
    return "internal_error", "internal_error"


def _parameters(cards: Sequence[Card]) -> dict[str, str]:
    return _PARAMETERS | named_by_none(_NAMES, cards)


def _body_schema(cards: Sequence[Card]) -> dict[str, Any]:
    return sectioned_schema(cards, _INPUT, _parameters(cards))


def _body_form(cards: Sequence[Card]) -> dict[str, Any]:
    return sectioned_form(cards, _INPUT, _parameters(cards))


_TASK_ID = Parameter(
    "query",
    "task_id",
    "The task's id, as its create call answered it.",
    {"type": "string", "minLength": 1},
    is_needed=True,
    is_job_id=True,
)
_ROUTES: tuple[Route[Tasks], ...] = (
    Route(
        "POST",
        "/v1/tasks/submit",
        SUBMIT,
        "Make a video from a picture",
        answers=(Submitted,),
        body=_body_schema,
        form=_body_form,
        job_id_at="/output/task_id",
    ),
    Route(
        "GET",
        "/v1/tasks/status",
        STATUS,
        "Ask how a task is doing",
        answers=(Status,),
        parameters=(_TASK_ID, WAIT),
    ),
)
