"""The errors of media tasks.

UnstillError
├── BadField
│   └── FieldRefused  a field of a large body, told by the child that read it
├── UpstreamError
│   └── BadVideo      a result that is not a whole mp4 of about the right length
└── OwnError
    ├── TaskFailed    a child's own refusal; `child_code` is the word it gave
    └── EngineDied
        └── DiedAtWork    it ended, or had to be ended, while it had the task

What is wrong with a picture or a body is `unstill.domain.errors.BadImage` and its siblings, a full
disk `StorageFull`, one that fails `StorageFailed`, a child that could not start `EngineDied`
itself.
"""

from __future__ import annotations

from unstill.domain.errors import (
    BadBody,
    BadField,
    BadImage,
    EngineDied,
    OwnError,
    StorageFailed,
    StorageFull,
    UnstillError,
    UnsupportedBody,
    UpstreamError,
)
from unstill.media.events import TaskRefused


class FieldRefused(BadField):
    """A field that a child program has refused, in its words."""

    def __init__(self, param: str, message: str) -> None:
        UnstillError.__init__(self, message)
        self.param = param
        self.allowed = ""
        self.got = None
        self.found = ""


class BadVideo(UpstreamError):
    code = "invalid_video"


class TaskFailed(OwnError):
    code = "task_failed"

    def __init__(self, child_code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.child_code = child_code
        self.param = param


class DiedAtWork(EngineDied):
    """The task's own data is the likely cause."""


def error_of(failed: TaskRefused) -> UnstillError:
    """The error that a child's `TaskRefused` stands for, as it was before it became a line."""
    match failed:
        case TaskRefused(code=BadImage.code, param=str(param)):
            return BadImage(param, failed.message.removeprefix(f"{param}: "))
        case TaskRefused(code=BadField.code, param=str(param)):
            return FieldRefused(param, failed.message)
        case TaskRefused(code=BadBody.code):
            return BadBody(failed.message)
        case TaskRefused(code=UnsupportedBody.code):
            return UnsupportedBody(failed.message)
        case TaskRefused(code=BadVideo.code):
            return BadVideo(failed.message)
        case TaskRefused(code=StorageFull.code):
            return StorageFull(failed.message)
        case TaskRefused(code=StorageFailed.code):
            return StorageFailed(failed.message)
        case _:
            return TaskFailed(failed.code, failed.message, failed.param)
