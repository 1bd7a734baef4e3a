"""Why the picture that a job was given is not shown again."""

from __future__ import annotations

from unstill.domain.errors import CallerError
from unstill.domain.request import Role


class NoPicture(CallerError):
    code = "no_picture"
    status = 404

    def __init__(self, role: Role, reason: str) -> None:
        super().__init__(f"there is no {role} frame to show: {reason}")


class PictureRemoved(NoPicture):
    """Its time was over: nothing is wrong with it, and asking again does not help."""

    code = "picture_removed"
    status = 410

    def __init__(self, role: Role) -> None:
        CallerError.__init__(
            self, f"the {role} frame was removed: this server keeps pictures for a while only"
        )
