"""MiniMax: a request that it can serve, and how it is called by hand."""

from __future__ import annotations

from typing import Any

import httpx2

from support.emulator_process import Emulator
from support.kind_rows import PICTURE, ByHand, Row
from support.requests import MINIMAX
from support.upstream_requests import request

MINIMAX_TASKS = "/v2/video_generation"


def h3(prompt: str = "a cat", **changes: Any) -> dict[str, Any]:
    picture = {"type": "image_url", "image_url": {"url": PICTURE}, "role": "first_frame"}
    body: dict[str, Any] = {
        "model": "MiniMax-H3",
        "content": [{"type": "text", "text": prompt}, picture],
        "resolution": "768P",
        "duration": 5,
    }
    return body | changes


def submit(emulator: Emulator, prompt: str) -> httpx2.Response:
    return emulator.http.post(MINIMAX_TASKS, json=h3(prompt))


ROW = Row(request(MINIMAX, tier="768P"), "", cancels=True)
BY_HAND = ByHand(
    submit,
    "succeeded",
    poll="/v2/query/video_generation/{id}",
    id_at="task_id",
    word_at="task.status",
    link_at="task.content.url",
)
