"""Requests and orders for engines, as small as they can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from support.requests import SORA, a_request
from support.servers import PHOTOS
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.upstreams.port import UpstreamRequest

HD = Size(1280, 720)
LAST = Frame("last", "input.last_frame_url", sha256="0" * 64)


def request(model: str, **changes: Any) -> VideoRequest:
    """5 s (Sora: 4 s) of a first frame at 720P; `changes` are fields of VideoRequest."""
    fields: dict[str, Any] = {
        "prompt": "walk",
        "first_frame": Frame("first", "input.first_frame_url", sha256="0" * 64),
        "duration_s": 4 if model == SORA else 5,
        "frame_rate": 24,
        "seed": 7,
    }
    return a_request(model=model, **fields | changes)


def upstream_request(
    asked: VideoRequest, *, size: Size = HD, photo: Path | None = None
) -> UpstreamRequest:
    """The order for `asked`, each of its frames the same photo, under a key of its own."""
    photo = photo or next(iter(sorted(PHOTOS.glob("*.jpg"))))
    frames = {frame.role: photo for frame in asked.frames}
    return UpstreamRequest("job-1", asked, size, frames, key=str(uuid4()))
