"""The one builder of a canonical request, with the ids of the models that tests ask for."""

from __future__ import annotations

from typing import Any

from unstill.domain.request import Frame, VideoRequest

WAN22 = "Wan-AI/Wan2.2-I2V"
WAN27 = "wan2.7-i2v"
SORA = "openai/sora-2/image-to-video-pro"
HAPPYHORSE = "happyhorse-1.0-i2v"
HAPPYHORSE11 = "happyhorse-1.1-i2v"
SEEDANCE20 = "doubao-seedance-2.0"
SEEDANCE25 = "doubao-seedance-2.5"
KLING = "kling-v3"
MINIMAX = "minimax-h3"

URL = "https://example.com/cat.jpg"


def a_request(**fields: Any) -> VideoRequest:
    """Five seconds of a first frame that is to be fetched; `fields` are those of VideoRequest."""
    plain: dict[str, Any] = {
        "model": WAN27,
        "prompt": "push in",
        "first_frame": Frame("first", "input.first_frame_url", url=URL),
        "duration_s": 5,
        "frame_rate": 30,
        "seed": 1,
    }
    return VideoRequest(**plain | fields)
