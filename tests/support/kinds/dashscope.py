"""DashScope: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN27
from support.upstream_requests import request

ASYNC = {"x-dashscope-async": "enable"}
SYNTHESIS = "/api/v1/services/aigc/video-generation/video-synthesis"
KEYFRAMES = "/api/v1/services/aigc/image2video/video-synthesis"


def wan27(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": "wan2.7-i2v",
        "input": {"prompt": "a cat", "media": [{"type": "first_frame", "url": PICTURE}]},
        "parameters": {"resolution": "720P", "duration": 5},
    }
    return body | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    body = wan27(input={"prompt": prompt, "media": [{"type": "first_frame", "url": PICTURE}]})
    return emulator.http.post(SYNTHESIS, json=body, headers=ASYNC)


ROW = Row(request(WAN27, duration_s=2), "/api/v1", cancels=True)
BY_HAND = ByHand(
    submit,
    "SUCCEEDED",
    poll="/api/v1/tasks/{id}",
    id_at="output.task_id",
    word_at="output.task_status",
    failed="FAILED",
    link_at="output.video_url",
    lost_word="UNKNOWN",
)
