"""The answers of the dashscope dialect: their types, words, times and codes.

Source: as for dialect.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Literal

import msgspec

from unstill.dialects.waiting_reason import WaitingFor
from unstill.domain.access_errors import (
    ForeignHost,
    ForeignOrigin,
    ModelNotAllowed,
    OverBudget,
    OverBytes,
    OverLimit,
)
from unstill.domain.errors import (
    BadImage,
    BadKey,
    BadPolicy,
    BodyTooLarge,
    CallerError,
    JobDeleted,
    NoSuchJob,
    NoSuchRoute,
    Overloaded,
    ShuttingDown,
    StorageFailed,
    SynchronousCall,
    TooLateToCancel,
    UnknownModel,
    UnstillError,
    WrongMethod,
)
from unstill.domain.job import Job, State

TaskWord = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"]
Kinds = type[UnstillError] | tuple[type[UnstillError], ...]

# DashScope's times are texts without a zone; its event samples show that they are Beijing's.
BEIJING = timezone(timedelta(hours=8))

WORDS: dict[State, TaskWord] = {
    State.QUEUED: "PENDING",
    State.READY: "PENDING",
    State.SUBMITTING: "PENDING",
    State.RUNNING: "RUNNING",
    State.SAVING: "RUNNING",
    State.SUCCEEDED: "SUCCEEDED",
    State.FAILED: "FAILED",
    State.CANCELLED: "CANCELED",
}

# Ours for which the error code page has a word; a code of an upstream is passed on as it is.
_FAILURES = {
    "invalid_image": "InvalidParameter.DataInspection",
    "deadline_exceeded": "InternalError.Timeout",
    "internal_error": "InternalError",
    "engine_died": "InternalError",
    "task_failed": "InternalError",
    "invalid_video": "InternalError",
}

# For most models `duration` is the sum of the last two.
USAGE = ("duration", "SR", "video_count", "input_video_duration", "output_video_duration")


class AsyncCreatedOutput(msgspec.Struct, frozen=True):
    task_status: Literal["PENDING"]
    task_id: str


class AsyncCreated(msgspec.Struct, frozen=True):
    """`ignored`: names of fields that had no effect; ours, and only where there are any."""

    output: AsyncCreatedOutput
    request_id: str
    ignored: list[str] | msgspec.UnsetType = msgspec.UNSET


class AsyncOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task; code and message only here, because an SDK takes a `code` beside it for an error."""

    task_id: str
    task_status: TaskWord
    submit_time: str | None = None  # YYYY-MM-DD HH:MM:SS.mmm, UTC+8, as all three
    scheduled_time: str | None = None
    end_time: str | None = None
    orig_prompt: str | None = None
    video_url: str | None = None
    code: str | None = None
    message: str | None = None
    waiting: WaitingFor | None = None  # ours


class AsyncUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whole seconds; only of videos that were made."""

    duration: int
    SR: int
    video_count: int
    input_video_duration: int | None = None
    output_video_duration: int | None = None


class AsyncTask(msgspec.Struct, frozen=True, omit_defaults=True):
    request_id: str
    output: AsyncOutput
    usage: AsyncUsage | None = None


class AsyncRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """A task in a list; times in Unix milliseconds."""

    task_id: str
    status: TaskWord
    model_name: str
    gmt_create: int
    start_time: int
    user_api_unique_key: str
    end_time: int | None = None


class AsyncTaskList(msgspec.Struct, frozen=True):
    """`data` is the documented list; `tasks` is what the SDK's second generation reads."""

    request_id: str
    total: int
    total_page: int
    page_no: int
    page_size: int
    data: list[AsyncRow]
    tasks: list[AsyncOutput]


class AsyncCancelled(msgspec.Struct, frozen=True):
    request_id: str


class UploadPolicyData(msgspec.Struct, frozen=True):
    policy: str
    signature: str
    upload_dir: str
    upload_host: str
    expire_in_seconds: int
    max_file_size_mb: int
    oss_access_key_id: str
    x_oss_object_acl: str
    x_oss_forbid_overwrite: str


class UploadPolicy(msgspec.Struct, frozen=True):
    request_id: str
    data: UploadPolicyData


class AsyncError(msgspec.Struct, frozen=True):
    """Flat: no `error` around it."""

    code: str
    message: str
    request_id: str


def timed(job: Job) -> AsyncOutput:
    return AsyncOutput(
        task_id=job.id,
        task_status=WORDS[job.state],
        submit_time=_text(job.created_ms),
        scheduled_time=None if job.started_ms is None else _text(job.started_ms),
        end_time=None if job.ended_ms is None else _text(job.ended_ms),
    )


def _text(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms // 1000, BEIJING)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment_ms % 1000:03d}"


def failure_code(job: Job) -> str | None:
    if job.failure is None:
        return None
    return _FAILURES.get(job.failure.code, job.failure.code)


def usage_of(job: Job, documented: Sequence[str]) -> AsyncUsage | None:
    """`documented`: the names of the fields that it has for the job's model."""
    if job.video is None or job.usage is None:
        return None
    fields = {
        "duration": job.usage.duration_s,
        "SR": job.usage.tier_height,
        "video_count": job.usage.video_count,
        "input_video_duration": 0,
        "output_video_duration": job.usage.duration_s,
    }
    return AsyncUsage(**{name: fields[name] for name in documented})


def row_of(job: Job) -> AsyncRow:
    return AsyncRow(
        task_id=job.id,
        status=WORDS[job.state],
        model_name=job.model,
        gmt_create=job.created_ms,
        start_time=job.created_ms,
        user_api_unique_key=f"apikey:v1:aigc:image2video:video-synthesis:{job.model}",
        end_time=job.ended_ms,
    )


def error_code(kind: type[UnstillError]) -> str:
    """The word of the error code page."""
    return next((word for kinds, word in _ERRORS if issubclass(kind, kinds)), "InternalError")


# The first that fits.
_ERRORS: tuple[tuple[Kinds, str], ...] = (
    (BadKey, "InvalidApiKey"),
    (UnknownModel, "ModelNotFound"),
    (ModelNotAllowed, "Model.AccessDenied"),
    (BadImage, "InvalidParameter.DataInspection"),
    ((SynchronousCall, BadPolicy, ForeignHost, ForeignOrigin), "AccessDenied"),
    ((JobDeleted, NoSuchRoute), "NotFound"),
    ((TooLateToCancel, NoSuchJob), "UnsupportedOperation"),
    (WrongMethod, "MethodNotAllowed"),
    ((BodyTooLarge, OverBytes), "BadRequest.TooLarge"),
    (OverLimit, "Throttling.RateQuota"),
    (OverBudget, "BudgetExceeded"),
    (CallerError, "InvalidParameter"),
    ((Overloaded, ShuttingDown, StorageFailed), "ServiceUnavailable"),
)
