"""The answers of the videos dialect: their types, in both sets of words, and how a job fills them.

Source: the unified /v1/videos document, and OpenAI's specification.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from unstill.dialects.call import JobView
from unstill.dialects.waiting_reason import WaitingFor, waiting_for
from unstill.domain.job import Job, State

UNIFIED_WORDS: dict[State, str] = {
    State.QUEUED: "QUEUED",
    State.READY: "QUEUED",
    State.SUBMITTING: "QUEUED",
    State.RUNNING: "IN_PROGRESS",
    State.SAVING: "IN_PROGRESS",
    State.SUCCEEDED: "SUCCESS",
    State.FAILED: "FAILURE",
    State.CANCELLED: "FAILURE",
}
OPENAI_WORDS: dict[State, str] = {
    State.QUEUED: "queued",
    State.READY: "queued",
    State.SUBMITTING: "queued",
    State.RUNNING: "in_progress",
    State.SAVING: "in_progress",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}


class VideoError(msgspec.Struct, frozen=True):
    code: str
    message: str


class UnifiedVideo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job as the unified document shows it; progress, error, waiting and ignored are ours."""

    id: str
    object: Literal["video"]
    status: Literal["QUEUED", "IN_PROGRESS", "SUCCESS", "FAILURE"]
    created_at: int  # Unix seconds
    model: str
    prompt: str
    size: str
    seconds: str
    progress: int  # 0 to 100
    completed_at: int | None = None
    error: VideoError | None = None
    waiting: WaitingFor | None = None
    ignored: list[str] | msgspec.UnsetType = msgspec.UNSET  # only a submit has them


class OpenAIVideo(msgspec.Struct, frozen=True):
    """A job as OpenAI's specification has it: every key, nulls included; the last two are ours."""

    id: str
    object: Literal["video"]
    model: str
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int  # 0 to 100
    created_at: int  # Unix seconds
    completed_at: int | None
    expires_at: int | None  # until then the video is kept; null: until it is deleted
    prompt: str
    size: str
    seconds: str
    remixed_from_video_id: str | None
    error: VideoError | None
    waiting: WaitingFor | msgspec.UnsetType = msgspec.UNSET
    ignored: list[str] | msgspec.UnsetType = msgspec.UNSET  # only a submit has them


class VideoEvent(msgspec.Struct, frozen=True):
    """What a stream of events says of a job each time: every key, nulls included. Ours."""

    id: str
    status: Literal[
        "QUEUED",
        "IN_PROGRESS",
        "SUCCESS",
        "FAILURE",
        "queued",
        "in_progress",
        "completed",
        "failed",
    ]
    progress: int  # 0 to 100
    queue_position: int | None  # 1: the next one
    expected_at: int | None  # Unix seconds
    error: VideoError | None
    waiting: WaitingFor | None


_EITHER_VIDEO = msgspec.Meta(
    extra_json_schema={
        "items": {
            "anyOf": [
                {"$ref": "#/components/schemas/OpenAIVideo"},
                {"$ref": "#/components/schemas/UnifiedVideo"},
            ]
        }
    }
)


class VideoList(msgspec.Struct, frozen=True):
    data: Annotated[list[Any], _EITHER_VIDEO]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class VideoDeleted(msgspec.Struct, frozen=True):
    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: bool = True


def unified(job: Job, view: JobView) -> UnifiedVideo:
    return UnifiedVideo(
        id=job.id,
        object="video",
        status=UNIFIED_WORDS[job.state],  # type: ignore[arg-type]
        model=job.model,
        created_at=job.created_ms // 1000,
        prompt=job.request.prompt,
        size=_size(job),
        seconds=str(job.seconds),
        progress=_percent(job, view),
        completed_at=_completed_at(job),
        error=_error(job),
        waiting=waiting_for(view.stall),
        ignored=view.ignored,
    )


def openai(job: Job, view: JobView) -> OpenAIVideo:
    return OpenAIVideo(
        id=job.id,
        object="video",
        model=job.model,
        status=OPENAI_WORDS[job.state],  # type: ignore[arg-type]
        progress=_percent(job, view),
        created_at=job.created_ms // 1000,
        completed_at=_completed_at(job),
        expires_at=None if view.video_until_ms is None else view.video_until_ms // 1000,
        prompt=job.request.prompt,
        size=_size(job),
        seconds=str(job.seconds),
        remixed_from_video_id=None,
        error=_error(job),
        waiting=waiting_for(view.stall) or msgspec.UNSET,
        ignored=view.ignored,
    )


def event(
    job: Job, view: JobView, *, status: str, queue_position: int | None, expected_ms: int | None
) -> VideoEvent:
    return VideoEvent(
        id=job.id,
        status=status,  # type: ignore[arg-type]
        progress=_percent(job, view),
        queue_position=queue_position,
        # Not a moment too early, as the header has it.
        expected_at=None if expected_ms is None else -(-expected_ms // 1000),
        error=_error(job),
        waiting=waiting_for(view.stall),
    )


def _size(job: Job) -> str:
    """The finished video's own size; before that what it is to be, or what was asked for."""
    if job.video is not None:
        return f"{job.video.width}x{job.video.height}"
    return str(job.size or job.request.size or job.request.tier)


def _percent(job: Job, view: JobView) -> int:
    """Below 100 until the video is there: an SDK may stop at 100."""
    return 100 if job.state is State.SUCCEEDED else min(int(view.progress * 100), 99)


def _completed_at(job: Job) -> int | None:
    if job.state is not State.SUCCEEDED or job.ended_ms is None:
        return None
    return job.ended_ms // 1000


def _error(job: Job) -> VideoError | None:
    if job.state is State.CANCELLED:
        return VideoError("cancelled", "the video was cancelled")
    if job.failure is None:
        return None
    return VideoError(job.failure.code, job.failure.message)
