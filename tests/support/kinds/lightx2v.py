"""LightX2V: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import WAN22, WAN27
from support.upstream_requests import request

LIGHTX2V_TASKS = "/v1/tasks/video/"


def lightx2v(**changes: Any) -> dict[str, Any]:
    body = {
        "task_id": str(uuid4()),
        "prompt": "a cat",
        "image_path": PICTURE,
        "target_video_length": 81,
        "target_shape": [720, 1280],
    }
    return body | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(LIGHTX2V_TASKS, json=lightx2v(prompt=prompt))


ROW = Row(
    request(WAN27),
    "",
    has_links=False,
    cancels=True,
    looks_at_frames=False,
    own={"models": {WAN22: "wan2.2_moe/flf2v", WAN27: "wan2.2_moe"}},
)
BY_HAND = ByHand(
    submit,
    "completed",
    poll="/v1/tasks/{id}/status",
    id_at="task_id",
    content="/v1/tasks/{id}/result",
)
