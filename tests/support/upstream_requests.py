"""Requests and orders for engines, as small as they can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.servers import PHOTOS
from unstill.domain.request import Frame, Size, VideoRequest
from unstill.upstreams.port import UpstreamRequest

WAN22 = "Wan-AI/Wan2.2-I2V"
WAN27 = "wan2.7-i2v"
SORA = "openai/sora-2/image-to-video-pro"
HAPPYHORSE = "happyhorse-1.0-i2v"

HD = Size(1280, 720)
LAST = Frame("last", "input.last_frame_url", sha256="0" * 64)


def request(model: str, **changes: Any) -> VideoRequest:
    """5 s (Sora: 4 s) of a first frame at 720P; `changes` are fields of VideoRequest."""
    fields: dict[str, Any] = {
        "model": model,
        "prompt": "walk",
        "first_frame": Frame("first", "input.first_frame_url", sha256="0" * 64),
        "duration_s": 4 if model == SORA else 5,
        "frame_rate": 24,
        "seed": 7,
    }
    return VideoRequest(**fields | changes)


def upstream_request(
    asked: VideoRequest, *, size: Size = HD, photo: Path | None = None
) -> UpstreamRequest:
    """The order for `asked`, each of its frames the same photo."""
    photo = photo or next(iter(sorted(PHOTOS.glob("*.jpg"))))
    return UpstreamRequest("job-1", asked, size, {frame.role: photo for frame in asked.frames})
