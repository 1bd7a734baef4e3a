"""Why a job's video, or a picture that it was given, is not shown."""

from __future__ import annotations

from unstill.domain.errors import CallerError
from unstill.domain.request import MASK_ROLES, Role


class NotReady(CallerError):
    code = "not_ready"

    def __init__(self, job_id: str, word: str) -> None:
        super().__init__(f"task is not completed yet, current status: {word}")
        self.job_id = job_id


class NoVideo(CallerError):
    code = "no_video"

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"task has no video: {reason}")
        self.job_id = job_id


class VideoRemoved(NoVideo):
    """Its time was over: nothing is wrong with it, and asking again does not help."""

    code = "video_removed"
    status = 410

    def __init__(self, job_id: str, removed: str) -> None:
        CallerError.__init__(
            self, f"the video was removed on {removed}: this server keeps videos for a while only"
        )
        self.job_id = job_id


class BadRange(CallerError):
    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"the range is outside the file, which has {size_bytes} bytes")
        self.size_bytes = size_bytes


def named(role: Role) -> str:
    return role if role in MASK_ROLES else f"{role} frame"


class NoPicture(CallerError):
    code = "no_picture"
    status = 404

    def __init__(self, role: Role, reason: str) -> None:
        super().__init__(f"there is no {named(role)} to show: {reason}")


class PictureRemoved(NoPicture):
    """Its time was over: nothing is wrong with it, and asking again does not help."""

    code = "picture_removed"
    status = 410

    def __init__(self, role: Role) -> None:
        CallerError.__init__(
            self, f"the {named(role)} was removed: this server keeps pictures for a while only"
        )
