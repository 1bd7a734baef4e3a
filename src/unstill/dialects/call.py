"""What a dialect is told: a call, what a job's row does not say, the leave for an upload."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from unstill.domain.stall import Stall


class Call(msgspec.Struct, frozen=True):
    """One request to the server, as a dialect sees it."""

    request_id: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: object = None  # JSON, or a form made into the same shape; uploads are bytes
    is_form: bool = False


class JobView(msgspec.Struct, frozen=True):
    """What an answer about a job needs besides its row."""

    call: Call
    url: str | None  # signed link to the finished video, for a dialect that shows it
    progress: float  # 0 to 1
    stall: Stall | None = None  # why it waits longer than it should
    # The caller's names of what had no effect; only a submit has them.
    ignored: list[str] | msgspec.UnsetType = msgspec.UNSET
    video_until_ms: int | None = None  # no longer is the video kept; None: for ever, or none yet


class UploadLeave(msgspec.Struct, frozen=True):
    """Leave to upload one picture: what its form has to bring along, and where it goes."""

    policy: str
    signature: str
    upload_dir: str
    upload_host: str
    life_s: int
    most_bytes: int
